import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import type { AttributeValue } from './any-value.ts'
import { ANONYMOUS, type Batch, eachSpan } from '../index.ts'
import { CollectingConsumer, TestSettings, encodeTraces, numberedSpans, processorSuite, readSpans, tracesBatch } from '../testing/index.ts'
import { SpanCursor } from './span-cursor.ts'
import { decodeWithCursors, see } from './fixtures/ours.ts'
import { type SeenSpan, decodeWithProtobufEs } from './fixtures/oracles.ts'
import { oddRequest, plainRequest } from './fixtures/wire-trees.ts'
import { splitChunk } from './split.ts'
import { RequestEdits } from './edits.ts'
import { admit, indexChunk } from './requests.ts'

type Step =
  | { readonly do: 'set' | 'setResource'; readonly key: string; readonly value: AttributeValue }
  | { readonly do: 'delete' | 'deleteResource'; readonly key: string }
  | { readonly do: 'rename'; readonly name: string }
  | { readonly do: 'drop' }

const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : n)),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 9 }),
  fc.array(fc.oneof(fc.string(), fc.integer()), { maxLength: 3 }),
)
/** Keys that the request may have, chosen by number, and new ones. */
const key = fc.oneof(
  fc.nat(20).map((n) => ({ n })),
  fc.constantFrom('a', 'b', '', '__proto__', 'k'.repeat(150)),
)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('set' as const, 'setResource' as const), key, value }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'deleteResource' as const), key }) },
  fc.record({ do: fc.constant('rename' as const), name: fc.string({ maxLength: 150 }) }),
  fc.constant({ do: 'drop' as const }),
)

type Pairs = (readonly [string, unknown])[]

/** What a step should do to the lists of pairs: the model. */
function setPair(pairs: Pairs, name: string, to: unknown): Pairs {
  const first = pairs.findIndex(([k]) => k === name)
  if (first < 0) return [...pairs, [name, to]]
  return pairs.flatMap((pair, i) => (i === first ? [[name, to] as const] : pair[0] === name ? [] : [pair]))
}

t.test('any edits of any spans give what a model on plain lists gives, to us and to another decoder', async () => {
  const subject = fc.tuple(
    fc.oneof(plainRequest, oddRequest),
    fc.array(fc.tuple(fc.nat(30), fc.array(step, { maxLength: 5 })), { maxLength: 6 }),
  )
  fc.assert(
    fc.property(subject, ([bytes, work]) => {
      const edits = new RequestEdits(indexChunk('traces', bytes))
      const { index } = edits
      const dropped = new Set<number>()
      const cursor = new SpanCursor(edits, () => {})
      const resourceOf = (span: number): number => index.resourceOf(span)
      const model: SeenSpan[] = decodeWithCursors(bytes)
      for (const [at, steps] of [...work].sort((a, b) => a[0] - b[0])) {
        if (model.length === 0) break
        const span = at % model.length
        cursor.moveTo(span)
        for (const one of steps as (Step & { key?: string | { n: number } })[]) {
          const seen = model[span]!
          const own = one.do === 'setResource' || one.do === 'deleteResource' ? seen.resource : seen.attributes
          const name = typeof one.key === 'object' ? (own[one.key.n % Math.max(1, own.length)]?.[0] ?? 'none') : (one.key ?? '')
          if (one.do === 'set') {
            cursor.attributes.set(name, one.value)
            model[span] = { ...seen, attributes: setPair([...seen.attributes], name, one.value) }
          } else if (one.do === 'delete') {
            assert.equal(
              cursor.attributes.delete(name),
              seen.attributes.some(([k]) => k === name),
            )
            model[span] = { ...seen, attributes: seen.attributes.filter(([k]) => k !== name) }
          } else if (one.do === 'rename') {
            cursor.name = one.name
            model[span] = { ...seen, name: Buffer.from(one.name).toString() }
          } else if (one.do === 'drop') {
            cursor.drop('test')
            dropped.add(span)
          } else {
            const resource =
              one.do === 'setResource' ? setPair([...seen.resource], name, one.value) : seen.resource.filter(([k]) => k !== name)
            if (one.do === 'setResource') cursor.resource.set(name, one.value)
            else cursor.resource.delete(name)
            for (let other = 0; other < model.length; other++)
              if (resourceOf(other) === resourceOf(span)) model[other] = { ...model[other]!, resource }
          }
          // What was written is what is read, before anything is built.
          assert.deepEqual(normal([see(cursor)]), normal([model[span]!]))
          if (one.do === 'set') assert.deepEqual(cursor.attributes.get(name), one.value)
          assert.equal(
            cursor.attributes.has(name),
            model[span]!.attributes.some(([k]) => k === name),
          )
        }
      }
      const expected = normal(model.filter((_, span) => !dropped.has(span)))
      assert.equal(edits.remaining, expected.length)
      const built = edits.build()
      assert.deepEqual(normal(decodeWithProtobufEs(built)), expected)
      assert.deepEqual(admit('traces', built), { chunk: built, count: expected.length, refused: 0, reason: '' })
      assert.deepEqual(normal(decodeWithCursors(built)), expected)
    }),
    { numRuns: 60 },
  )
})

