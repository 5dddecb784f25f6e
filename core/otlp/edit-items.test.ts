// Edits of data points, metrics, log records and scopes: what a model on plain lists gives, to us and to another decoder. Spans have
// edits.test.ts.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { encodeMetrics, numberedItems, readDataPoints, readLogRecords } from '../testing/index.ts'
import type { AttributeValue } from './any-value.ts'
import type { Attributes } from './attribute-cursor.ts'
import { countItems } from './count.ts'
import { DataPointCursor } from './data-point-cursor.ts'
import { RequestEdits } from './edits.ts'
import { type Any, decodeWhole } from './fixtures/oracles.ts'
import { type SeenItem, type SeenLog, type SeenPoint, seeLog, seePoint, seenLogs, seenPoints } from './fixtures/seen-items.ts'
import { looseRequests, oddRequests, plainRequests } from './fixtures/wire-items.ts'
import { addItemAttribute, deleteItemAttribute, encodeAttribute, findItemAttribute, replaceItemAttribute } from './item-attributes.ts'
import { LogRecordCursor } from './log-record-cursor.ts'
import { MetricCursor } from './metric-cursor.ts'
import { admit, indexChunk } from './requests.ts'
import { CHILD_END, CHILD_FIRST, ITEM_STRIDE, METRIC_STRIDE, PARENT } from './request-index.ts'
import { type Piece, piecesOf, splitChunk } from './split.ts'

const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.maxSafeInteger(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 9 }),
  fc.array(fc.oneof(fc.string(), fc.integer()), { maxLength: 3 }),
)
/** Keys that the owner may have, chosen by number, and new ones. */
const key = fc.oneof(
  fc.nat(20).map((n) => ({ n })),
  fc.constantFrom('a', 'b', '', '__proto__', 'k'.repeat(150)),
)
const OWNERS = ['attributes', 'resource', 'scopeAttributes'] as const
const text = fc.string({ unit: 'grapheme', maxLength: 150 })
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), owner: fc.constantFrom(...OWNERS), key, value }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), owner: fc.constantFrom(...OWNERS), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('text' as const), which: fc.nat(2), text }) },
  fc.record({ do: fc.constant('body' as const), body: fc.option(value, { nil: undefined }) }),
  fc.constant({ do: 'drop' as const }),
  fc.constant({ do: 'dropMetric' as const }),
)
const work = fc.array(fc.tuple(fc.nat(30), fc.array(step, { maxLength: 5 })), { maxLength: 6 })

type Pairs = (readonly [string, unknown])[]

function setPair(pairs: Pairs, name: string, to: unknown): Pairs {
  const first = pairs.findIndex(([k]) => k === name)
  if (first < 0) return [...pairs, [name, to]]
  return pairs.flatMap((pair, i) => (i === first ? [[name, to] as const] : pair[0] === name ? [] : [pair]))
}

/** What was added stands behind the rest. */
function normal<S extends SeenItem>(items: readonly S[]): S[] {
  const byKey = (a: readonly [string, unknown], b: readonly [string, unknown]): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)
  return items.map((item) => ({
    ...item,
    attributes: item.attributes.toSorted(byKey),
    resource: item.resource.toSorted(byKey),
    scopeAttributes: item.scopeAttributes.toSorted(byKey),
  }))
}

/** A request, what is seen in it before, and how one signal's own fields are changed. */
interface Subject<S extends SeenItem> {
  readonly signal: 'metrics' | 'logs'
  readonly edits: RequestEdits
  readonly cursor: { moveTo(item: number): void; drop(reason: string): void } & Record<(typeof OWNERS)[number], Attributes>
  readonly see: () => S
  readonly seen: (bytes: Uint8Array) => S[]
  setText(model: S[], item: number, which: number, text: string): void
  setBody(model: S[], item: number, body: AttributeValue | undefined): void
}

