// Connector `anomaly` at work: reads what the processor or the policy of that name wrote into spans, and hands on a log record for each finding.
//
//   ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; }    ScopeLogs { InstrumentationScope scope = 1; repeated LogRecord = 2; }
//   LogRecord { fixed64 time_unix_nano = 1; SeverityNumber severity_number = 2; string severity_text = 3; AnyValue body = 5;
//     bytes trace_id = 9; bytes span_id = 10; fixed64 observed_time_unix_nano = 11; string event_name = 12; }

import { FEATURE } from '../../core/anomaly/index.ts'
import {
  asConsumeError,
  type Batch,
  type Connector,
  type ConsumeError,
  type Consumer,
  otlp,
  PartialError,
  PermanentError,
  RetryableError,
  type Settings,
  type Signal,
} from '../../core/index.ts'
import type { AnomalyConfig } from './factory.ts'
import { type Finding, findingOf, severityNumber } from './finding.ts'

/** A request that does not hold this has no findings: most need not be looked at span by span. */
const MARK = Buffer.from(FEATURE)
const SCOPE = 'millrace/anomaly'

export class AnomalyConnector implements Connector {
  readonly #config: AnomalyConfig
  readonly #next: Consumer
  readonly #settings: Settings
  readonly #edits = new otlp.RequestEdits()
  readonly #span = new otlp.SpanCursor(this.#edits, () => {})

  constructor(config: AnomalyConfig, next: Readonly<Partial<Record<Signal, Consumer>>>, settings: Settings) {
    this.#config = config
    // The configuration was refused if no pipeline takes logs from here.
    this.#next = next.logs!
    this.#settings = settings
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    const chunks: Buffer[] = []
    let count = 0
    for (const chunk of batch.chunks) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
      if (!bytes.includes(MARK)) continue
      const out = new otlp.ByteWriter(4096)
      count += this.#write(out, otlp.indexChunk('traces', chunk))
      if (out.at > 0) chunks.push(out.copy())
    }
    if (count === 0) return
    try {
      await this.#next.consume({ signal: 'logs', chunks, count, origin: batch.origin }, deadlineMs)
    } catch (thrown) {
      throw ofTraces(asConsumeError(thrown))
    }
  }

  #write(out: otlp.ByteWriter, index: otlp.RequestIndex): number {
    this.#edits.begin(index)
    const now = this.#settings.clock.now()
    let count = 0
    for (let span = 0; span < index.itemCount; span++) {
      this.#span.moveTo(span)
      const finding = findingOf(this.#span, this.#config, now.toISOString())
      if (finding === undefined) continue
      count++
      this.#record(out, finding, now)
    }
    return count
  }

  /** A resource of its own for each: findings are few. */
  #record(out: otlp.ByteWriter, { severity, body }: Finding, now: Date): void {
    const span = this.#span
    const ofResource = out.begin(0x0a)
    const resource = out.begin(0x0a)
    for (const [key, value] of span.resource) {
      const pair = out.begin(0x0a)
      out.text(0x0a, key)
      anyValue(out, 0x12, value)
      out.end(pair)
    }
    out.end(resource)
    const ofScope = out.begin(0x12)
    const scope = out.begin(0x0a)
    out.text(0x0a, SCOPE)
    out.end(scope)
    const record = out.begin(0x12)
    time(out, 0x09, span.endTimeUnixNano)
    out.varint(0x10)
    out.varint(severityNumber(severity))
    out.text(0x1a, severity)
    anyValue(out, 0x2a, body)
    out.field(0x4a, Buffer.from(span.traceId, 'hex'))
    out.field(0x52, Buffer.from(span.spanId, 'hex'))
    time(out, 0x59, BigInt(now.getTime()) * 1_000_000n)
    out.text(0x62, 'mplp.anomaly')
    out.end(record)
    out.end(ofScope)
    out.end(ofResource)
  }
}

function anyValue(out: otlp.ByteWriter, tag: number, value: Parameters<typeof otlp.writeAnyValue>[1]): void {
  const start = out.begin(tag)
  otlp.writeAnyValue(out, value)
  out.end(start)
}

function time(out: otlp.ByteWriter, tag: number, unixNano: bigint): void {
  out.varint(tag)
  out.reserve(8)
  out.at = out.bytes.writeBigUInt64LE(unixNano, out.at)
}

/** What became of records, said of the spans they were made of: nobody refused those, and their requests are others. */
function ofTraces(error: ConsumeError): ConsumeError {
  const message = `records of anomalies: ${error.message}`
  if (error instanceof RetryableError)
    return new RetryableError(message, { cause: error, ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }) })
  return error instanceof PermanentError ? new PermanentError(message, { cause: error }) : new PartialError(0, message, { cause: error })
}