/** Added attributes stand behind the others in the bytes, and so in the model; what was deleted and set again does, too. */
function normal(spans: readonly SeenSpan[]): SeenSpan[] {
  const byKey = (a: readonly [string, unknown], b: readonly [string, unknown]): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)
  return spans.map((span) => ({ ...span, attributes: [...span.attributes].sort(byKey), resource: [...span.resource].sort(byKey) }))
}

t.test('an edit leaves everything else to the byte', async (t) => {
  const batch = numberedSpans(3)
  const chunk = Buffer.from(batch.chunks[0]!)
  const edits = new RequestEdits(indexChunk('traces', chunk))
  const cursor = new SpanCursor(edits, () => {})
  cursor.moveTo(1)
  cursor.attributes.set('n', 7)
  const built = edits.build()
  t.equal(built.length, chunk.length)
  t.equal([...built].filter((byte, i) => byte !== chunk[i]).length, 1, 'one byte differs')
})

t.test('dropping the last span of a scope drops scope and resource', async (t) => {
  const bytes = encodeTraces([
    { resource: { a: 1 }, spans: [{ name: 'x' }, { name: 'y' }] },
    { resource: { b: 2 }, spans: [{ name: 'z' }] },
  ])
  const edits = new RequestEdits(indexChunk('traces', bytes))
  edits.dropItem(0)
  edits.dropItem(1)
  edits.dropItem(1)
  const built = edits.build()
  t.equal(edits.remaining, 1)
  t.strictSame(Buffer.from(built), encodeTraces([]).length === 0 ? bytes.subarray(bytes.length - built.length) : null)
  edits.begin(indexChunk('traces', bytes))
  for (let span = 0; span < 3; span++) edits.dropItem(span)
  t.equal(edits.build().length, 0)
})

t.test('a resource is made where there was none', async (t) => {
  const bytes = Buffer.from(`0a20121e121c0a10${'01'.repeat(16)}1208${'02'.repeat(8)}`, 'hex')
  const edits = new RequestEdits(indexChunk('traces', bytes))
  const cursor = new SpanCursor(edits, () => {})
  cursor.moveTo(0)
  cursor.resource.set('service.name', 'x')
  t.match(decodeWithProtobufEs(edits.build()), [{ resource: [['service.name', 'x']] }])
})

t.test('a value that OTLP cannot hold is an error, and leaves the span as it was', async (t) => {
  const edits = new RequestEdits(indexChunk('traces', numberedSpans(1).chunks[0]!))
  const cursor = new SpanCursor(edits, () => {})
  cursor.moveTo(0)
  t.throws(() => cursor.attributes.set('a', 2n ** 63n), { message: '9223372036854775808 does not fit into 64 bits' })
  t.throws(() => cursor.attributes.set('a', undefined as never), { message: 'an attribute value cannot be a undefined' })
  const circle: AttributeValue[] = []
  circle.push(circle)
  t.throws(() => cursor.attributes.set('a', circle), { message: /nested deeper than 30/ })
  t.equal(edits.empty, true)
  let deep: AttributeValue = 'x'
  for (let i = 0; i < 30; i++) deep = { deep }
  cursor.attributes.set('a', deep)
  t.equal(admit('traces', edits.build()).refused, 0, 'what the cursor accepts, the walk does')
})