function run<S extends SeenItem>(
  bytes: Uint8Array,
  steps: typeof work extends fc.Arbitrary<infer W> ? W : never,
  subject: Subject<S>,
): void {
  const { signal, edits, cursor } = subject
  const { index } = edits
  const model = subject.seen(bytes)
  const dropped = new Set<number>()
  /** Which items share what an owner holds. */
  const sharedBy = {
    attributes: (item: number) => item,
    resource: (item: number) => index.resourceOf(item),
    scopeAttributes: (item: number) => index.scopeOf(item),
  }
  for (const [at, list] of steps) {
    if (model.length === 0) break
    const item = at % model.length
    cursor.moveTo(item)
    for (const one of list) {
      if (one.do === 'text') subject.setText(model, item, one.which, one.text)
      else if (one.do === 'body') subject.setBody(model, item, one.body)
      else if (one.do === 'drop') {
        cursor.drop('test')
        dropped.add(item)
      } else if (one.do === 'dropMetric') {
        if (signal !== 'metrics') continue
        const metric = index.items[item * ITEM_STRIDE + PARENT]!
        const before = dropped.size
        for (let point = 0; point < model.length; point++) if (index.items[point * ITEM_STRIDE + PARENT] === metric) dropped.add(point)
        assert.equal(edits.dropMetric(metric), dropped.size - before)
      } else {
        const pairs: Pairs = [...model[item]![one.owner]]
        const name = typeof one.key === 'object' ? (pairs[one.key.n % Math.max(1, pairs.length)]?.[0] ?? 'none') : one.key
        const after = one.do === 'set' ? setPair(pairs, name, one.value) : pairs.filter(([k]) => k !== name)
        if (one.do === 'set') cursor[one.owner].set(name, one.value)
        else assert.equal(cursor[one.owner].delete(name), after.length < pairs.length)
        for (let other = 0; other < model.length; other++)
          if (sharedBy[one.owner](other) === sharedBy[one.owner](item)) model[other] = { ...model[other]!, [one.owner]: after }
        assert.equal(cursor[one.owner].has(name), one.do === 'set')
      }
      // What was written is what is read, before anything is built.
      assert.deepEqual(normal([subject.see()]), normal([model[item]!]))
    }
  }
  const expected = normal(model.filter((_, item) => !dropped.has(item)))
  assert.equal(edits.remaining, expected.length)
  if (edits.empty) return
  const built = edits.build()
  assert.deepEqual(normal(subject.seen(built)), expected)
  assert.deepEqual(admit(signal, built), { chunk: built, count: expected.length, refused: 0, reason: '' })
}

t.test('logs: any edits give what a model gives, to us and to another decoder', async () => {
  fc.assert(
    fc.property(fc.oneof(plainRequests.logs, oddRequests.logs), work, (request, steps) => {
      const bytes = admit('logs', request).chunk
      const edits = new RequestEdits(indexChunk('logs', bytes))
      const cursor = new LogRecordCursor(edits, () => {})
      run<SeenLog>(bytes, steps, {
        signal: 'logs',
        edits,
        cursor,
        see: () => seeLog(cursor),
        seen: (some) => seenLogs(some, 'protobufEs'),
        setText: (model, item, _which, to) => {
          cursor.severityText = to
          model[item] = { ...model[item]!, severityText: Buffer.from(to).toString() }
        },
        setBody: (model, item, body) => {
          cursor.body = body
          model[item] = { ...model[item]!, body }
        },
      })
    }),
    { numRuns: 80 },
  )
})

t.test('metrics: any edits give what a model gives, to us and to another decoder', async () => {
  const NAMES = ['name', 'description', 'unit'] as const
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: plainRequests.metrics }, oddRequests.metrics), work, (request, steps) => {
      const bytes = admit('metrics', request).chunk
      const edits = new RequestEdits(indexChunk('metrics', bytes))
      const cursor = new DataPointCursor(edits, () => {})
      const metric = new MetricCursor(edits, () => {})
      const metricOf = (item: number): number => edits.index.items[item * ITEM_STRIDE + PARENT]!
      run<SeenPoint>(bytes, steps, {
        signal: 'metrics',
        edits,
        cursor,
        see: () => seePoint(cursor),
        seen: (some) => seenPoints(some, 'protobufEs'),
        setText: (model, item, which, to) => {
          metric.moveTo(metricOf(item))
          metric[NAMES[which]!] = to
          for (let other = 0; other < model.length; other++)
            if (metricOf(other) === metricOf(item)) model[other] = { ...model[other]!, [NAMES[which]!]: Buffer.from(to).toString() }
        },
        setBody: () => {},
      })
    }),
    { numRuns: 80 },
  )
})

t.test('an edit touches nothing else: whatever was not edited is as another decoder saw it', async () => {
  fc.assert(
    fc.property(plainRequests.metrics, (bytes) => {
      const index = indexChunk('metrics', bytes)
      const edits = new RequestEdits(index)
      const cursor = new DataPointCursor(edits, () => {})
      for (let item = 0; item < index.itemCount; item += 2) {
        cursor.moveTo(item)
        cursor.attributes.set('added', 'x')
      }
      if (edits.empty) return
      const built = decodeWhole('metrics', edits.build())
      const without = (any: Any): Any =>
        Array.isArray(any)
          ? any.filter((one) => one?.key !== 'added').map(without)
          : typeof any === 'object' && any !== null && !(any instanceof Uint8Array)
            ? Object.fromEntries(Object.entries(any).map(([name, inner]) => [name, without(inner)]))
            : any
      assert.deepEqual(without(built), decodeWhole('metrics', bytes))
    }),
    { numRuns: 60 },
  )
})

