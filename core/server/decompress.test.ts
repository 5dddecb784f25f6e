import { gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { decompress, type Room } from './decompress.ts'
import type { Coding } from './headers.ts'
import { type Refusal, unavailable } from './refusal.ts'

const MIB = 1024 * 1024
/** Kept, so that its own end is not counted. */
const zeros = Buffer.alloc(128 * MIB)

function inflate(coding: Coding, body: Uint8Array, limitBytes: number): Promise<Uint8Array | Refusal> {
  const room: Room = { limitBytes, overBudget: unavailable('no room'), reserve: () => true, release: () => {} }
  return new Promise((resolve) => {
    decompress(coding, body, room, false, resolve)
  })
}

for (const [coding, compress] of [
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
] as const) {
  t.test(`${coding}: the memory of a bomb is given back at once, not when garbage is collected`, async (t) => {
    const bomb = compress(zeros)
    const before = process.memoryUsage().arrayBuffers
    t.match(await inflate(coding, bomb, 64 * MIB), { httpStatus: 413 })
    const keptBytes = process.memoryUsage().arrayBuffers - before
    t.ok(keptBytes < 16 * MIB, `${keptBytes} bytes`)
  })

  t.test(`${coding}: a body in many pieces is whole`, async (t) => {
    const body = Buffer.alloc(13 * MIB, 'a body that repeats itself; ')
    t.ok(body.equals((await inflate(coding, compress(body), 64 * MIB)) as Uint8Array))
  })
}
