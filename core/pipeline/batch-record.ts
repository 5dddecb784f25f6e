// A batch as one record of a durable log, and back: the disk queue and the dead letters write it, and the commands that look at them read it.
//
//   length of the head in bytes, 4, little-endian | head, JSON | the chunks, end to end, to the end of the record
//
// The head is JSON so that whoever has only the file can read whose items these are, and so that it can grow: what a reader does not know in
// it means nothing to him. At 100 spans a record it costs about 20 ns a span.

import { ANONYMOUS, type Batch, type Origin, type Signal } from '../batch.ts'

/** What stands in every head. */
export interface BatchHead {
  readonly signal: Signal
  /** The pipeline that the batch came through: in its account it is. */
  readonly pipeline: string
  /** Items. */
  readonly count: number
  /** The length of each chunk, in bytes. */
  readonly chunks: readonly number[]
  /** Absent for the origin without a name. */
  readonly origin?: StoredOrigin
}
export interface StoredOrigin {
  readonly tenant: string
  readonly subject?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** `more` goes into the head: `readHead` gives it back. */
export function encodeBatch(batch: Batch, pipeline: string, more: object = {}): Uint8Array[] {
  const { signal, count, origin, chunks } = batch
  const stored = storedOriginOf(origin)
  const head: BatchHead = {
    signal,
    pipeline,
    count,
    chunks: chunks.map(({ length }) => length),
    ...(stored === undefined ? {} : { origin: stored }),
    ...more,
  }
  const text = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  return [length, text, ...chunks]
}

/** Undefined for the origin without a name. */
export function storedOriginOf(origin: Origin): StoredOrigin | undefined {
  if (origin === ANONYMOUS) return undefined
  const { tenant, subject, headers } = origin
  return {
    tenant,
    ...(subject === undefined ? {} : { subject }),
    ...(headers.size === 0 ? {} : { headers: Object.fromEntries(headers) }),
  }
}

/** How many bytes of a record hold its head, told from the first ones: fewer than 4 tell nothing. */
export function headBytesOf(beginning: Uint8Array): number {
  return beginning.length < 4 ? Infinity : 4 + new DataView(beginning.buffer, beginning.byteOffset).getUint32(0, true)
}

/**
 * `record` may end with its head where `recordBytes` says how long the whole is.
 * @throws Error where the bytes are no batch: another version wrote them, or something else.
 */
export function readHead<More extends object = object>(record: Uint8Array, recordBytes: number = record.length): BatchHead & Partial<More> {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.length)
  const end = headBytesOf(bytes)
  if (end > bytes.length) throw new Error('the record is shorter than its head')
  const head = JSON.parse(bytes.toString('utf8', 4, end)) as BatchHead & Partial<More>
  const total = head.chunks.reduce((sum, chunk) => sum + chunk, end)
  if (total !== recordBytes) throw new Error(`the record has ${recordBytes} bytes where its head says ${total}`)
  return head
}

/** The chunks are parts of the record's bytes. */
export function readBatch(record: Uint8Array, head: BatchHead, origins: Origins): Batch {
  let at = headBytesOf(record)
  const chunks = head.chunks.map((length) => record.subarray(at, (at += length)))
  return { signal: head.signal, chunks, count: head.count, origin: origins.of(head.origin) }
}

/** Batches are merged where their origins are one object: equal ones from the disk become that. */
export class Origins {
  readonly #known = new Map<string, Origin>()

  of(stored: StoredOrigin | undefined): Origin {
    if (stored === undefined) return ANONYMOUS
    const { tenant, subject, headers = {} } = stored
    const key = JSON.stringify(stored)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const origin: Origin = { tenant, ...(subject === undefined ? {} : { subject }), headers: new Map(Object.entries(headers)) }
    // Of a flood of origins the old ones are forgotten: that costs merging, not truth.
    if (this.#known.size >= MOST_ORIGINS) this.#known.clear()
    this.#known.set(key, origin)
    return origin
  }
}
const MOST_ORIGINS = 1000
