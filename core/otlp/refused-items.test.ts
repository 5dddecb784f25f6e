// Bad data points and log records: each refused alone, with a reason, and its neighbours as they were. And the bounds of both.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Signal } from '../batch.ts'
import { type Any, decodeWhole } from './fixtures/oracles.ts'
import { type WireField, toBytes } from './fixtures/wire-trees.ts'
import { RequestIndex } from './request-index.ts'
import { admit } from './requests.ts'
import { walkRequest } from './walk-request.ts'
import { MAX_DEPTH, MalformedError } from './wire.ts'

const text = (value: string): Uint8Array => Buffer.from(value)
const notText = Buffer.from([0xff])
const field = (number: number, value: WireField['value']): WireField => ({ number, value })
const double = (value: number): WireField['value'] => {
  const bits = Buffer.alloc(8)
  bits.writeDoubleLE(value)
  return { fixed: 8, bits: bits.readBigUInt64LE() }
}
/** A request of one scope that holds these messages. */
const requestOf = (...held: (readonly WireField[] | Uint8Array)[]): Uint8Array =>
  toBytes([
    field(1, [
      field(
        2,
        held.map((one) => field(2, one)),
      ),
    ]),
  ])
/** A gauge, or whatever data field `kind` is, with these points. */
const metricOf = (kind: number, ...points: (readonly WireField[] | Uint8Array)[]): WireField[] => [
  field(1, text('m')),
  field(
    kind,
    points.map((point) => field(1, point)),
  ),
]

function verdict(signal: Signal, bytes: Uint8Array): string {
  try {
    const { refused, reason } = admit(signal, bytes)
    return refused === 0 ? 'fine' : `${refused} refused: ${reason}`
  } catch (error) {
    t.ok(error instanceof MalformedError, String(error))
    return `request: ${(error as Error).message}`
  }
}

const badRecords: readonly (readonly [WireField[], RegExp])[] = [
  [[field(3, notText)], /severity_text is not valid UTF-8 at byte \d+$/],
  [[field(12, notText)], /event_name is not valid UTF-8/],
  [[field(5, [field(1, notText)])], /the body is not valid UTF-8/],
  [[field(5, [field(1, Buffer.concat([Buffer.alloc(200, 'a'), notText]))])], /an attribute value is not valid UTF-8/],
  [[field(5, [field(6, [field(1, [field(1, notText)])])])], /KeyValue.key is not valid UTF-8/],
  [[field(6, [field(1, notText)])], /an attribute key is not valid UTF-8/],
  [[field(5, Buffer.from([0x0a, 0x7f]))], /AnyValue.stringValue is longer/],
  [[field(1, { varint: 5n })], /LogRecord.timeUnixNano has wire type 0 instead of 1/],
  [[field(9, { varint: 5n })], /LogRecord.traceId has wire type 0 instead of 2/],
]

t.test('a bad log record is refused alone, and says why', async (t) => {
  const good = [field(2, { varint: 9n }), field(5, [field(1, text('hällo'))])]
  for (const [bad, reason] of badRecords) {
    const { chunk, count, refused, reason: said } = admit('logs', requestOf(good, bad, bad, good))
    t.same([count, refused], [2, 2])
    t.match(said, reason)
    t.same(Buffer.from(chunk), Buffer.from(requestOf(good, good)))
  }
  t.match(verdict('logs', requestOf(Buffer.from([0x09, 1, 2]))), /^1 refused: a field runs out of the log record/)
  t.match(verdict('logs', requestOf(Buffer.from([0x1a, 0xff]))), /^1 refused: a length in the log record is cut short/)
  t.match(verdict('logs', requestOf(Buffer.from([0x10, 0xff]))), /^1 refused: severity_number is cut short/)
  t.match(verdict('logs', requestOf(Buffer.from([0x06]))), /^1 refused: no field begins in the log record/)
  t.equal(verdict('logs', requestOf([])), 'fine', 'a record may be empty')
})

