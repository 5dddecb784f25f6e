// Which of the run's spans have arrived, one bit each, so that a lost span and a duplicate cannot cancel out. The counting server keeps it.

import { gunzipSync, zstdDecompressSync } from 'node:zlib'

import { PLACE_IN_SPAN_ID, SPANS_PER_TRACE } from './span-numbers.ts'

export interface Tally {
  /** Different spans of this run that arrived. */
  readonly delivered: number
  /** Arrivals of a span that had arrived before. */
  readonly duplicates: number
  /** Spans of another run, or with ids that the generator does not write. */
  readonly foreign: number
  readonly requests: number
}

/** What the generator was told, by request: bit r is set if request r was answered with 200. */
export interface Answers {
  readonly accepted: Uint8Array
  readonly requests: number
  readonly spansPerRequest: number
}
export interface Verdict extends Tally {
  /** Spans that were accepted and have not arrived. */
  readonly lost: number
  /** Spans that arrived although their request was refused or not answered: allowed, the sender would have sent them again. */
  readonly unacknowledged: number
}

export class SpanTally {
  readonly #run: number
  #ticked = new Uint8Array(1 << 20)
  #delivered = 0
  #duplicates = 0
  #foreign = 0
  #requests = 0
  /** The number of the span that was ticked off last, whether it was the first time or not. */
  lastTicked = -1

  constructor(run: number) {
    this.#run = run
  }

  get tally(): Tally {
    return { delivered: this.#delivered, duplicates: this.#duplicates, foreign: this.#foreign, requests: this.#requests }
  }

  /** Ticks off every span of one export request. Throws on bytes that are none. */
  add(body: Buffer, encoding?: string): void {
    const bytes = encoding === 'gzip' ? gunzipSync(body) : encoding === 'zstd' ? zstdDecompressSync(body) : body
    walk(bytes, (traceAt, spanAt) => this.tick(bytes, traceAt, spanAt))
    this.#requests++
  }

  verdict({ accepted, requests, spansPerRequest }: Answers): Verdict {
    let lost = 0
    let expected = 0
    for (let span = 0; span < requests * spansPerRequest; span++) {
      const request = Math.floor(span / spansPerRequest)
      if (!bit(accepted, request)) continue
      if (bit(this.#ticked, span)) expected++
      else lost++
    }
    return { ...this.tally, lost, unacknowledged: this.#delivered - expected }
  }

  /** One span, by where its ids stand in the bytes; -1 for an id that is missing. */
  tick(bytes: Buffer, traceAt: number, spanAt: number): void {
    const place = traceAt < 0 || spanAt < 0 ? 0 : (bytes[spanAt + PLACE_IN_SPAN_ID] as number)
    if (place < 1 || place > SPANS_PER_TRACE || bytes.readUInt32BE(traceAt) !== this.#run) {
      this.#foreign++
      return
    }
    const span = bytes.readUInt32BE(traceAt + 4) * SPANS_PER_TRACE + place - 1
    this.lastTicked = span
    const byte = span >>> 3
    if (byte >= this.#ticked.length) this.#grow(byte)
    const mask = 1 << (span & 7)
    if ((this.#ticked[byte] as number) & mask) this.#duplicates++
    else this.#delivered++
    this.#ticked[byte] = (this.#ticked[byte] as number) | mask
  }

  #grow(byte: number): void {
    const larger = new Uint8Array(Math.max(byte + 1, this.#ticked.length * 2))
    larger.set(this.#ticked)
    this.#ticked = larger
  }
}

export function bit(bits: Uint8Array, index: number): boolean {
  return (((bits[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 1
}

// ---------------------------------------------------------------- the walk
//
//   ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
//   ResourceSpans             { repeated ScopeSpans scope_spans = 2; }
//   ScopeSpans                { repeated Span spans = 2; }
//   Span                      { bytes trace_id = 1; bytes span_id = 2; … }

const DEPTH_OF_SPANS = 2
const FIELD_TO_ENTER = [0x0a, 0x12, 0x12] as const

let cursor = 0

/** Calls `found` with the places of both ids for every span; -1 for an id that is missing or has another length. */
function walk(bytes: Buffer, found: (traceAt: number, spanAt: number) => void): void {
  cursor = 0
  enter(bytes, bytes.length, 0, found)
}

function enter(bytes: Buffer, end: number, depth: number, found: (traceAt: number, spanAt: number) => void): void {
  while (cursor < end) {
    const tag = varint(bytes)
    if (tag !== FIELD_TO_ENTER[depth]) {
      skip(bytes, tag & 7, end)
      continue
    }
    const length = varint(bytes)
    const inner = cursor + length
    if (inner > end) throw new RangeError(`export request: a field of ${length} bytes at ${cursor} is longer than what holds it`)
    if (depth === DEPTH_OF_SPANS) findIds(bytes, inner, found)
    else enter(bytes, inner, depth + 1, found)
    cursor = inner
  }
}

/** Stops at the second id: the rest of the span is skipped by its length. */
function findIds(bytes: Buffer, end: number, found: (traceAt: number, spanAt: number) => void): void {
  let traceAt = -1
  let spanAt = -1
  while (cursor < end && (traceAt < 0 || spanAt < 0)) {
    const tag = varint(bytes)
    if (tag === 0x0a && bytes[cursor] === 16) traceAt = cursor + 1
    if (tag === 0x12 && bytes[cursor] === 8) spanAt = cursor + 1
    skip(bytes, tag & 7, end)
  }
  found(traceAt, spanAt)
}

function skip(bytes: Buffer, wireType: number, end: number): void {
  if (wireType === 0) varint(bytes)
  else if (wireType === 1) cursor += 8
  else if (wireType === 5) cursor += 4
  else if (wireType === 2) {
    const length = varint(bytes)
    cursor += length
  } else throw new RangeError(`export request: wire type ${wireType} at ${cursor}; accepted are 0, 1, 2 and 5`)
  if (cursor > end) throw new RangeError(`export request: a field ends at ${cursor}, past the ${end} of what holds it`)
}

/** Moves the cursor past it. */
function varint(bytes: Buffer): number {
  let value = 0
  let factor = 1
  for (let count = 0; count < 10; count++) {
    const byte = bytes[cursor++]
    if (byte === undefined) throw new RangeError('export request: cut off within a number')
    value += (byte & 127) * factor
    if (byte < 128) return value
    factor *= 128
  }
  throw new RangeError(`export request: a number of more than ten bytes at ${cursor}`)
}
