// What a message measured, as gauges in the bytes of a metrics request. Receivers get them from outcome.ts.
//
//   Metric { string name = 1; string unit = 3; Gauge gauge = 5; }    Gauge { repeated NumberDataPoint data_points = 1; }
//   NumberDataPoint { fixed64 time_unix_nano = 3; double as_double = 4; repeated Exemplar exemplars = 5; sfixed64 as_int = 6;
//     repeated KeyValue attributes = 7; }
//   Exemplar { fixed64 time_unix_nano = 2; double as_double = 3; bytes span_id = 4; bytes trace_id = 5; sfixed64 as_int = 6; }

import { varintSize, writeVarint } from '../otlp/wire.ts'
import type { Execution } from './execution.ts'
import type { Measurements } from './measurements.ts'
import type { Message } from './message.ts'
import { PieceWriter } from './piece-writer.ts'
import { type Items, requestOf } from './request.ts'

/** Which of service, operation and execution are attributes of what is measured. */
export type Identity = 'service' | 'operation' | 'execution'

const DOUBLE = 0x21
const INT = 0x31
const EXEMPLAR_DOUBLE = 0x19
const EXEMPLAR_INT = 0x31

const out = new PieceWriter(65_536)
const point = new PieceWriter(1024)
const identities = new PieceWriter(1024)

/** Undefined where it measured nothing. */
export function metricsOf(message: Message, measured: Measurements, execution: Execution, identity: Identity): Items | undefined {
  const { count, paths, values, times } = measured
  if (count === 0) return undefined
  out.at = 0
  const template = new PointTemplate(message, identityOf(message, execution, identity))
  for (let i = 0; i < count; i++) writeGauge(out, paths[i]!.header, template.of(values[i]!, times[i]!))
  return { bytes: requestOf(execution.resource, out), count }
}

/** The attributes of every data point of that execution, as fields 7. They are valid until the next. */
export function identityOf(message: Message, execution: Execution, identity: Identity): Buffer {
  const point = identities
  point.at = 0
  const service = message.service ?? execution.service
  const operation = message.operation ?? execution.operation
  if (service !== '') point.attribute(0x3a, '', 'mplp.service_name', service)
  if (identity !== 'service' && operation !== '') point.attribute(0x3a, '', 'mplp.operation_name', operation)
  if (identity === 'execution') {
    const { traceId, spanId } = message
    point.attribute(0x3a, '', 'mplp.trace_id', traceId.original ?? traceId.hex)
    if (spanId !== undefined) point.attribute(0x3a, '', 'mplp.span_id', spanId.original ?? spanId.hex)
  }
  return point.bytes.subarray(0, point.at)
}

/** Data points of one message: they differ in their values alone, and seldom in their times. There is one at a time. */
export class PointTemplate {
  readonly #bytes: Buffer
  readonly #valueAt: number
  readonly #exemplarAt: number
  #time = 0n

  constructor({ traceId, spanId }: Pick<Message, 'traceId' | 'spanId'>, attributes: Uint8Array) {
    point.at = 0
    point.time(0x19, 0n)
    this.#valueAt = point.at
    point.byte(DOUBLE)
    point.double(0)
    const exemplar = point.begin(0x2a)
    point.time(0x11, 0n)
    this.#exemplarAt = point.at
    point.byte(EXEMPLAR_DOUBLE)
    point.double(0)
    if (spanId !== undefined) point.field(0x22, spanId.bytes)
    point.field(0x2a, traceId.bytes)
    point.end(exemplar)
    point.raw(attributes)
    this.#bytes = point.bytes.subarray(0, point.at)
  }

  /** The body of a data point. It is valid until the next. */
  of(value: number | bigint, time: bigint): Buffer {
    const bytes = this.#bytes
    if (time !== this.#time) {
      bytes.writeBigUInt64LE(time, 1)
      bytes.writeBigUInt64LE(time, this.#exemplarAt - 8)
      this.#time = time
    }
    const exact = typeof value === 'bigint' && BigInt.asIntN(64, value) === value
    bytes[this.#valueAt] = exact ? INT : DOUBLE
    bytes[this.#exemplarAt] = exact ? EXEMPLAR_INT : EXEMPLAR_DOUBLE
    if (exact) {
      bytes.writeBigInt64LE(value, this.#valueAt + 1)
      bytes.writeBigInt64LE(value, this.#exemplarAt + 1)
    } else {
      bytes.writeDoubleLE(Number(value), this.#valueAt + 1)
      bytes.writeDoubleLE(Number(value), this.#exemplarAt + 1)
    }
    return bytes
  }
}

/** A metric of one data point. `header` is its body before the gauge. */
export function writeGauge(out: PieceWriter, header: Uint8Array, point: Uint8Array): void {
  const gauge = 1 + varintSize(point.length) + point.length
  out.reserve(20 + header.length + gauge)
  const { bytes } = out
  bytes[out.at] = 0x12
  let p = writeVarint(bytes, out.at + 1, header.length + 1 + varintSize(gauge) + gauge)
  bytes.set(header, p)
  p += header.length
  bytes[p] = 0x2a
  p = writeVarint(bytes, p + 1, gauge)
  bytes[p] = 0x0a
  p = writeVarint(bytes, p + 1, point.length)
  bytes.set(point, p)
  out.at = p + point.length
}