/** By kind: good points, and bad ones. */
const points: Readonly<Record<number, readonly (readonly WireField[])[]>> = {
  5: [[], [field(4, double(NaN)), field(7, [field(1, text('k'))])], [field(6, { fixed: 8, bits: 2n ** 53n + 1n })]],
  7: [[field(3, { fixed: 8, bits: 1n }), field(2, { fixed: 8, bits: 2n })]],
  9: [
    [field(6, Buffer.alloc(16)), field(7, Buffer.alloc(8))],
    [field(6, { fixed: 8, bits: 1n }), field(6, { fixed: 8, bits: 2n }), field(7, { fixed: 8, bits: 1n })],
    [field(11, double(0)), field(12, double(-Infinity)), field(5, double(0))],
    [field(6, new Uint8Array(0))],
  ],
  10: [[field(8, [field(1, { varint: 3n }), field(2, Buffer.from([1, 0x80, 1]))]), field(9, []), field(6, { varint: 1n })]],
  11: [[field(6, [field(1, double(0.5)), field(2, double(Infinity))])]],
}
const badPoints: Readonly<Record<number, readonly (readonly [readonly WireField[], RegExp])[]>> = {
  5: [
    [[field(7, [field(1, notText)])], /an attribute key is not valid UTF-8/],
    [[field(4, { varint: 1n })], /NumberDataPoint.asDouble has wire type 0 instead of 1/],
    [[field(5, [field(7, [field(1, notText)])])], /KeyValue.key is not valid UTF-8/],
  ],
  7: [[[field(3, text('x'))], /NumberDataPoint.timeUnixNano has wire type 2 instead of 1/]],
  9: [
    [[field(6, Buffer.alloc(15))], /a list in the data point holds half a number/],
    [
      [field(10, { varint: 1n }), field(10, { varint: 2n }), field(6, Buffer.alloc(15))],
      /HistogramDataPoint.bucketCounts holds half a number/,
    ],
    [[field(9, [field(2, [field(1, notText)])])], /an attribute value is not valid UTF-8/],
  ],
  10: [
    [[field(8, [field(2, Buffer.from([0x80]))])], /Buckets.bucketCounts holds half a number/],
    [[field(8, [field(1, text(''))])], /Buckets.offset has wire type 2 instead of 0/],
  ],
  11: [[[field(6, [field(1, { varint: 1n })])], /ValueAtQuantile.quantile has wire type 0 instead of 1/]],
}

t.test('a bad data point of any kind is refused alone, and says why', async (t) => {
  for (const [kind, bads] of Object.entries(badPoints)) {
    const good = points[Number(kind)]!
    for (const [bad, reason] of bads) {
      const other = metricOf(5, [])
      const {
        chunk,
        count,
        refused,
        reason: said,
      } = admit('metrics', requestOf(other, metricOf(Number(kind), bad, ...good, bad, bad), other))
      t.same([count, refused], [good.length + 2, 3])
      t.match(said, reason)
      t.same(Buffer.from(chunk), Buffer.from(requestOf(other, metricOf(Number(kind), ...good), other)))
    }
    const alone = requestOf(metricOf(Number(kind), ...good))
    t.equal(admit('metrics', alone).chunk, alone, `what is legal in kind ${kind} is carried`)
  }
  const broken = [Buffer.from([0x11, 1]), Buffer.from([0x3a, 0xff]), Buffer.from([0x40, 0xff]), Buffer.from([0x02]), Buffer.from([0x3a, 5])]
  for (const bytes of broken) t.match(verdict('metrics', requestOf(metricOf(5, bytes, []))), /^1 refused: .* data point .*at byte \d+$/)
})

t.test('a metric whose points were all refused goes, one that came without points stays', async (t) => {
  const bad = badPoints[5]![0]![0]
  const empty = [metricOf(5), [field(1, text('no data'))], []]
  const { chunk, count, refused } = admit('metrics', requestOf(...empty, metricOf(5, bad, bad), ...empty))
  t.same([count, refused], [0, 2])
  t.same(Buffer.from(chunk), Buffer.from(requestOf(...empty, ...empty)))
  t.equal(admit('metrics', requestOf(metricOf(5, bad), metricOf(7, badPoints[7]![0]![0]))).chunk.length, 0)
})

