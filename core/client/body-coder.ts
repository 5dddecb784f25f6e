// A batch as the body of one request: its chunks end to end, compressed as the destination wants it, or still compressed as they came in.
// Exporters hold one each.

import { compressedOf, wantCompressed } from '../compressed.ts'
import { compress, type Compression } from './compress.ts'

export interface BodyCoderOptions {
  readonly coding: Compression | undefined
  /** Undefined is the one that costs least CPU for what it saves: see compress.ts. */
  readonly level?: number | undefined
  /** Whether the destination reads all members of a gzip body. Some read one, answer OK, and lose the rest. */
  readonly concatenatedMembers: boolean
}

export class BodyCoder {
  readonly coding: Compression | undefined
  readonly #options: BodyCoderOptions
  #unwant: (() => void) | undefined

  constructor(options: BodyCoderOptions) {
    this.coding = options.coding
    this.#options = options
  }

  /** From now on doors remember compressed bytes. */
  start(): void {
    if (this.coding !== undefined) this.#unwant ??= wantCompressed(this.coding)
  }

  stop(): void {
    this.#unwant?.()
  }

  encode(chunks: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    if (this.coding === undefined) return Promise.resolve(chunks)
    const asCame = this.#asCame(chunks, this.coding)
    return asCame === undefined ? this.#compressed(chunks, this.coding) : Promise.resolve(asCame)
  }

  /** What came in compressed and was neither changed nor merged leaves as it came. */
  #asCame(chunks: readonly Uint8Array[], coding: Compression): readonly Uint8Array[] | undefined {
    if (chunks.length > 1 && !(this.#options.concatenatedMembers && coding === 'gzip')) return undefined
    const forms: Uint8Array[] = []
    for (const chunk of chunks) {
      const form = compressedOf(chunk)
      if (form?.coding !== coding) return undefined
      forms.push(form.bytes)
    }
    return forms
  }

  async #compressed(chunks: readonly Uint8Array[], coding: Compression): Promise<readonly Uint8Array[]> {
    return [await compress(coding, chunks, this.#options.level)]
  }
}
