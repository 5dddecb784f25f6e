// Goes over a message by the table of rows.ts and gathers what it adds to its execution's span: receivers keep that as a part until the span is made.

import type { TraceState } from '../sampling/trace-state.ts'
import { type JsonObject, type Message, isObject } from './message.ts'
import { type Part, writePart } from './part.ts'
import { PieceWriter } from './piece-writer.ts'
import { COLLECTION, ENVELOPE_ROWS, type Row, rowsOf } from './rows.ts'
import { sampledState } from './sampled-state.ts'
import { statusCodeOf } from './status.ts'
import { type Threshold, writeThresholds } from './thresholds.ts'
import { parseTime } from './time.ts'

/** What a message crossed, and came back from: see thresholds.ts. */
export interface Crossings {
  readonly crossed: readonly string[]
  readonly back: readonly string[]
}

const NO_CROSSINGS: Crossings = { crossed: [], back: [] }

/** What the message adds to its execution, as the bytes of a part: see part.ts. */
export function partOf(message: Message, crossings: Crossings = NO_CROSSINGS): Buffer {
  return pieces.gather(message, crossings)
}

const SPAN_KEYS: ReadonlySet<string> = new Set(['event_name', 'timestamp', 'event_timestamp', 'attributes', 'event_attributes'])

export class Pieces {
  /** Fields of the span, in any order. */
  readonly span: PieceWriter = new PieceWriter(16_384)
  service = ''
  serviceVersion = ''
  operation = ''
  kind = 0
  startTime: bigint | undefined
  statusMessage = ''
  traceState: TraceState | undefined
  samplingRate = 1
  thresholds: Threshold[] = []
  readonly #resource: PieceWriter = new PieceWriter(4096)
  readonly #limits: PieceWriter = new PieceWriter(1024)
  readonly #resourceKeys = new Set<string>()
  #status = ''
  #statusCode = 0

