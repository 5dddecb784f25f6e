// What must outlive the process of a buffer of traces: the batches that came in, what was decided on traces, and what of them was taken
// downstream. tail_sampling writes it where it has a storage, and reads it when it starts.
//
// A record begins with its kind, one byte, little-endian numbers behind it:
//
//   1  a batch, as in core/pipeline/batch-record.ts
//   2  decisions:  { length of the origin's key, 2 | the key | trace id, 16 | verdict, 4 | kept, 1 } …
//   3  deliveries: { length of the origin's key, 2 | the key | trace id, 16 | position, 8, a double } …: of that trace, what lay in batches
//                  up to that position was taken downstream
//
// A batch is released when every span of it has its fate; a decision is synced before anything follows from it. So after a crash a trace that
// was decided is not decided again, and what is sent twice is what was on its way.

import { type Batch, byteLengthOf } from '../batch.ts'
import { encodeBatch, Origins, readBatch, readHead } from '../pipeline/batch-record.ts'
import { type DurableLog, FullError, type Position } from '../storage.ts'

const BATCH = 1
const DECISIONS = 2
const DELIVERIES = 3
const KIND: readonly Buffer[] = [0, 1, 2, 3].map((kind) => Buffer.from([kind]))
/** The part of the log that batches leave free: nothing leaves before its decision is written, and nothing else makes room. */
const NOTES_SHARE = 1 / 4
/** What is read at once, in bytes. */
const PAGE_BYTES = 4 * 1024 * 1024

export interface Decided {
  readonly verdict: number
  readonly isKept: boolean
}

/** What an earlier run had decided on a trace, and up to where it was taken downstream. */
export interface Earlier {
  readonly origin: string
  /** As it stands in a span. */
  readonly id: Int32Array
  decided: Decided | undefined
  deliveredTo: Position
}

export class Journal {
  readonly #log: DurableLog
  readonly #owner: string
  /** How many decisions stay, for spans that come late after a restart. */
  readonly #remembered: number
  /** Batches by number: where they are, and how many spans of theirs have no fate yet. Numbers are used again. */
  readonly #positions: Position[] = []
  readonly #open: number[] = []
  readonly #vacant: number[] = []
  /** Positions of batches that are not released, oldest first. */
  readonly #batches = new Set<Position>()
  /** Decisions and deliveries that are still needed, oldest first. */
  readonly #notes: { readonly position: Position; readonly decisions: number }[] = []
  #noted = 0
  /** Bytes of batches that are being written. */
  #entering = 0
  #pending: Buffer[] = []
  #pendingCount = 0

  constructor(log: DurableLog, owner: string, remembered: number) {
    this.#log = log
    this.#owner = owner
    this.#remembered = remembered
  }

  /** Settles once the batch survives a crash. `hold` must follow, or `abandon`. */
  async append(batch: Batch): Promise<number> {
    const bytes = byteLengthOf(batch)
    this.#assertRoom(bytes)
    this.#entering += bytes
    try {
      return this.#number(await this.#log.append([KIND[BATCH]!, ...encodeBatch(batch, this.#owner)]))
    } finally {
      this.#entering -= bytes
    }
  }

  #assertRoom(bytes: number): void {
    const { bytes: has, maxBytes } = this.#log
    const most = maxBytes * (1 - NOTES_SHARE)
    if (has + this.#entering + bytes <= most) return
    // Decisions that are kept for spans that come late are worth less than spans that come now.
    this.#releaseNotes(0)
    throw new FullError(`it holds ${has} bytes, of ${most} at most; the rest of its ${maxBytes} is for decisions`)
  }

