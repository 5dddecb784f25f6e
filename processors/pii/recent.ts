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

/** Texts. With the longest that is kept this bounds the memory, at some megabytes. */
const MOST = 4096
const LONGEST = 256

/** When it is full it begins anew: that costs less than keeping an order, or a second generation in which to look as well. */
export class Recent {
  readonly #said = new Map<string, Said>()

  get(text: string, bits: number): Said | undefined {
    const said = this.#said.get(text)
    return said?.bits === bits ? said : undefined
  }

  set(text: string, said: Said): void {
    if (text.length > LONGEST) return
    if (this.#said.size >= MOST) this.#said.clear()
    this.#said.set(text, said)
  }
}