  gather(message: Message, crossings: Crossings): Buffer {
    this.#clear()
    this.#ids(message)
    if (message.dialect === 'envelope') {
      this.#each(message.whole, message, ENVELOPE_ROWS)
      this.#beside(message)
    }
    this.#each(message.body, message, rowsOf(message))
    this.#finish(message)
    const { service, serviceVersion, operation } = this
    const [resource, thresholds, span] = [written(this.#resource), written(this.#limits), written(this.span)]
    const { kind, time } = message
    const part: Part = { kind, time, service, serviceVersion, operation, status: this.#status, resource, thresholds, ...crossings, span }
    return writePart(part)
  }

  attribute(prefix: string, key: string, value: unknown): void {
    this.span.attribute(0x4a, prefix, key, value)
  }

  /** Everything in an object, one attribute each; what is none is one attribute itself. */
  block(prefix: string, value: unknown): void {
    if (!isObject(value)) return this.attribute('', prefix, value)
    const dotted = `${prefix}.`
    for (const key of Object.keys(value)) this.attribute(dotted, key, value[key])
  }

  /** A message may bring two: then the first counts, and what the second says otherwise is kept beside it. */
  takeResource(resource: JsonObject): void {
    for (const key of Object.keys(resource)) {
      if (this.#resourceKeys.has(key)) this.attribute('mplp.ext.resource.', key, resource[key])
      else this.#resource.attribute(0x0a, '', key, resource[key])
      this.#resourceKeys.add(key)
    }
  }

  /** What no row speaks of. */
  ext(key: string, value: unknown): void {
    this.attribute('mplp.ext.', key, value)
  }

  /** A word for how it goes; the code of `span_status` is the one that was meant for it. */
  status(prefix: string, word: string): void {
    this.attribute('', prefix, word)
    const ofSpan = prefix !== 'mplp.status'
    const code = statusCodeOf(word)
    if (!ofSpan) this.#status = word
    if (code !== 0 && (ofSpan || this.#statusCode === 0)) this.#statusCode = code
  }

  event(event: JsonObject, time: bigint): void {
    const { span } = this
    const start = span.begin(0x5a)
    const written = event['event_timestamp'] ?? event['timestamp']
    span.time(0x09, typeof written === 'string' ? (parseTime(written) ?? time) : time)
    span.text(0x12, event['event_name'] as string)
    for (const key of Object.keys(event)) {
      const value = event[key]
      if (!SPAN_KEYS.has(key)) span.attribute(0x1a, 'mplp.ext.', key, value)
      else if (isObject(value)) for (const name of Object.keys(value)) span.attribute(0x1a, '', name, value[name])
    }
    span.end(start)
  }

  /** What of measurements is no number, under its path. The time of a block is that of its measurements. */
  notMeasured(prefix: string, key: string, value: unknown, depth: number): void {
    if (typeof value === 'number' || typeof value === 'bigint') return
    if (typeof value !== 'object' || value === null) {
      if (depth !== 1 || key !== 'timestamp') this.attribute(prefix, key, value)
      return
    }
    if (Array.isArray(value) && value.every(isWord)) return this.attribute(prefix, key, value)
    let inner = ''
    for (const name of Object.keys(value)) {
      const member = (value as JsonObject)[name]
      if (typeof member === 'number') continue
      if (inner === '') inner = `${prefix}${key}.`
      this.notMeasured(inner, name, member, depth + 1)
    }
  }

  #clear(): void {
    this.span.at = 0
    this.#resource.at = 0
    this.#limits.at = 0
    this.#resourceKeys.clear()
    this.service = ''
    this.serviceVersion = ''
    this.operation = ''
    this.kind = 0
    this.startTime = undefined
    this.statusMessage = ''
    this.traceState = undefined
    this.samplingRate = 1
    this.thresholds = []
    this.#status = ''
    this.#statusCode = 0
  }

  #ids({ traceId, spanId }: Message): void {
    if (traceId.original !== undefined) this.attribute('', 'mplp.trace_id', traceId.original)
    if (spanId?.original !== undefined) this.attribute('', 'mplp.span_id', spanId.original)
  }

  #each(object: JsonObject, message: Message, rows: ReadonlyMap<string, Row>): void {
    for (const key of Object.keys(object)) {
      const value = object[key]
      const row = rows.get(key)
      if (row !== undefined) {
        if (value !== null) row.write(this, key, value, message)
      } else if (key.startsWith(COLLECTION)) this.attribute('mplp.collection.', key.slice(COLLECTION.length), value)
      else if (message.kind === 'metrics' && rows !== ENVELOPE_ROWS) this.notMeasured('mplp.ext.', key, value, 0)
      else this.ext(key, value)
    }
  }

  /** What an envelope's payload holds beside the body. */
  #beside({ whole, body }: Message): void {
    const payload = whole['payload'] as JsonObject
    for (const key of Object.keys(payload)) if (payload[key] !== body) this.ext(key, payload[key])
  }

  /** What is one field of the span however many rows speak of it. */
  #finish(message: Message): void {
    const { span } = this
    const { kind, time, timestamp } = message
    if (kind === 'start') span.time(0x39, this.startTime ?? timestamp)
    else if (this.startTime !== undefined) span.time(0x39, this.startTime)
    if (kind === 'finish') span.time(0x41, time)
    if (this.kind !== 0) {
      span.byte(0x30)
      span.byte(this.kind)
    }
    const state = sampledState(this.traceState, kind === 'start' ? this.samplingRate : 1, message.traceId.bytes)
    if (state !== '') span.text(0x1a, state)
    this.#writeStatus()
    writeThresholds(this.#limits, this.thresholds)
    if (kind !== 'start') return
    this.#serviceSays('service.name', 'mplp.service_name', this.service)
    this.#serviceSays('service.version', 'mplp.service_version', this.serviceVersion)
  }

  /** A start's own resource is the execution's. */
  #serviceSays(key: string, otherwise: string, text: string): void {
    if (text === '') return
    if (this.#resourceKeys.has(key)) this.attribute('', otherwise, text)
    else this.#resource.attribute(0x0a, '', key, text)
  }

  #writeStatus(): void {
    if (this.#statusCode === 0 && this.statusMessage === '') return
    const { span } = this
    const start = span.begin(0x7a)
    if (this.statusMessage !== '') span.text(0x12, this.statusMessage)
    if (this.#statusCode !== 0) {
      span.byte(0x18)
      span.byte(this.#statusCode)
    }
    span.end(start)
  }
}

function isWord(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || value === null
}

function written(writer: PieceWriter): Buffer {
  return writer.bytes.subarray(0, writer.at)
}

/** One a thread: its buffers are kept. */
const pieces = new Pieces()
