// What became of texts that came lately: the same address stands in every span of a trace. rules.ts asks before it looks for anything.

import type { Instead } from '../../core/mask/index.ts'

/** What the detectors said of a text in which the pass saw `bits`. */
export interface Said {
  readonly bits: number
  /** What was found, as rows of the tally. */
  readonly rows: readonly number[]
  /** Where it can be deleted, and where it cannot. */
  readonly deletable: Instead
  readonly otherwise: Instead
}

/** Texts, twice. With the longest that is kept this bounds the memory, at 2 MB. */
const GENERATION = 2048
const LONGEST = 256

/** Two generations: when the younger one is full, the older one goes. That costs less than keeping an order. */
export class Recent {
  #young = new Map<string, Said>()
  #old = new Map<string, Said>()

  get(text: string, bits: number): Said | undefined {
    const said = this.#young.get(text) ?? this.#old.get(text)
    return said?.bits === bits ? said : undefined
  }

  set(text: string, said: Said): void {
    if (text.length > LONGEST) return
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(text, said)
  }
}