t.test('split cuts between spans, and both halves are whole', async () => {
  fc.assert(
    fc.property(plainRequest, fc.nat(), (bytes, at) => {
      const seen = decodeWithProtobufEs(bytes)
      if (seen.length < 2) return
      const count = 1 + (at % (seen.length - 1))
      const [head, tail] = splitChunk('traces', bytes, count)
      assert.deepEqual(decodeWithProtobufEs(head), seen.slice(0, count))
      assert.deepEqual(decodeWithProtobufEs(tail), seen.slice(count))
      assert.deepEqual(decodeWithProtobufEs(Buffer.concat([head, tail])), seen, 'joined again')
    }),
    { numRuns: 40 },
  )
})

const settingsOf = (): TestSettings => new TestSettings('acme_test')
const plugin = eachSpan({
  type: 'acme_test',
  stability: 'alpha',
  schema: { type: 'object', properties: { region: { type: 'string', default: 'eu' } } },
  each(span, { region }) {
    if (span.attributes.get('n') === 3) return span.drop('three')
    if (span.name === 'boom') throw new Error('boom')
    span.attributes.set('cloud.region', region)
  },
})

t.test('eachSpan: the suite of every processor', async (t) => {
  processorSuite(t.test.bind(t), { create: (next, settings) => plugin.create({ region: 'eu' }, next, settings) })
})

t.test('eachSpan: hands on untouched batches as they are, and nothing where nothing is left', async (t) => {
  const idle = eachSpan({ type: 'idle', stability: 'alpha', schema: { type: 'object', properties: {} }, each: () => {} })
  const next = new CollectingConsumer()
  const batch = numberedSpans(3)
  await (await idle.create({}, next, settingsOf())).consume(batch, 0)
  t.equal(next.batches[0], batch)
  const all = eachSpan({ type: 'all', stability: 'alpha', schema: { type: 'object', properties: {} }, each: (span) => span.drop('all') })
  const settings = settingsOf()
  await (await all.create({}, next, settings)).consume(batch, 0)
  t.equal(next.batches.length, 1)
  t.same({ ...settings.drops }, { all: 3 })
})

t.test('eachSpan: what `each` throws refuses the batch, counts no drop, and spoils no later batch', async (t) => {
  const next = new CollectingConsumer()
  const settings = settingsOf()
  const processor = await plugin.create({ region: 'eu' }, next, settings)
  const bad = tracesBatch([{ spans: [{ attributes: { n: 3 } }, { name: 'boom' }] }])
  await t.rejects(processor.consume(bad, 0), { message: 'boom' })
  t.equal(settings.dropped, 0)
  await processor.consume(numberedSpans(5), 0)
  t.same({ ...settings.drops }, { three: 1 })
  t.same(
    next.spans().map(({ attributes }) => [attributes['n'], attributes['cloud.region']]),
    [0, 1, 2, 4].map((n) => [n, 'eu']),
  )
})

t.test('eachSpan: goes through every chunk of a merged batch', async (t) => {
  const next = new CollectingConsumer()
  const processor = await plugin.create({ region: 'eu' }, next, settingsOf())
  const parts: Batch[] = [numberedSpans(2), numberedSpans(3, 2)]
  await processor.consume({ signal: 'traces', chunks: parts.flatMap(({ chunks }) => chunks), count: 5, origin: ANONYMOUS }, 0)
  t.equal(next.count, 4)
  t.same(
    readSpans(next.batches[0]!).map(({ attributes }) => attributes['n']),
    [0, 1, 2, 4],
  )
})
