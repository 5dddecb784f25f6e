// The places that a pass has found: columns, so that finding one allocates nothing. `anchor-scan.ts` fills them, `pii` reads them.

export class Places {
  /** `[starts, ends)`, offsets into the bytes; and what was seen there. The columns are replaced as they grow. */
  starts: Uint32Array = new Uint32Array(64)
  ends: Uint32Array = new Uint32Array(64)
  bits: Uint32Array = new Uint32Array(64)
  #count = 0
  #isSorted = true

  get count(): number {
    if (!this.#isSorted) this.#sort()
    return this.#count
  }

  protected clear(): void {
    this.#count = 0
    this.#isSorted = true
  }

  protected add(start: number, end: number, bits: number): void {
    const at = this.#count++
    if (at === this.starts.length) this.#grow()
    if (at > 0 && start < this.starts[at - 1]!) this.#isSorted = false
    this.starts[at] = start
    this.ends[at] = end
    this.bits[at] = bits
  }

  #grow(): void {
    for (const name of ['starts', 'ends', 'bits'] as const) {
      const larger = new Uint32Array(2 * this[name].length)
      larger.set(this[name])
      this[name] = larger
    }
  }

  #sort(): void {
    const order = Array.from({ length: this.#count }, (_, i) => i).sort((a, b) => this.starts[a]! - this.starts[b]!)
    for (const name of ['ends', 'bits', 'starts'] as const) {
      const sorted = new Uint32Array(this[name].length)
      for (const [at, from] of order.entries()) sorted[at] = this[name][from]!
      this[name] = sorted
    }
    this.#isSorted = true
  }
}
