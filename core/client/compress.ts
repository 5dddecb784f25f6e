// Compresses a request's body, in libuv's pool where it is worth the way. Exporters call it once a batch, however often they send it.

import { constants, gzip, gzipSync, type ZlibOptions, zstdCompress, zstdCompressSync, type ZstdOptions } from 'node:zlib'

export type Compression = 'gzip' | 'zstd'

/** Pieces of output: every one is a turn in the pool, and telemetry shrinks to a tenth. */
const CHUNK_BYTES = 64 * 1024
const SMALL_CHUNK_BYTES = 4096

/** Level 6 takes three times the CPU of level 1 for 8 % fewer bytes: docs/decisions/0010. */
const GZIP_LEVEL = 1

/** Up to here a turn in the pool costs more (70 µs) than it takes off the event loop. */
const ON_THE_SPOT_BYTES = 16 * 1024

/** One gzip member or one zstd frame of `chunks` laid end to end. Without a level 1 for gzip, and zstd's own (3). */
export function compress(compression: Compression, chunks: readonly Uint8Array[], level?: number): Promise<Buffer> {
  const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  const isSmall = body.length <= ON_THE_SPOT_BYTES
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const done = (error: Error | null, result: Buffer): void => (error === null ? resolve(result) : reject(error))
  if (compression === 'gzip') {
    const options: ZlibOptions = { chunkSize: CHUNK_BYTES, level: level ?? GZIP_LEVEL }
    if (isSmall) return Promise.resolve(gzipSync(body, { ...options, chunkSize: SMALL_CHUNK_BYTES }))
    gzip(body, options, done)
  } else {
    const options: ZstdOptions = level === undefined ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } }
    if (isSmall) return Promise.resolve(zstdCompressSync(body, { ...options, chunkSize: SMALL_CHUNK_BYTES }))
    zstdCompress(body, { ...options, chunkSize: CHUNK_BYTES }, done)
  }
  return promise
}
