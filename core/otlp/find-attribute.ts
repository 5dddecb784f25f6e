// Finds an attribute by its key in the columns of an index, comparing bytes. Cursors and the attributes processor call it per span.

import { ATTR_KEY, ATTR_KEY_END, ATTR_STRIDE, type RequestIndex } from './request-index.ts'

/** The first attribute of that key from row `from` on, before row `end`; -1 where there is none. Rows are offsets into the columns. */
export function findAttribute(index: RequestIndex, from: number, end: number, key: Uint8Array): number {
  const { attributes, bytes } = index
  const length = key.length
  for (let row = from; row < end; row += ATTR_STRIDE) {
    const start = attributes[row + ATTR_KEY]!
    if (attributes[row + ATTR_KEY_END]! - start !== length) continue
    let i = length - 1 // keys of one length differ at their end more often than at their start: http.…, url.…
    while (i >= 0 && bytes[start + i] === key[i]) i--
    if (i < 0) return row
  }
  return -1
}

/** Is `[start, end)` of `bytes` the key? */
export function equalsKey(bytes: Uint8Array, start: number, end: number, key: Uint8Array): boolean {
  if (end - start !== key.length) return false
  for (let i = 0; i < key.length; i++) if (bytes[start + i] !== key[i]) return false
  return true
}

/** Plugins ask for the same few keys for every span, so their bytes are remembered; the bound is against keys made from traffic. */
const MAX_REMEMBERED = 1024
const remembered = new Map<string, Buffer>()

export function keyBytes(key: string): Buffer {
  let bytes = remembered.get(key)
  if (bytes === undefined) {
    if (remembered.size >= MAX_REMEMBERED) remembered.clear()
    remembered.set(key, (bytes = Buffer.from(key)))
  }
  return bytes
}
