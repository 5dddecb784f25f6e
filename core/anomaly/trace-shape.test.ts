// The shape of a trace: whose child a span is, how long it worked itself, what the whole waited for; and that it ends for whatever comes.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { indexChunk } from '../otlp/requests.ts'
import { encodeTraces, type PlainSpan } from '../testing/index.ts'
import { Baselines } from './baselines.ts'
import { ORDINAL, RECORD, SpanRecords } from './span-records.ts'
import { TraceShape } from './trace-shape.ts'

/** A span by its number, its parent's, and its times in milliseconds. */
type Row = readonly [id: number, parent: number, startMs: number, endMs: number]

const START = 1_767_225_600_000_000_000n
const idOf = (n: number): string => n.toString(16).padStart(16, '0')

function shapeOf(rows: readonly Row[]): {
  readonly shape: TraceShape
  readonly spanOf: (id: number) => number
  readonly records: SpanRecords
} {
  const spans = rows.map(([id, parent, from, to]): PlainSpan => {
    const time = (ms: number): bigint => START + BigInt(Math.round(ms * 1e6))
    return {
      traceId: 'a'.repeat(32),
      spanId: idOf(id),
      parentSpanId: parent === 0 ? '' : idOf(parent),
      startTimeUnixNano: time(from),
      endTimeUnixNano: time(to),
    }
  })
  const index = indexChunk('traces', encodeTraces([{ spans }]))
  const records = new SpanRecords(new Baselines({ maxOperations: 10, measures: 8, minSamples: 10 }), [])
  let first = -1
  for (let span = 0; span < index.itemCount; span++) first = records.add(index, span, first, rows[span]![0])
  const shape = new TraceShape()
  shape.read(records, first)
  // The ordinal is the id.
  const spanOf = (id: number): number =>
    Array.from(shape.records.subarray(0, shape.count)).findIndex((record) => records.cells[record * RECORD + ORDINAL] === id)
  return { shape, spanOf, records }
}
const ms = (ns: number): number => Math.round(ns / 1e5) / 10

t.test('what children leave of a span is its own, also where they overlap or outlive it', (t) => {
  const { shape, spanOf } = shapeOf([
    [1, 0, 0, 100],
    [2, 1, 10, 30],
    [3, 1, 20, 50],
    [4, 1, 70, 120],
  ])
  t.equal(ms(shape.selfNs[spanOf(1)]!), 30)
  t.equal(ms(shape.gapNs[spanOf(1)]!), 20)
  t.equal(shape.children[spanOf(1)], 3)
  t.equal(shape.fanOut[spanOf(1)], 2)
  t.equal(ms(shape.selfNs[spanOf(4)]!), 50)
  t.equal(shape.root, spanOf(1))
  t.end()
})

t.test('the critical path goes back from the end through whoever ended last', (t) => {
  const { shape, spanOf } = shapeOf([
    [1, 0, 0, 100],
    [2, 1, 0, 40], // beside 3, and done before it
    [3, 1, 10, 60],
    [4, 3, 20, 30],
    [5, 1, 70, 90],
  ])
  const critical = [1, 2, 3, 4, 5].map((id) => ms(shape.criticalNs[spanOf(id)]!))
  t.same(critical, [20, 10, 40, 10, 20])
  t.equal(
    critical.reduce((a, b) => a + b),
    100,
    'every moment of the root is somebody’s',
  )
  t.end()
})

t.test('spans in any order are one tree, with few spans and with many', (t) => {
  for (const count of [20, 200]) {
    const rows: Row[] = Array.from({ length: count }, (_, i) => [i + 1, Math.floor((i + 1) / 2), i, 2 * count - i])
    const { shape, spanOf } = shapeOf(rows.toReversed())
    for (let id = 2; id <= count; id++) assert.equal(shape.parents[spanOf(id)], spanOf(Math.floor(id / 2)))
    t.equal(shape.root, spanOf(1))
    t.equal(shape.roots[spanOf(count)], spanOf(1))
  }
  t.end()
})

t.test(
  'circles, spans that are their own parent, ids that come twice and times that run backwards end, and measure nothing below 0',
  (t) => {
    const row = fc.tuple(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 0, max: 12 }),
      fc.integer({ min: 0, max: 50 }),
      fc.integer({ min: 0, max: 50 }),
    )
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 80 }), (rows) => {
        const { shape, records } = shapeOf(rows)
        assert.equal(shape.count, rows.length)
        let critical = 0
        for (let span = 0; span < shape.count; span++) {
          const { selfNs, gapNs, criticalNs, fanOut, children } = shape
          for (const ns of [selfNs, gapNs, criticalNs]) assert.ok(ns[span]! >= 0 && Number.isFinite(ns[span]))
          assert.ok(fanOut[span]! <= children[span]!)
          assert.ok(selfNs[span]! <= records.durations[shape.records[span]!]!)
          critical += criticalNs[span]!
        }
        const roots = Array.from(shape.parents.subarray(0, shape.count)).flatMap((parent, span) => (parent < 0 ? [span] : []))
        const whole = roots.reduce((sum, span) => sum + records.durations[shape.records[span]!]!, 0)
        assert.ok(critical <= whole + 1e3, `${critical} of ${whole}`)
      }),
      { numRuns: 300 },
    )
    t.end()
  },
)

t.test('records that were released are used again', (t) => {
  const index = indexChunk('traces', encodeTraces([{ spans: Array.from({ length: 100 }, () => ({ traceId: 'b'.repeat(32) })) }]))
  const records = new SpanRecords(new Baselines({ maxOperations: 10, measures: 8, minSamples: 10 }), [])
  let bytes = 0
  for (let round = 0; round < 100; round++) {
    let first = -1
    for (let span = 0; span < 100; span++) first = records.add(index, span, first)
    t.equal(records.count, 100)
    records.release(first)
    if (round === 0) bytes = records.bytes
  }
  t.equal(records.count, 0)
  t.equal(records.bytes, bytes)
  t.end()
})

t.test('an operation that was forgotten while its spans wait is theirs until they are gone, and nobody else’s', (t) => {
  const baselines = new Baselines({ maxOperations: 2, measures: 8, minSamples: 10 })
  const records = new SpanRecords(baselines, [])
  const index = indexChunk('traces', encodeTraces([{ spans: ['a', 'b', 'c', 'd', 'a'].map((name) => ({ name })) }]))
  const firsts = Array.from({ length: 5 }, (_, span) => records.add(index, span, -1))
  t.same(
    firsts.map((first) => records.operationOf(first).name),
    ['a', 'b', 'c', 'd', 'a'],
  )
  t.not(records.operationOf(firsts[0]!), records.operationOf(firsts[4]!), 'the first had been forgotten')
  for (const first of firsts) records.release(first)
  const again = records.add(index, 1, -1)
  t.equal(records.operationOf(again).name, 'b')
  t.ok(records.operationOf(again).number < 4, 'numbers are used again')
  t.end()
})