t.test('a metric is edited before its data and behind it, in whatever order its fields came', async (t) => {
  const bytesOf = (number: number, value: Uint8Array): Buffer => Buffer.concat([Buffer.from([number * 8 + 2, value.length]), value])
  const fields = {
    name: bytesOf(1, Buffer.from('name')),
    description: bytesOf(2, Buffer.from('description')),
    unit: bytesOf(3, Buffer.from('unit')),
    data: bytesOf(7, bytesOf(1, Buffer.from([0x19, 1, 2, 3, 4, 5, 6, 7, 8]))),
  }
  const orders = [
    'data name description unit',
    'unit description data name',
    'data unit',
    'data',
    'name data',
    'description name data unit',
    'unit',
  ]
  for (const order of orders) {
    const parts = order.split(' ') as (keyof typeof fields)[]
    const metric = Buffer.concat(parts.map((part) => fields[part]))
    const bytes = bytesOf(1, bytesOf(2, bytesOf(2, metric)))
    const edits = new RequestEdits(indexChunk('metrics', bytes))
    const cursor = new MetricCursor(edits, () => {})
    cursor.moveTo(0)
    cursor.unit = 's'
    cursor.name = 'n'.repeat(200)
    cursor.unit = 'ms'
    cursor.description = ''
    const point = new DataPointCursor(edits, () => {})
    if (parts.includes('data')) {
      point.moveTo(0)
      point.attributes.set('k', 'v'.repeat(130))
    }
    const after = decodeWhole('metrics', edits.build()).resourceMetrics[0].scopeMetrics[0].metrics[0]
    t.same([after.name, after.unit, after.description], ['n'.repeat(200), 'ms', ''], order)
    if (parts.includes('data'))
      t.same([after.value.value.dataPoints[0].timeUnixNano, after.value.value.dataPoints[0].attributes.length], [0x0807060504030201n, 1])
  }
})

t.test('dropping: what is left empty goes, what came empty stays', async (t) => {
  const metric = (name: string, points: number): { name: string; dataPoints: {}[] } => ({
    name,
    dataPoints: Array.from({ length: points }, () => ({})),
  })
  const bytes = encodeMetrics([{ metrics: [metric('a', 2), metric('none', 0), metric('b', 1)] }, { metrics: [metric('c', 1)] }])
  const edits = new RequestEdits(indexChunk('metrics', bytes))
  const drops: [number, string][] = []
  const cursor = new MetricCursor(edits, (count, reason) => drops.push([count, reason]))
  edits.dropItem(0)
  cursor.moveTo(0)
  t.equal(cursor.dataPointCount, 2)
  cursor.drop('unwanted')
  cursor.drop('unwanted')
  edits.dropItem(3)
  t.equal(edits.remaining, 1)
  t.same(drops, [[1, 'unwanted']], 'a point that was dropped before is not counted again')
  t.same(Buffer.from(edits.build()), encodeMetrics([{ metrics: [metric('none', 0), metric('b', 1)] }]))
  edits.begin(indexChunk('metrics', bytes))
  cursor.moveTo(1)
  cursor.drop('empty')
  t.equal(drops.length, 1, 'a metric without points has nothing to count')
  t.same(Buffer.from(edits.build()), encodeMetrics([{ metrics: [metric('a', 2), metric('b', 1)] }, { metrics: [metric('c', 1)] }]))
})

t.test('the actions of the hot path work on items of every signal', async (t) => {
  const n = Buffer.from('n')
  const added = Buffer.from('added')
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    const batch = numberedItems(signal, 16)
    const edits = new RequestEdits(indexChunk(signal, batch.chunks[0]!))
    for (let item = 0; item < 16; item++) {
      const row = findItemAttribute(edits.index, item, n)
      t.equal(findItemAttribute(edits.index, item, added), -1)
      addItemAttribute(edits, item, encodeAttribute('added', item))
      if (item % 2 === 0) replaceItemAttribute(edits, item, row, n, encodeAttribute('n', 'even'))
      else deleteItemAttribute(edits, item, row, n)
    }
    const built = edits.build()
    const read = signal === 'metrics' ? readDataPoints(built) : signal === 'logs' ? readLogRecords(built) : undefined
    t.same(
      read?.map(({ attributes }) => attributes) ??
        Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? { n: 'even', added: i } : { added: i })),
      Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? { n: 'even', added: i } : { added: i })),
      signal,
    )
  }
})