t.test('a fault in a metric outside of its points refuses all of them, and no other metric', async (t) => {
  const name = field(1, text('m'))
  const data = (kind: number, count: number, ...more: WireField[]): WireField =>
    field(kind, [...Array.from({ length: count }, () => field(1, [])), ...more])
  const wrong: readonly (readonly [WireField[], number, RegExp])[] = [
    [[field(1, notText), data(5, 3)], 3, /^Metric.name is not valid UTF-8/],
    [[name, field(2, notText), data(5, 1)], 1, /^Metric.description is not valid UTF-8/],
    [[data(5, 2), field(3, notText)], 2, /^Metric.unit is not valid UTF-8/],
    [[data(7, 2), field(12, [field(1, notText)])], 2, /^KeyValue.key is not valid UTF-8/],
    [[name, data(7, 2, field(2, text('x')))], 2, /^aggregationTemporality has wire type 2 instead of 0/],
    [[name, field(5, { varint: 1n })], 1, /^Metric.gauge has wire type 0 instead of 2/],
    [[name, field(5, Buffer.from([0x0a, 0x00, 0x0a, 0x05]))], 1, /^a data point runs out of its metric's data/],
    [[data(5, 1, field(1, badPoints[5]![0]![0])), field(1, notText)], 2, /^Metric.name is not valid UTF-8/],
  ]
  const neighbour = metricOf(5, [], badPoints[5]![0]![0])
  for (const [metric, points_, reason] of wrong) {
    const alone = admit('metrics', requestOf(metric))
    t.same([alone.count, alone.refused, alone.chunk.length], [0, points_, 0])
    t.match(alone.reason, reason)
    const { chunk, count, refused } = admit('metrics', requestOf(neighbour, metric, neighbour))
    t.same([count, refused], [2, points_ + 2])
    t.same(Buffer.from(chunk), Buffer.from(requestOf(metricOf(5, []), metricOf(5, []))))
  }
})

t.test('of two members of a metric’s data the last counts; with a bad point in one of them, the metric is refused', async (t) => {
  const gauge = field(5, [field(1, []), field(1, [])])
  const sum = field(7, [field(1, [field(6, { fixed: 8, bits: 7n })])])
  t.same([admit('metrics', requestOf([gauge, sum])).count, admit('metrics', requestOf([sum, gauge])).count], [1, 2])
  t.equal(admit('metrics', requestOf([gauge, gauge])).count, 4, 'one member twice is merged')
  const bad = field(5, [field(1, badPoints[5]![0]![0])])
  t.match(verdict('metrics', requestOf([bad, sum], metricOf(5, []))), /^2 refused: /)
})

t.test('ids that are none: a record and an exemplar go on without them', async (t) => {
  const traceId = Buffer.alloc(16, 1)
  const spanId = Buffer.alloc(8, 2)
  const rest = [field(2, { varint: 9n }), field(5, [field(1, text('x'))])]
  const kept = (signal: 'metrics' | 'logs', bytes: Uint8Array): unknown => {
    const { chunk, refused } = admit(signal, bytes)
    t.equal(refused, 0)
    return decodeWhole(signal, chunk)
  }
  const logOf = (...ids: WireField[]): Uint8Array => requestOf([...rest, ...ids], rest)
  t.same(kept('logs', logOf(field(9, traceId.subarray(1)), field(10, Buffer.alloc(9, 1)))), kept('logs', logOf()))
  t.same(kept('logs', logOf(field(9, Buffer.alloc(16)), field(10, spanId))), kept('logs', logOf(field(10, spanId))))
  t.same(kept('logs', logOf(field(9, traceId), field(10, new Uint8Array(8)))), kept('logs', logOf(field(9, traceId))))
  t.same(kept('logs', logOf(field(9, traceId), field(9, text('short')))), kept('logs', logOf()), 'of two, the last counts')
  const empty = logOf(field(9, text('')), field(10, text('')))
  t.equal(admit('logs', empty).chunk, empty, 'empty ids are absent ones')

  const exemplar = (...ids: WireField[]): WireField => field(5, [field(3, double(1)), ...ids])
  const pointOf = (...exemplars: WireField[]): Uint8Array => requestOf(metricOf(5, [...exemplars, field(4, double(2))], []))
  const long = field(7, [field(1, Buffer.alloc(130, 'k'))])
  t.same(
    kept(
      'metrics',
      pointOf(exemplar(field(4, text('x')), long), exemplar(field(5, traceId)), exemplar(field(5, Buffer.alloc(16)), field(4, spanId))),
    ),
    kept('metrics', pointOf(exemplar(long), exemplar(field(5, traceId)), exemplar(field(4, spanId)))),
  )
  // With a refused item beside it.
  const bad = badRecords[0]![0]
  t.same(kept2('logs', requestOf([...rest, field(9, text('short'))], bad)), [1, decodeWhole('logs', requestOf(rest))])
})

function kept2(signal: Signal, bytes: Uint8Array): Any {
  const { chunk, refused } = admit(signal, bytes)
  return [refused, decodeWhole(signal, chunk)]
}

t.test('very many ids that are none are mended in time that grows with their number', async (t) => {
  const exemplars = Array.from({ length: 100_000 }, () => field(5, [field(4, text('x'))]))
  const { chunk, refused } = admit('metrics', requestOf(metricOf(5, exemplars)))
  t.equal(refused, 0)
  t.equal(decodeWhole('metrics', chunk).resourceMetrics[0].scopeMetrics[0].metrics[0].value.value.dataPoints[0].exemplars.length, 100_000)
})

t.test('nesting is bounded in every place that holds values', async (t) => {
  const nested = (lists: number): WireField[] => {
    let value: WireField[] = [field(1, text('deep'))]
    for (let i = 0; i < lists; i++) value = [field(5, [field(1, value)])]
    return value
  }
  // Messages around the innermost value: four of a log's body, five of its attribute's, seven of a data point's.
  const places: readonly (readonly [string, Signal, number, (value: WireField[]) => Uint8Array])[] = [
    ['a body', 'logs', 4, (value) => requestOf([field(5, value)])],
    ['an attribute of a record', 'logs', 5, (value) => requestOf([field(6, [field(2, value)])])],
    ['an attribute of a point', 'metrics', 7, (value) => requestOf(metricOf(5, [field(7, [field(2, value)])]))],
    ['an attribute of an exemplar', 'metrics', 8, (value) => requestOf(metricOf(5, [field(5, [field(7, [field(2, value)])])]))],
    ['metadata', 'metrics', 5, (value) => requestOf([field(5, [field(1, [])]), field(12, [field(2, value)])])],
  ]
  for (const [what, signal, around, make] of places) {
    const most = Math.floor((MAX_DEPTH - around) / 2)
    t.equal(verdict(signal, make(nested(most))), 'fine', what)
    t.match(verdict(signal, make(nested(most + 1))), /^1 refused: .*lies deeper than 100 messages/, what)
  }
})

t.test('a value nested a million deep is refused, not a crash', async (t) => {
  const out = Buffer.alloc(16 * 1024 * 1024)
  let at = out.length
  for (let i = 0; i < 1_000_000; i++) {
    let length = out.length - at
    const bytes: number[] = []
    do {
      bytes.push((length & 0x7f) | (length > 0x7f ? 0x80 : 0))
      length >>>= 7
    } while (length > 0)
    at -= bytes.length
    out.set(bytes, at)
    out[--at] = i % 2 === 0 ? 0x0a : 0x2a
  }
  const deep = out.subarray(at)
  t.match(verdict('logs', requestOf([field(5, deep)])), /^1 refused: .*lies deeper than 100/)
  t.match(verdict('metrics', requestOf(metricOf(9, [field(9, [field(2, deep)])]))), /^1 refused: .*lies deeper than 100/)
})

t.test('two million empty items in 4 MB, a million attributes: bounded columns', async (t) => {
  const pairsOf = (tag: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length)
    for (let i = 0; i < length; i += 2) bytes[i] = tag
    return bytes
  }
  const inScope = (bytes: Uint8Array): Uint8Array => toBytes([field(1, [field(2, bytes)])])
  t.match(verdict('logs', inScope(pairsOf(0x12, 4_000_000))), /^request: the request holds more than 1048576 items/)
  t.match(verdict('metrics', inScope(pairsOf(0x12, 4_000_000))), /^request: the request holds more than 1048576 metrics/)
  t.match(verdict('metrics', requestOf([field(5, pairsOf(0x0a, 4_000_000))])), /^request: the request holds more than 1048576 items/)
  t.match(verdict('traces', pairsOf(0x0a, 4_000_000)), /^request: the request holds more than 1048576 resources/)
  t.match(verdict('traces', toBytes([field(1, pairsOf(0x12, 4_000_000))])), /^request: the request holds more than 1048576 scopes/)
  t.match(verdict('logs', requestOf(pairsOf(0x32, 2_000_000), [])), /^1 refused: the log record holds more than 65536 attributes/)
  t.match(
    verdict('metrics', requestOf(metricOf(7, pairsOf(0x3a, 2_000_000), []))),
    /^1 refused: the data point holds more than 65536 attributes/,
  )
  t.match(
    verdict('traces', inScope(field0(pairsOf(0x1a, 20_000_000)))),
    /^request: in a scope, the request holds more than 4194304 attributes/,
  )

  const index = new RequestIndex()
  walkRequest('metrics', requestOf([field(5, Buffer.concat(Array.from({ length: 100_000 }, () => Buffer.from([0x0a, 1, 0x02]))))]), index)
  t.same([index.refusedCount, index.refusedRanges, index.metricCount], [100_000, 1, 1], 'neighbours share a range')
})

