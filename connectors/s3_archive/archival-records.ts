// Says of each archived object that it is there, as a log record in the trace protocol's words.
//
//   ResourceLogs { repeated ScopeLogs scope_logs = 2; }    ScopeLogs { InstrumentationScope scope = 1; repeated LogRecord = 2; }
//   LogRecord { fixed64 time_unix_nano = 1; SeverityNumber severity_number = 2; string severity_text = 3; AnyValue body = 5; repeated KeyValue attributes = 6;
//     fixed64 observed_time_unix_nano = 11; string event_name = 12; }

import { archivalRecord, type Manifest } from '../../core/archive/index.ts'
import { ANONYMOUS, type AttributeValue, type Consumer, type Origin, otlp, type Settings, type Signal } from '../../core/index.ts'

const SCOPE = 'millrace/archive'
const INFO = 9
/** How long the pipeline behind may take; then the object is told of again. */
const TIMEOUT_MS = 10_000

export class ArchivalRecords {
  readonly #next: Consumer
  readonly #settings: Settings

  constructor(next: Readonly<Partial<Record<Signal, Consumer>>>, settings: Settings) {
    // The configuration was refused if no pipeline takes logs from here.
    this.#next = next.logs!
    this.#settings = settings
  }

  /** Settles when the pipeline behind has the record. `store` is where the object lies: `s3://bucket`. */
  async tell(manifest: Manifest, store: string): Promise<void> {
    const { tenant } = manifest
    const origin: Origin = tenant === '' ? ANONYMOUS : { tenant, headers: new Map() }
    const chunks = [recordOf(manifest, store, this.#settings.clock.now())]
    await this.#next.consume({ signal: 'logs', chunks, count: 1, origin }, this.#settings.clock.monotonicMs() + TIMEOUT_MS)
  }
}

function recordOf(manifest: Manifest, store: string, now: Date): Buffer {
  const out = new otlp.ByteWriter(1024)
  const resource = out.begin(0x0a)
  const ofScope = out.begin(0x12)
  const scope = out.begin(0x0a)
  out.text(0x0a, SCOPE)
  out.end(scope)
  const record = out.begin(0x12)
  time(out, 0x09, BigInt(Date.parse(manifest.written_at)) * 1_000_000n)
  out.varint(0x10)
  out.varint(INFO)
  out.text(0x1a, 'INFO')
  const body = out.begin(0x2a)
  otlp.writeAnyValue(out, archivalRecord(store, manifest) as AttributeValue)
  out.end(body)
  for (const [key, value] of Object.entries({ 'mplp.archival.spans': manifest.spans, 'mplp.archival.traces': manifest.traces })) {
    const attribute = out.begin(0x32)
    out.text(0x0a, key)
    const inner = out.begin(0x12)
    otlp.writeAnyValue(out, value)
    out.end(inner)
    out.end(attribute)
  }
  time(out, 0x59, BigInt(now.getTime()) * 1_000_000n)
  out.text(0x62, 'mplp.archival')
  out.end(record)
  out.end(ofScope)
  out.end(resource)
  return out.copy()
}

function time(out: otlp.ByteWriter, tag: number, unixNano: bigint): void {
  out.varint(tag)
  out.reserve(8)
  out.at = out.bytes.writeBigUInt64LE(unixNano, out.at)
}
