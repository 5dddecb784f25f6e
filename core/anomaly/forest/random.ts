// Numbers by chance that a seed repeats: training draws from them, so that a forest can be made again.

/** Marsaglia's xorshift with 128 bits of state: far longer than any training draws, and four integers to keep. */
export class Random {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number) {
    // Neighbouring seeds must not begin alike: each word is mixed from the one before.
    this.#a = mixed(seed | 0)
    this.#b = mixed(this.#a)
    this.#c = mixed(this.#b)
    this.#d = mixed(this.#c) | 1
  }

  /** 0 … 2^32 - 1. */
  word(): number {
    const t = this.#a ^ (this.#a << 11)
    this.#a = this.#b
    this.#b = this.#c
    this.#c = this.#d
    this.#d = this.#d ^ (this.#d >>> 19) ^ t ^ (t >>> 8)
    return this.#d >>> 0
  }

  /** 0 … 1, without 1. */
  unit(): number {
    return this.word() / 2 ** 32
  }

  /** 0 … n - 1. For the few thousand that training draws among, no number is favoured by more than a millionth. */
  below(n: number): number {
    return Math.floor(this.unit() * n)
  }
}

function mixed(word: number): number {
  let h = (word + 0x9e37_79b9) | 0
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35)
  return h ^ (h >>> 16)
}
