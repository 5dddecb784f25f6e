// From the bytes of a key to a number, without making a string of them: what finds the series of a span. A cache beside whoever knows all
// keys: it may be cleared at any time, and clears itself when it is full.

/** In bytes: longer keys are not remembered. */
const LONGEST_KEY = 4096
/** In bytes, of all keys, where its owner does not say. */
const MOST_BYTES = 32 * 1024 * 1024
const FIRST_SLOTS = 1024
/** Of a slot: the hash, where the key begins (in words), its length (in words), the value. A length of 0: nobody is here. */
const STRIDE = 4

export class KeyTable {
  #slots = new Int32Array(FIRST_SLOTS * STRIDE)
  #used = 0
  #keys = new Int32Array(16_384)
  #keysEnd = 0
  #hash = 0
  /** Where the last search ended: at its key, or at the slot that is free for it. */
  #found = 0
  /** The key that is being written, in whole words. */
  #words = new Int32Array(256)
  #bytes: Buffer = Buffer.from(this.#words.buffer)
  #at = 0
  /** Nobody outside knows which keys meet in one slot. */
  readonly #seed = (Math.random() * 0x1_0000_0000) | 0

  readonly #mostBytes: number

  constructor(mostBytes: number = MOST_BYTES) {
    this.#mostBytes = mostBytes
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#used
  }

  clear(): void {
    this.#slots = new Int32Array(FIRST_SLOTS * STRIDE)
    this.#keys = new Int32Array(16_384)
    this.#used = this.#keysEnd = this.#found = 0
  }

  /** A new key: what follows is written into it. */
  begin(): void {
    this.#at = 0
  }

  int(value: number): void {
    if (this.#at + 4 > this.#bytes.length) this.#grow(4)
    this.#words[this.#at >> 2] = value
    this.#at += 4
  }

  /** With its length in front, so that two texts in a row are not like two others. */
  part(source: Uint8Array, from: number, to: number): void {
    const length = to - from
    const needed = 8 + length
    if (this.#at + needed > this.#bytes.length) this.#grow(needed)
    const bytes = this.#bytes
    const at = this.#at + 4
    this.#words[this.#at >> 2] = length
    const end = at + length
    // What stands behind the text in its last word is from an earlier key.
    this.#words[end >> 2] = 0
    if (length < 48) for (let i = 0; i < length; i++) bytes[at + i] = source[from + i]!
    else bytes.set(source.subarray(from, to), at)
    this.#at = (end + 3) & ~3
  }

  #grow(needed: number): void {
    const words = new Int32Array(((this.#at + needed) >> 2) * 2)
    words.set(this.#words)
    this.#words = words
    this.#bytes = Buffer.from(words.buffer)
  }

  /** The number that was remembered for the key as it was written, or -1. */
  find(): number {
    const words = this.#words
    const length = this.#at >> 2
    let hash = this.#seed ^ length
    for (let i = 0; i < length; i++) {
      hash = Math.imul(hash ^ words[i]!, 0x9e37_79b1)
      hash ^= hash >>> 15
    }
    this.#hash = hash
    const slots = this.#slots
    const mask = slots.length / STRIDE - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = slot * STRIDE
      this.#found = row
      if (slots[row + 2] === 0) return -1
      if (slots[row] === hash && slots[row + 2] === length && this.#equals(slots[row + 1]!, length)) return slots[row + 3]!
    }
  }

  #equals(at: number, length: number): boolean {
    const [keys, words] = [this.#keys, this.#words]
    for (let i = 0; i < length; i++) if (keys[at + i] !== words[i]) return false
    return true
  }

  /**
   * Remembers `value`, which is not negative, for the key that `find` has just looked for; in the place of another, where there was one. False where it is too long to be
   * remembered.
   */
  set(value: number): boolean {
    const length = this.#at >> 2
    if (length === 0 || this.#at > LONGEST_KEY) return false
    if (this.#slots[this.#found + 2] !== 0) {
      this.#slots[this.#found + 3] = value
      return true
    }
    if ((this.#keysEnd + length) * 4 > this.#mostBytes) this.clear()
    if ((this.#used + 1) * STRIDE * 2 > this.#slots.length) this.#rehash()
    if (this.#keysEnd + length > this.#keys.length) {
      const keys = new Int32Array(Math.max(this.#keys.length * 2, this.#keysEnd + length))
      keys.set(this.#keys)
      this.#keys = keys
    }
    this.#keys.set(this.#words.subarray(0, length), this.#keysEnd)
    put(this.#slots, this.#hash, this.#keysEnd, length, value)
    this.#keysEnd += length
    this.#used++
    return true
  }

  #rehash(): void {
    const old = this.#slots
    this.#slots = new Int32Array(old.length * 2)
    for (let row = 0; row < old.length; row += STRIDE)
      if (old[row + 2] !== 0) put(this.#slots, old[row]!, old[row + 1]!, old[row + 2]!, old[row + 3]!)
  }
}

function put(slots: Int32Array, hash: number, at: number, length: number, value: number): void {
  const mask = slots.length / STRIDE - 1
  let slot = hash & mask
  while (slots[slot * STRIDE + 2] !== 0) slot = (slot + 1) & mask
  const row = slot * STRIDE
  slots[row] = hash
  slots[row + 1] = at
  slots[row + 2] = length
  slots[row + 3] = value
}
