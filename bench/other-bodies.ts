// Requests of metrics and of logs, prepared as body.ts prepares those of traces: encoded before the run, and patched so that no two are the
// same. What they hold is in README.md.

import type { Message, MessageOptions } from './body.ts'
import { mix } from './span-numbers.ts'
import { attribute, field, fixed64Field, varintField } from './wire.ts'

export type OtherSignal = 'metrics' | 'logs'

/** Their protobuf alone, and where eight bytes of each item may be overwritten: a time. */
export interface OtherBody {
  readonly bytes: Buffer
  readonly timeAt: Int32Array
}

const STARTED = BigInt(Date.now()) * 1_000_000n
/** Points of one metric in a row: series that differ in their attributes. */
const POINTS_A_METRIC = 5

export function otherBody(signal: OtherSignal, options: MessageOptions): OtherBody {
  const items = Array.from({ length: options.spans }, (_, i) => mix(options.seed * 1_000_003 + i))
  const scope = field(1, field(1, '@opentelemetry/instrumentation-http'), field(2, '0.57.1'))
  const content = signal === 'logs' ? items.map((random, i) => field(2, logRecord(random, i))) : metricsOf(items)
  const bytes = field(1, resource(), field(2, scope, ...content))
  return { bytes, timeAt: timesIn(bytes) }
}

/** Makes the request another one: every item gets a time of its own. */
export function patchTimes(message: Message, timeAt: Int32Array, first: number): void {
  for (let i = 0; i < timeAt.length; i++) message.view.setUint32(timeAt[i] as number, first + i, true)
}

/** A log record of about 390 bytes: a body, six attributes, ids of a trace. */
function logRecord(random: number, i: number): Buffer {
  const isError = i % 50 === 7
  return Buffer.concat([
    fixed64Field(1, MARK),
    fixed64Field(11, STARTED),
    varintField(2, isError ? 17 : 9),
    field(3, isError ? 'ERROR' : 'INFO'),
    field(5, field(1, `order ${random} placed by customer-${random % 100_000}@example.com, total 42.50 EUR, 3 items, via checkout`)),
    attribute(6, 'log.logger', 'com.example.shop.CheckoutService'),
    attribute(6, 'thread.name', `http-nio-8080-exec-${random % 100}`),
    attribute(6, 'http.request.method', 'POST'),
    attribute(6, 'url.path', '/api/checkout/confirm'),
    attribute(6, 'user.email', `customer-${String(random % 100_000).padStart(5, '0')}@example.com`),
    attribute(6, 'app.cart.items', random % 20),
    field(9, Buffer.concat([Buffer.from('5ac3965ac3965ac3', 'hex'), numbered(random)])),
    field(10, numbered(random)),
  ])
}

/** Half of the metrics are sums, three in ten gauges, two in ten histograms of fourteen bounds; every point has five attributes. */
function metricsOf(items: readonly number[]): Buffer[] {
  const metrics: Buffer[] = []
  for (let first = 0; first < items.length; first += POINTS_A_METRIC) {
    const number = first / POINTS_A_METRIC
    const kind = number % 10
    const points = items
      .slice(first, first + POINTS_A_METRIC)
      .map((random) => field(1, kind < 8 ? numberPoint(random) : histogramPoint(random)))
    const shape =
      kind < 5
        ? field(7, ...points, varintField(2, 2), varintField(3, 1))
        : kind < 8
          ? field(5, ...points)
          : field(9, ...points, varintField(2, 2))
    metrics.push(
      field(
        2,
        field(1, `http.server.metric_${number % 40}`),
        field(2, 'What the server measures.'),
        field(3, kind < 8 ? '{request}' : 'ms'),
        shape,
      ),
    )
  }
  return metrics
}

function pointAttributes(number: number, random: number): Buffer[] {
  return [
    attribute(number, 'http.request.method', 'POST'),
    attribute(number, 'http.route', `/api/checkout/${random % 50}`),
    attribute(number, 'http.response.status_code', random % 50 === 7 ? 500 : 200),
    attribute(number, 'network.protocol.version', '1.1'),
    attribute(number, 'server.address', 'checkout'),
  ]
}

function numberPoint(random: number): Buffer {
  const value = Buffer.alloc(9)
  value[0] = 0x21
  value.writeDoubleLE(random / 7, 1)
  return Buffer.concat([...pointAttributes(7, random), fixed64Field(2, STARTED), fixed64Field(3, MARK), value])
}

function histogramPoint(random: number): Buffer {
  const bounds = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500]
  const sum = Buffer.alloc(9)
  sum[0] = 0x29
  sum.writeDoubleLE(random / 3, 1)
  const counts = Buffer.alloc((bounds.length + 1) * 8)
  for (let i = 0; i <= bounds.length; i++) counts.writeBigUInt64LE(BigInt((random >>> i) % 50), i * 8)
  const explicit = Buffer.alloc(bounds.length * 8)
  for (const [i, bound] of bounds.entries()) explicit.writeDoubleLE(bound, i * 8)
  return Buffer.concat([
    fixed64Field(2, STARTED),
    fixed64Field(3, MARK),
    fixed64Field(4, BigInt(random % 1000)),
    sum,
    field(6, counts),
    field(7, explicit),
    ...pointAttributes(9, random),
  ])
}

function resource(): Buffer {
  return field(
    1,
    attribute(1, 'service.name', 'checkout'),
    attribute(1, 'service.version', '2.14.3'),
    attribute(1, 'host.name', 'checkout-7c9d5b8f64-x2kqp'),
    attribute(1, 'telemetry.sdk.language', 'nodejs'),
  )
}

/** The time that is patched, found again by its upper half. */
const MARK = 0x17f2_a5c3_0000_0000n
const MARKED = Buffer.from('c3a5f217', 'hex')

function timesIn(bytes: Buffer): Int32Array {
  const at: number[] = []
  for (let p = bytes.indexOf(MARKED); p >= 0; p = bytes.indexOf(MARKED, p + 4)) at.push(p - 4)
  return Int32Array.from(at)
}

function numbered(random: number): Buffer {
  const bytes = Buffer.alloc(8, 0x11)
  bytes.writeUInt32BE(random, 4)
  return bytes
}