  #number(position: Position): number {
    const number = this.#vacant.pop() ?? this.#positions.length
    this.#positions[number] = position
    this.#open[number] = 0
    this.#batches.add(position)
    return number
  }

  positionOf(batch: number): Position {
    return this.#positions[batch]!
  }

  /** So many spans of the batch wait for their fate. */
  hold(batch: number, spans: number): void {
    this.#open[batch] = spans
    if (spans === 0) this.#release(batch)
  }

  /** The batch was not taken after all. */
  abandon(batch: number): void {
    this.#release(batch)
  }

  /** A span of that batch has its fate. */
  settle(batch: number): void {
    if (--this.#open[batch]! === 0) this.#release(batch)
  }

  #release(batch: number): void {
    const position = this.#positions[batch]!
    this.#vacant.push(batch)
    this.#batches.delete(position)
    // What is not released comes again after a crash: that is a duplicate, and no loss.
    void this.#log.release(position).catch(() => {})
    this.#releaseNotes()
  }

  /** A decision, which `sync` writes. */
  decide(origin: string, id: Int32Array, { verdict, isKept }: Decided): void {
    const tail = Buffer.allocUnsafe(5)
    tail.writeInt32LE(verdict)
    tail[4] = isKept ? 1 : 0
    this.#pending.push(head(origin, id), tail)
    this.#pendingCount++
  }

  get hasDecisions(): boolean {
    return this.#pendingCount > 0
  }

  /** Settles once all decisions so far survive a crash. Where that fails they are still to be written. */
  async sync(): Promise<void> {
    const parts = this.#pending
    const decisions = this.#pendingCount
    this.#pending = []
    this.#pendingCount = 0
    try {
      this.#note(await this.#log.append([KIND[DECISIONS]!, Buffer.concat(parts)]), decisions)
    } catch (error) {
      this.#pending = [...parts, ...this.#pending]
      this.#pendingCount += decisions
      throw error
    }
  }

  /** What of these traces lay in batches up to `to` was taken downstream. Nobody waits for it: without it, it would be sent twice. */
  delivered(origin: string, traces: readonly { readonly id: Int32Array; readonly to: Position }[]): void {
    const parts = traces.flatMap(({ id, to }) => {
      const tail = Buffer.allocUnsafe(8)
      tail.writeDoubleLE(to)
      return [head(origin, id), tail]
    })
    this.#log.append([KIND[DELIVERIES]!, ...parts]).then(
      (position) => this.#note(position, 0),
      () => {},
    )
  }

  #note(position: Position, decisions: number): void {
    this.#notes.push({ position, decisions })
    this.#noted += decisions
    this.#releaseNotes()
  }

  /** A note is needed as long as a batch lies before it, and decisions for late spans beyond. */
  #releaseNotes(remembered: number = this.#remembered): void {
    const [oldest = Infinity] = this.#batches
    for (let first = this.#notes[0]; first !== undefined; first = this.#notes[0]) {
      if (first.position > oldest || (first.decisions > 0 && this.#noted - first.decisions < remembered)) return
      this.#notes.shift()
      this.#noted -= first.decisions
      void this.#log.release(first.position).catch(() => {})
    }
  }

  /**
   * What an earlier run left: first `earlier` gets what had been decided and delivered, by origin and trace id; then `take` every batch
   * that was not released, which must be held or abandoned.
   */
  async restore(earlier: Map<string, Earlier>, take: (batch: Batch, number: number) => Promise<void>): Promise<void> {
    const batches: Position[] = []
    for await (const { position, bytes } of this.#records()) {
      if (bytes[0] === BATCH) batches.push(position)
      else this.#noteEarlier(position, readNotes(bytes, earlier))
    }
    for (const position of batches) this.#batches.add(position)
    const origins = new Origins()
    const last = batches.at(-1) ?? -1
    for await (const { position, bytes } of this.#records()) {
      if (position > last) break
      if (bytes[0] !== BATCH) continue
      // A copy: what the buffer takes must not pin a page.
      const record = Buffer.from(bytes.subarray(1))
      await take(readBatch(record, readHead(record), origins), this.#number(position))
    }
  }

  /** Without releasing anything: the batches are not known yet. */
  #noteEarlier(position: Position, decisions: number): void {
    this.#notes.push({ position, decisions })
    this.#noted += decisions
  }

  async *#records(): AsyncIterable<{ readonly position: Position; readonly bytes: Uint8Array }> {
    for (let from = 0; ;) {
      const { records, next } = await this.#log.read(from, PAGE_BYTES)
      if (records.length === 0) return
      yield* records
      from = next
    }
  }
}

/** By which a trace of an origin is known: `id` as it stands in a span, one character a byte. */
export function traceKey(origin: string, id: Buffer): string {
  return origin + id.toString('latin1')
}

function head(origin: string, id: Int32Array): Buffer {
  const length = Buffer.byteLength(origin)
  const bytes = Buffer.allocUnsafe(2 + length + 16)
  bytes.writeUInt16LE(length)
  bytes.write(origin, 2)
  for (let i = 0; i < 4; i++) bytes.writeInt32LE(id[i]!, 2 + length + 4 * i)
  return bytes
}

/** Returns how many decisions there were. */
function readNotes(record: Uint8Array, earlier: Map<string, Earlier>): number {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.length)
  const isDecisions = bytes[0] === DECISIONS
  let decisions = 0
  for (let at = 1; at < bytes.length;) {
    const length = bytes.readUInt16LE(at)
    const id = at + 2 + length
    const origin = bytes.toString('utf8', at + 2, id)
    const key = traceKey(origin, bytes.subarray(id, id + 16))
    const words = Int32Array.from([0, 4, 8, 12], (word) => bytes.readInt32LE(id + word))
    const known = earlier.get(key) ?? { origin, id: words, decided: undefined, deliveredTo: -1 }
    earlier.set(key, known)
    if (isDecisions) {
      known.decided = { verdict: bytes.readInt32LE(id + 16), isKept: bytes[id + 20] === 1 }
      decisions++
      at = id + 21
    } else {
      known.deliveredTo = Math.max(known.deliveredTo, bytes.readDoubleLE(id + 16))
      at = id + 24
    }
  }
  return decisions
}
