// One compressed body to its bytes, in libuv's pool: limited while it inflates, exact to the last byte. Exchanges call it.

import { constants, createGunzip, createInflate, createZstdDecompress, type Gunzip, type Inflate, type ZstdDecompress } from 'node:zlib'
import type { Coding } from './headers.ts'
import { inflatedSizeHint } from './inflated-size.ts'
import { type Refusal, badRequest, tooLarge } from './refusal.ts'

type Engine = Gunzip | Inflate | ZstdDecompress

/** Where the memory of a body comes from: false from `reserve` ends the work with `overBudget`. */
export interface Room {
  readonly limitBytes: number
  readonly overBudget: Refusal
  reserve(bytes: number): boolean
  release(bytes: number): void
}

// RFC 9659 asks for windows of 8 MiB at most; Go's encoders write 16 MiB at their better levels.
const ZSTD_MAX_WINDOW_LOG = 25

function engineOf(coding: Coding, chunkSize: number): Engine {
  if (coding === 'gzip') return createGunzip({ chunkSize })
  if (coding === 'deflate') return createInflate({ chunkSize })
  return createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_MAX_WINDOW_LOG } })
}

/**
 * Calls `done` once, with the bytes or with why not. Several members or frames in a row are read as the formats say; anything else
 * after the end is refused. What `room` gave is the caller's to return.
 */
export function decompress(coding: Coding, body: Uint8Array, room: Room, done: (result: Uint8Array | Refusal) => void): void {
  // One piece of output where the hint is right: one turn in the pool and no joining.
  const chunkSize = Math.min(inflatedSizeHint(coding, body), room.limitBytes) + 64
  if (!room.reserve(chunkSize)) return done(room.overBudget)
  const engine = engineOf(coding, chunkSize)
  const pieces: Buffer[] = []
  let total = 0
  let settled = false
  const settle = (result: Uint8Array | Refusal): void => {
    if (settled) return
    settled = true
    engine.destroy()
    done(result)
  }
  engine.on('data', (piece: Buffer) => {
    total += piece.length
    if (total > room.limitBytes) return settle(tooLarge(room.limitBytes))
    // The engine has allocated its next piece, or will.
    if (pieces.push(piece) > 1 && !room.reserve(chunkSize)) settle(room.overBudget)
  })
  engine.on('error', (error) => settle(badRequest(`the body is not valid ${coding}: ${error.message}`)))
  engine.on('end', () => {
    const rest = body.length - engine.bytesWritten
    if (rest > 0) return settle(badRequest(`${rest} bytes follow the end of the ${coding} body`))
    if (pieces.length > 1 && !room.reserve(total)) return settle(room.overBudget)
    settle(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, total))
  })
  engine.end(body)
}
