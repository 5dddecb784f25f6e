// Every text of every label once: names and values, metadata. What is interned here is compared by reference, and knows its number in the
// request that is being written, so that the symbols table of remote write 2.0 costs no look-up by text.

export class Sym {
  readonly text: string
  /** UTF-8; where text held lone surrogates, U+FFFD instead. */
  readonly bytes: Uint8Array
  /** 31 bits of the text. */
  readonly hash: number
  /** The request that it last was a symbol of, and its number there. */
  round = -1
  ref = 0

  constructor(text: string) {
    this.text = text
    this.bytes = Buffer.from(text)
    let hash = 0x811c9dc5
    for (const byte of this.bytes) hash = Math.imul(hash ^ byte, 0x01000193)
    this.hash = hash >>> 1
  }
}

export class Symbols {
  #all = new Map<string, Sym>()

  of(text: string): Sym {
    let sym = this.#all.get(text)
    if (sym === undefined) this.#all.set(text, (sym = new Sym(text)))
    return sym
  }

  find(text: string): Sym | undefined {
    return this.#all.get(text)
  }

  get size(): number {
    return this.#all.size
  }

  /** Forgets all but those in `used`, which must hold everything that is still referred to. */
  keep(used: Iterable<Sym>): void {
    const kept = new Map<string, Sym>()
    for (const sym of used) kept.set(sym.text, sym)
    this.#all = kept
  }
}
