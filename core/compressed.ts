// The compressed bytes that a chunk came in as, for an exporter that would compress it the same way: receivers remember them beside the
// chunk, and whatever changes a chunk makes another one, so a changed chunk has none.

/** The codings that survive: one gzip member or one zstd frame, whole, with nothing around it. */
export type SurvivingCoding = 'gzip' | 'zstd'
export interface Compressed {
  readonly coding: SurvivingCoding
  readonly bytes: Uint8Array
}

const forms = new WeakMap<Uint8Array, Compressed>()
const wanted: Record<SurvivingCoding, number> = { gzip: 0, zstd: 0 }

/**
 * Says that this program could send compressed bytes on as they came; without anybody who could, nothing is remembered and nobody pays.
 * Exporters call it when they start, and what it returns when they stop.
 */
export function wantCompressed(coding: SurvivingCoding): () => void {
  wanted[coding]++
  let over = false
  return () => {
    if (!over) wanted[coding]--
    over = true
  }
}

export function isCompressedWanted(coding: SurvivingCoding): boolean {
  return wanted[coding] > 0
}

/** `compressed` inflates to exactly `chunk`, and its memory is paid for as long as the chunk's. */
export function rememberCompressed(chunk: Uint8Array, compressed: Compressed): void {
  forms.set(chunk, compressed)
}

export function compressedOf(chunk: Uint8Array): Compressed | undefined {
  return forms.get(chunk)
}
