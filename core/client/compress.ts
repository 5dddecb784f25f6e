// Compresses a request's body in libuv's pool. Exporters call it once a batch, however often they send it.

import { constants, gzip, zstdCompress } from 'node:zlib'

export type Compression = 'gzip' | 'zstd'

/** Pieces of output: every one is a turn in the pool, and telemetry shrinks to a tenth. */
const CHUNK_BYTES = 64 * 1024

/** One gzip member or one zstd frame of `chunks` laid end to end. Without a level, the format's own default (6 and 3). */
export function compress(compression: Compression, chunks: readonly Uint8Array[], level?: number): Promise<Buffer> {
  const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const done = (error: Error | null, result: Buffer): void => (error === null ? resolve(result) : reject(error))
  if (compression === 'gzip') gzip(body, { chunkSize: CHUNK_BYTES, ...(level === undefined ? {} : { level }) }, done)
  else
    zstdCompress(
      body,
      { chunkSize: CHUNK_BYTES, ...(level === undefined ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } }) },
      done,
    )
  return promise
}