t.test('sixty thousand attributes of one key are deleted in time that grows with their number', async (t) => {
  const attribute = encodeAttribute('k', 'v')
  attribute[0] = 0x32
  const record = Buffer.concat(Array.from({ length: 60_000 }, () => attribute))
  const lengthOf = (n: number): number[] => [(n & 0x7f) | 0x80, ((n >> 7) & 0x7f) | 0x80, n >> 14]
  const inScope = Buffer.concat([Buffer.from([0x12, ...lengthOf(record.length)]), record])
  const inResource = Buffer.concat([Buffer.from([0x12, ...lengthOf(inScope.length)]), inScope])
  const bytes = Buffer.concat([Buffer.from([0x0a, ...lengthOf(inResource.length)]), inResource])
  const edits = new RequestEdits(indexChunk('logs', bytes))
  deleteItemAttribute(edits, 0, findItemAttribute(edits.index, 0, Buffer.from('k')), Buffer.from('k'))
  t.equal(edits.build().length, 6)
})

for (const signal of ['metrics', 'logs'] as const)
  t.test(`${signal}: split cuts between items, and both halves are whole`, async () => {
    const seen = (bytes: Uint8Array): unknown[] => (signal === 'metrics' ? seenPoints : seenLogs)(bytes, 'protobufEs')
    fc.assert(
      fc.property(looseRequests[signal], fc.nat(), (bytes, at) => {
        const all = seen(bytes)
        assert.equal(countItems(signal, bytes), all.length)
        if (all.length < 2) return
        const count = 1 + (at % (all.length - 1))
        const [head, tail] = splitChunk(signal, bytes, count)
        assert.deepEqual(seen(head), all.slice(0, count))
        assert.deepEqual(seen(tail), all.slice(count))
        assert.deepEqual(seen(Buffer.concat([head, tail])), all, 'joined again')
      }),
      { numRuns: 60 },
    )
  })

t.test('what came without items is in the first piece alone', async (t) => {
  const empties = Buffer.from([0x0a, 0, 0x0a, 2, 0x12, 0, 0x0a, 4, 0x12, 2, 0x12, 0]) // a resource, a scope, a metric
  const bytes = Buffer.concat([empties, numberedItems('metrics', 7).chunks[0]!, empties])
  /** Items, metrics without any, scopes, resources. */
  const counts = ({ chunk, count }: Piece): number[] => {
    const { itemCount, metrics, metricCount, scopeCount, resourceCount } = indexChunk('metrics', chunk)
    assert.equal(itemCount, count)
    const rows = Array.from({ length: metricCount }, (_, m) => m * METRIC_STRIDE)
    return [itemCount, rows.filter((row) => metrics[row + CHILD_FIRST] === metrics[row + CHILD_END]).length, scopeCount, resourceCount]
  }
  const [first, ...others] = piecesOf('metrics', { chunk: bytes, count: 7 }, 1, 2).map(counts)
  t.same(first, [1, 2, 5, 7])
  for (const other of others) t.same(other, [2, 0, 1, 1])
  t.equal(others.length, 3)
})

t.test('cutting a request into very many pieces does not write the rest for each', (t) => {
  const scope = Buffer.alloc(2 * 16_384).fill(Buffer.from([0x12, 0]))
  const chunk = Buffer.concat([Buffer.from([0x0a, 0x84, 0x80, 2, 0x12, 0x80, 0x80, 2]), scope])
  let writtenBytes = 0
  t.intercept(Buffer, 'allocUnsafeSlow', {
    value: (size: number) => {
      writtenBytes += size
      return Buffer.alloc(size)
    },
  })
  t.equal(piecesOf('logs', { chunk, count: 16_384 }, 16, 16).length, 1024)
  t.ok(writtenBytes < 16 * chunk.length, `${writtenBytes} bytes for ${chunk.length}`)
  t.end()
})

t.test('a body that OTLP cannot hold is an error, and leaves the record as it was', async (t) => {
  const edits = new RequestEdits(indexChunk('logs', numberedItems('logs', 1).chunks[0]!))
  const cursor = new LogRecordCursor(edits, () => {})
  cursor.moveTo(0)
  t.throws(() => (cursor.body = [2n ** 63n]), { message: '9223372036854775808 does not fit into 64 bits' })
  t.equal(edits.empty, true)
  t.equal(cursor.body, 'record 0')
})