/** As the scope's own message. */
function field0(bytes: Uint8Array): Uint8Array {
  return toBytes([field(1, bytes)])
}

t.test('items refused here and there leave exactly the others', async () => {
  const good = fc.constantFrom(...points[9]!)
  const bad = fc.constantFrom(...badPoints[9]!.map(([point]) => point))
  const metric = fc.array(
    fc.oneof(
      good.map((point) => ({ point, ok: true })),
      bad.map((point) => ({ point, ok: false })),
    ),
    { maxLength: 5 },
  )
  const whole = fc.record({ broken: fc.integer({ max: 4, min: 0 }).map((n) => n === 0), list: metric })
  fc.assert(
    fc.property(fc.array(fc.array(whole, { maxLength: 4 }), { maxLength: 3 }), (scopes) => {
      const make = (all: typeof scopes): Uint8Array =>
        toBytes(
          all.map((metrics) =>
            field(1, [
              field(
                2,
                metrics.map(({ broken, list }) =>
                  field(2, [...(broken ? [field(1, notText)] : []), ...metricOf(9, ...list.map(({ point }) => point)).slice(1)]),
                ),
              ),
            ]),
          ),
        )
      const { chunk, count, refused } = admit('metrics', make(scopes))
      const left = scopes.map((metrics) =>
        metrics
          .filter(({ broken, list }) => !broken && (list.length === 0 || list.some(({ ok }) => ok)))
          .map(({ broken, list }) => ({ broken, list: list.filter(({ ok }) => ok) })),
      )
      const kept = left.filter((metrics, i) => metrics.length > 0 || scopes[i]!.length === 0)
      assert.deepEqual(Buffer.from(chunk), Buffer.from(make(kept)))
      assert.equal(
        count,
        kept.flat().reduce((sum, { list }) => sum + list.length, 0),
      )
      const lost = scopes
        .flat()
        .reduce((sum, { broken, list }) => sum + (broken ? Math.max(1, list.length) : list.filter(({ ok }) => !ok).length), 0)
      assert.equal(refused, lost)
    }),
    { numRuns: 120 },
  )
})
