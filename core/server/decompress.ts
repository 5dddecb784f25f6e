// One compressed body to its bytes: limited while it inflates, exact to the last byte. A small one is inflated at once, a large one in
// libuv's pool. Exchanges call it.

import {
  constants,
  crc32,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  gunzipSync,
  type Gunzip,
  inflateRawSync,
  type InflateRaw,
  inflateSync,
  type Inflate,
  zstdDecompressSync,
  type ZstdDecompress,
} from 'node:zlib'
import type { Coding } from './headers.ts'
import { claimedSize, sizeHint } from './inflated-size.ts'
import { type Refusal, badRequest, tooLarge } from './refusal.ts'
import { gzipHeaderLength, isOneZstdFrame } from './single-member.ts'

type Engine = Gunzip | Inflate | InflateRaw | ZstdDecompress
/** `raw` is what lies between the header and the trailer of a gzip member. */
type Format = Coding | 'raw'
/** `isWhole`: the body is one gzip member or zstd frame and nothing else. Only told where it was asked. */
type Done = (result: Uint8Array | Refusal, isWhole: boolean) => void

/** Where the memory of a body comes from: false from `reserve` ends the work with `overBudget`. */
export interface Room {
  readonly limitBytes: number
  readonly overBudget: Refusal
  reserve(bytes: number): boolean
  release(bytes: number): void
}

/**
 * Up to here a body is inflated on the spot: 40 µs for 100 spans, where the way to the pool and back costs the event loop alone three
 * times that.
 */
const MAX_AT_ONCE_BYTES = 256 * 1024
/** What does not say its size is tried on the spot if it is as small as this. */
const MAX_TRIED_BYTES = 16 * 1024

// RFC 9659 asks for windows of 8 MiB at most; Go's encoders write 16 MiB at their better levels.
const ZSTD_PARAMS = { [constants.ZSTD_d_windowLogMax]: 25 }

/** An engine with room to spare does not ask for a second piece. At least 64, for zlib. */
const CHUNK_SLACK = 64

