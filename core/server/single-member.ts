// Whether a compressed body is one gzip member or one zstd frame and nothing else, so that it may travel on as it is: some readers take
// the first of several for the whole. decompress.ts asks.

const FHCRC = 2
const FEXTRA = 4
const FNAME = 8
const FCOMMENT = 16

/**
 * Where the deflated bytes of a gzip member begin; -1 where there is no header, or not all of it.
 *
 *   ID1 ID2 CM FLG MTIME(4) XFL OS, [XLEN(2) extra], [name NUL], [comment NUL], [CRC16]   (RFC 1952, 2.3)
 */
export function gzipHeaderLength(body: Uint8Array): number {
  if (body.length < 18 || body[0] !== 0x1f || body[1] !== 0x8b || body[2] !== 8) return -1
  const flags = body[3]!
  let at = 10
  if ((flags & FEXTRA) !== 0) at += 2 + (body[at]! | (body[at + 1]! << 8))
  for (const text of [FNAME, FCOMMENT]) {
    if ((flags & text) === 0) continue
    const end = body.indexOf(0, at)
    if (end < 0) return -1
    at = end + 1
  }
  if ((flags & FHCRC) !== 0) at += 2
  return at + 8 <= body.length ? at : -1
}

const ZSTD_MAGIC = 0xfd2f_b528
const RLE_BLOCK = 1

/**
 * A body that the decoder has accepted, so that its block sizes can be believed.
 *
 *   magic(4) descriptor [window] [dictionary id] [content size], blocks of (last:1 type:2 size:21) content, [checksum(4)]   (RFC 8878, 3.1.1)
 */
export function isOneZstdFrame(body: Uint8Array): boolean {
  const view = new DataView(body.buffer, body.byteOffset, body.length)
  if (body.length < 9 || view.getUint32(0, true) !== ZSTD_MAGIC) return false
  const descriptor = body[4]!
  const singleSegment = (descriptor & 0x20) !== 0
  const contentSize = descriptor >> 6
  let at = 5 + (singleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!
  at += contentSize === 0 ? (singleSegment ? 1 : 0) : 1 << contentSize
  for (let last = false; !last;) {
    if (at + 3 > body.length) return false
    const header = body[at]! | (body[at + 1]! << 8) | (body[at + 2]! << 16)
    last = (header & 1) !== 0
    at += 3 + (((header >> 1) & 3) === RLE_BLOCK ? 1 : header >>> 3)
  }
  return at + ((descriptor & 4) !== 0 ? 4 : 0) === body.length
}
