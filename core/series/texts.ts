// Texts that come again and again, as bytes: each is made into a string once. Connectors that keep the names of spans' attributes have one.

import { KeyTable } from './key-table.ts'
import { asText } from './labels.ts'

const SPARE_TEXTS = 1024

export class Texts {
  readonly #table = new KeyTable()
  #texts: string[] = []

  /** The text of the AnyValue whose body lies there. */
  ofValue(bytes: Buffer, from: number, to: number): string {
    this.#table.begin()
    this.#table.part(bytes, from, to)
    const known = this.#table.find()
    return known < 0 ? this.#add(asText(bytes.subarray(from, to))) : this.#texts[known]!
  }

  #add(text: string): string {
    // The table forgets all when it is full.
    if (this.#texts.length > 2 * this.#table.size + SPARE_TEXTS) {
      this.#table.clear()
      this.#texts = []
    }
    if (this.#table.set(this.#texts.length)) this.#texts.push(text)
    return text
  }
}