interface AtOnceOptions {
  readonly chunkSize: number
  readonly maxOutputLength: number
  readonly info: true
}
interface Inflated {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

/** With `info`, which the types of Node do not know. */
function inflateNow(format: Format, body: Uint8Array, options: AtOnceOptions): Inflated {
  if (format === 'gzip') return gunzipSync(body, options) as unknown as Inflated
  if (format === 'deflate') return inflateSync(body, options) as unknown as Inflated
  if (format === 'raw') return inflateRawSync(body, options) as unknown as Inflated
  return zstdDecompressSync(body, { ...options, params: ZSTD_PARAMS }) as unknown as Inflated
}

function engineOf(format: Format, chunkSize: number): Engine {
  if (format === 'gzip') return createGunzip({ chunkSize })
  if (format === 'deflate') return createInflate({ chunkSize })
  if (format === 'raw') return createInflateRaw({ chunkSize })
  return createZstdDecompress({ chunkSize, params: ZSTD_PARAMS })
}

/**
 * Calls `done` once, with the bytes or with why not. Several members or frames in a row are read as the formats say; anything else
 * after the end is refused. What `room` gave is the caller's to return. `askWhole` costs next to nothing for a body that is whole.
 */
export function decompress(coding: Coding, body: Uint8Array, room: Room, askWhole: boolean, done: Done): void {
  const all = (): void =>
    inflate(coding, body, claimedSize(coding, body), room, (result) => {
      done(result, askWhole && coding === 'zstd' && result instanceof Uint8Array && isOneZstdFrame(body))
    })
  if (askWhole && coding === 'gzip') inflateMember(body, room, done, all)
  else all()
}

/** Node's gunzip does not say how many members it read, so a member is taken apart here; whatever is not exactly one goes to `otherwise`. */
function inflateMember(body: Uint8Array, room: Room, done: Done, otherwise: () => void): void {
  const start = gzipHeaderLength(body)
  if (start < 0) return otherwise()
  const end = body.length - 8
  const trailer = new DataView(body.buffer, body.byteOffset + end, 8)
  const sizeInTrailer = trailer.getUint32(4, true)
  inflate('raw', body.subarray(start, end), sizeInTrailer, room, (result) => {
    const isMember = result instanceof Uint8Array && result.length === sizeInTrailer && crc32(result) === trailer.getUint32(0, true)
    if (isMember) done(result, true)
    else otherwise()
  })
}

function inflate(format: Format, body: Uint8Array, claimed: number, room: Room, done: (result: Uint8Array | Refusal) => void): void {
  const small = claimed < 0 ? body.length <= MAX_TRIED_BYTES : Math.max(claimed, body.length) <= MAX_AT_ONCE_BYTES
  const result = small ? inflateAtOnce(format, body, room, claimed) : undefined
  if (result === undefined) inflateInPool(format, body, claimed, room, done)
  else done(result)
}

/** Undefined where the body is larger than it looked. */
function inflateAtOnce(format: Format, body: Uint8Array, room: Room, claimed: number): Uint8Array | Refusal | undefined {
  const maxOutputLength = Math.min(MAX_AT_ONCE_BYTES, room.limitBytes)
  // One piece of output where the claim is right, and no joining.
  const chunkSize = Math.min(claimed < 0 ? 8 * body.length : claimed, maxOutputLength) + CHUNK_SLACK
  if (!room.reserve(maxOutputLength)) return undefined
  try {
    const { buffer, engine } = inflateNow(format, body, { chunkSize, maxOutputLength, info: true })
    return leftOver(format, body, engine) ?? buffer
  } catch (error) {
    room.release(maxOutputLength)
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') return invalid(format, error as Error)
    return maxOutputLength === room.limitBytes ? tooLarge(room.limitBytes) : undefined
  }
}

function inflateInPool(format: Format, body: Uint8Array, claimed: number, room: Room, done: (result: Uint8Array | Refusal) => void): void {
  const chunkSize = Math.min(sizeHint(claimed, body), room.limitBytes) + CHUNK_SLACK
  if (!room.reserve(chunkSize)) return done(room.overBudget)
  const engine = engineOf(format, chunkSize)
  const pieces: Buffer[] = []
  let total = 0
  let settled = false
  const settle = (result: Uint8Array | Refusal): void => {
    if (settled) return
    settled = true
    engine.destroy()
    if (result !== pieces[0]) free(pieces)
    done(result)
  }
  engine.on('data', (piece: Buffer) => {
    total += piece.length
    if (total > room.limitBytes) return settle(tooLarge(room.limitBytes))
    // The engine has allocated its next piece, or will.
    if (pieces.push(piece) > 1 && !room.reserve(chunkSize)) settle(room.overBudget)
  })
  engine.on('error', (error) => settle(invalid(format, error)))
  engine.on('end', () => {
    const refusal = leftOver(format, body, engine)
    if (refusal !== undefined) return settle(refusal)
    if (pieces.length > 1 && !room.reserve(total)) return settle(room.overBudget)
    settle(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, total))
  })
  engine.end(body)
}

/** No page of it can be the pool that Node cuts small buffers from. */
const LEAST_FREED_BYTES = 256 * 1024

/**
 * Gives the memory of pieces back now. A bomb is many megabytes of them, and garbage is collected far too late for a flood of bombs. The
 * engine may still write behind a piece, so only buffers that are filled to the end are taken from it.
 */
function free(pieces: readonly Buffer[]): void {
  for (const { buffer, byteOffset, length } of pieces)
    if (buffer.byteLength >= LEAST_FREED_BYTES && byteOffset + length === buffer.byteLength && buffer instanceof ArrayBuffer)
      buffer.transfer(0)
}

function leftOver(format: Format, body: Uint8Array, engine: { readonly bytesWritten: number }): Refusal | undefined {
  const rest = body.length - engine.bytesWritten
  return rest === 0 ? undefined : badRequest(`${rest} bytes follow the end of the ${format} body`)
}

function invalid(format: Format, error: Error): Refusal {
  return badRequest(`the body is not valid ${format}: ${error.message}`)
}
