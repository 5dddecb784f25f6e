import { createHash } from 'node:crypto'
import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import type { ActionConfig, AttributeValue, Batch } from '../../core/index.ts'
import {
  CollectingConsumer,
  type PlainAttributes,
  itemsOf,
  logsBatch,
  metricsBatch,
  TestSettings,
  numberedSpans,
  processorSuite,
  tracesBatch,
} from '../../core/testing/index.ts'
import { type AttributesConfig, type Choice, factory } from './factory.ts'

/** The attributes of a span after the actions, as pairs in order. */
async function apply(actions: readonly ActionConfig[], attributes: PlainAttributes): Promise<Record<string, AttributeValue>> {
  const next = new CollectingConsumer()
  const processor = await factory.create({ actions }, next, new TestSettings('attributes'))
  await processor.consume(tracesBatch([{ spans: [{ attributes }] }]), 0)
  return { ...next.spans()[0]!.attributes }
}

const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

t.test('the suite of every processor', async (t) => {
  const actions: ActionConfig[] = [
    { key: 'n', action: 'hash' },
    { key: 'region', action: 'upsert', value: 'eu' },
  ]
  processorSuite(t.test.bind(t), { create: (next, settings) => factory.create({ actions }, next, settings) })
})

t.test('insert, update, upsert, delete', async (t) => {
  const before = { a: 1, b: 'x' }
  t.strictSame(await apply([{ key: 'a', action: 'insert', value: 2 }], before), { a: 1, b: 'x' })
  t.strictSame(await apply([{ key: 'c', action: 'insert', value: 2 }], before), { a: 1, b: 'x', c: 2 })
  t.strictSame(await apply([{ key: 'a', action: 'update', value: 'two' }], before), { a: 'two', b: 'x' })
  t.strictSame(await apply([{ key: 'c', action: 'update', value: 2 }], before), before)
  t.strictSame(await apply([{ key: 'a', action: 'upsert', value: true }], before), { a: true, b: 'x' })
  t.strictSame(await apply([{ key: 'c', action: 'upsert', value: [1, 'y'] }], before), { a: 1, b: 'x', c: [1, 'y'] })
  t.strictSame(
    await apply(
      [
        { key: 'a', action: 'delete' },
        { key: 'none', action: 'delete' },
      ],
      before,
    ),
    { b: 'x' },
  )
})

t.test('from_attribute copies the value as it is, and does nothing where there is none', async (t) => {
  t.strictSame(await apply([{ key: 'b', action: 'insert', from_attribute: 'a' }], { a: 0.5 }), { a: 0.5, b: 0.5 })
  t.strictSame(await apply([{ key: 'b', action: 'update', from_attribute: 'a' }], { a: 'x', b: 1 }), { a: 'x', b: 'x' })
  t.strictSame(await apply([{ key: 'b', action: 'upsert', from_attribute: 'none' }], { b: 1 }), { b: 1 })
})

t.test('hash is SHA-256 in hex of what the Collector hashes: text, eight bytes of a number, one of a boolean', async (t) => {
  const hash = async (value: AttributeValue): Promise<AttributeValue | undefined> =>
    (await apply([{ key: 'v', action: 'hash' }], { v: value }))['v']
  t.equal(await hash('jane@example.com'), sha256('jane@example.com'))
  t.equal(await hash('ä'.repeat(200)), sha256('ä'.repeat(200)), 'longer than what is remembered')
  t.equal(await hash(17), sha256(Buffer.from('1100000000000000', 'hex')))
  t.equal(await hash(-1), sha256(Buffer.alloc(8, 255)))
  t.equal(await hash(0.5), sha256(Buffer.from('000000000000e03f', 'hex')))
  t.equal(await hash(true), sha256(Buffer.from([1])))
  t.equal(await hash(''), sha256(''))
  for (const empty of [null, [1], { a: 1 }, new Uint8Array([1])]) t.equal(await hash(empty), '')
})

t.test('values that share a slot of the memory of hashes are not confused', async () => {
  const next = new CollectingConsumer()
  const processor = await factory.create({ actions: [{ key: 'v', action: 'hash' }] }, next, new TestSettings('attributes'))
  const values = Array.from({ length: 30_000 }, (_, i) => `user${i}@example.com`)
  await processor.consume(tracesBatch([{ spans: [...values, ...values].map((v) => ({ attributes: { v } })) }]), 0)
  next.spans().forEach(({ attributes }, i) => assert.equal(attributes['v'], sha256(values[i % values.length]!)))
})

t.test('convert', async (t) => {
  const convert = async (value: AttributeValue, converted_type: 'int' | 'double' | 'string'): Promise<AttributeValue | undefined> =>
    (await apply([{ key: 'v', action: 'convert', converted_type }], { v: value }))['v']
  const cases: [AttributeValue, 'int' | 'double' | 'string', AttributeValue][] = [
    ['42', 'int', 42],
    ['-9223372036854775808', 'int', -(2n ** 63n)],
    ['9223372036854775808', 'int', '9223372036854775808'],
    ['4.2', 'int', '4.2'],
    [4.9, 'int', 4],
    [Infinity, 'int', Infinity],
    [true, 'int', 1],
    ['0x10', 'int', '0x10'],
    ['4.5', 'double', 4.5],
    ['NaN', 'double', NaN],
    ['four', 'double', 'four'],
    ['', 'double', ''],
    [2n ** 60n, 'double', 2 ** 60],
    [42, 'string', '42'],
    [2n ** 60n, 'string', '1152921504606846976'],
    [false, 'string', 'false'],
    ['-Inf', 'double', -Infinity],
    ['1e999', 'double', '1e999'],
    ['0x10', 'double', '0x10'],
    [' 1', 'double', ' 1'],
    [-0, 'string', '-0'],
    [['a', 1], 'string', '["a",1]'],
    [['<&>', '\u2028', null, new Uint8Array([1]), 2n ** 60n, 0.5], 'string', '["<&>","\\u2028",null,"AQ==",1152921504606846976,0.5]'],
    [{ b: 1, a: { c: [true] } }, 'string', '{"a":{"c":[true]},"b":1}'],
    [[Infinity], 'string', ''],
    [null, 'string', ''],
    [new Uint8Array([1]), 'string', 'AQ=='],
  ]
  for (const [before, type, after] of cases) t.strictSame(await convert(before, type), after, `${typeof before} as ${type}`)
})

t.test('actions see what earlier ones did, in any order and number', async () => {
  const key = fc.constantFrom('a', 'b', 'c')
  const action: fc.Arbitrary<ActionConfig> = fc.oneof(
    fc.record({
      key,
      action: fc.constantFrom('insert' as const, 'update' as const, 'upsert' as const),
      value: fc.oneof(fc.string(), fc.integer(), fc.boolean()),
    }),
    fc.record({ key, action: fc.constantFrom('insert' as const, 'update' as const, 'upsert' as const), from_attribute: key }),
    fc.record({ key, action: fc.constantFrom('delete' as const, 'hash' as const) }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 1, maxLength: 6 }),
      fc.dictionary(key, fc.string(), { noNullPrototype: true }),
      async (actions, attributes) => {
        const expected: Record<string, AttributeValue> = { ...attributes }
        for (const { key = '', ...one } of actions) {
          const there = Object.hasOwn(expected, key)
          const value = one.from_attribute === undefined ? (one.value as AttributeValue) : expected[one.from_attribute]
          if (one.action === 'delete') delete expected[key]
          else if (one.action === 'hash') {
            if (there) expected[key] = modelHash(expected[key]!)
          } else if (value !== undefined && (there ? one.action !== 'insert' : one.action !== 'update')) expected[key] = value
        }
        assert.deepEqual(await apply(actions, attributes), expected)
      },
    ),
    { numRuns: 300 },
  )
})

function modelHash(value: AttributeValue): string {
  if (typeof value === 'boolean') return sha256(Buffer.from([value ? 1 : 0]))
  if (typeof value === 'number') {
    const eight = Buffer.alloc(8)
    eight.writeBigInt64LE(BigInt(value))
    return sha256(eight)
  }
  return sha256(value as string)
}

t.test('every attribute of a key that comes twice is changed', async (t) => {
  const next = new CollectingConsumer()
  const batch = tracesBatch([{ spans: [{ attributes: { user: 'x', uses: 'x' } }] }])
  const chunk = Buffer.from(batch.chunks[0]!)
  chunk.write('user', chunk.indexOf('uses')) // now both are `user`
  const processor = await factory.create({ actions: [{ key: 'user', action: 'hash' }] }, next, new TestSettings('attributes'))
  await processor.consume({ ...batch, chunks: [chunk] }, 0)
  t.equal(next.batches[0]!.chunks[0]!.length > 0, true)
  t.equal(Buffer.from(next.batches[0]!.chunks[0]!).includes('\x01x'), false, 'the second value hides nowhere')
})

t.test('a batch in which nothing changes keeps its bytes', async (t) => {
  const next = new CollectingConsumer()
  const processor = await factory.create({ actions: [{ key: 'none', action: 'delete' }] }, next, new TestSettings('attributes'))
  const batch = numberedSpans(3)
  await processor.consume(batch, 0)
  t.equal(next.batches[0]!.chunks[0], batch.chunks[0])
})

t.test('says which keys go with which action', async (t) => {
  const faults = (action: ActionConfig): string[] =>
    factory.check!({ actions: [action] }).map(({ path, message }) => `${path.join('.')}: ${message}`)
  t.same(faults({ key: 'a', action: 'insert' }), ['actions.0: action insert takes either value or from_attribute'])
  t.same(faults({ key: 'a', action: 'upsert', value: 1, from_attribute: 'b' }), [
    'actions.0: action upsert takes either value or from_attribute',
  ])
  t.same(faults({ key: 'a', action: 'delete', value: 1 }), ['actions.0.value: does not go with action delete, which takes pattern'])
  t.same(faults({ key: 'a', action: 'convert' }), ['actions.0: action convert takes converted_type: int, double or string'])
  t.same(faults({ key: 'a', action: 'insert', value: { a: 1 } }), [
    'actions.0.value: must be a string, a number, a boolean or a list of such',
  ])
  t.same(faults({ key: 'a', action: 'insert', value: 1 }), [])
})

t.test('a pattern extracts what its named groups find, and chooses what is deleted or hashed', async (t) => {
  const extract: ActionConfig = { key: 'url', action: 'extract', pattern: '^(?P<scheme>[a-z]+)://(?P<host>[^/:]+)(?::(?P<port>\\d+))?' }
  t.strictSame(await apply([extract], { url: 'https://shop.example/cart', host: 'old' }), {
    url: 'https://shop.example/cart',
    host: 'shop.example',
    scheme: 'https',
  })
  t.strictSame(await apply([extract], { url: 'nothing of that kind' }), { url: 'nothing of that kind' })
  t.strictSame(await apply([extract], { url: 5 }), { url: 5 })
  t.strictSame(await apply([extract], { other: 'https://a' }), { other: 'https://a' })
  t.strictSame(await apply([extract, { key: 'host', action: 'hash' }], { url: 'https://b' }), {
    url: 'https://b',
    scheme: 'https',
    host: sha256('b'),
  })
  const headers = { 'http.header.cookie': 'x', 'http.header.accept': 'y', 'http.route': '/', also: 1 }
  t.strictSame(await apply([{ action: 'delete', pattern: '^http\\.header\\.' }], headers), { 'http.route': '/', also: 1 })
  t.strictSame(await apply([{ action: 'delete', key: 'also', pattern: '(?i)^HTTP\\.HEADER' }], headers), { 'http.route': '/' })
  t.strictSame(await apply([{ action: 'hash', pattern: 'cookie$' }], headers), { ...headers, 'http.header.cookie': sha256('x') })
  t.strictSame(
    await apply(
      [
        { key: 'http.header.new', action: 'insert', value: 1 },
        { action: 'delete', pattern: '^http\\.' },
      ],
      headers,
    ),
    { also: 1 },
  )
})

/** The numbers of the items that an action reached. */
async function reached(batch: Batch, more: Partial<AttributesConfig>): Promise<unknown[]> {
  const next = new CollectingConsumer()
  const settings = new TestSettings('attributes')
  settings.signal = batch.signal
  const processor = await factory.create({ actions: [{ key: 'reached', action: 'upsert', value: true }], ...more }, next, settings)
  await processor.consume(batch, 0)
  return itemsOf(next.batches[0]!).flatMap(({ attributes }) => (attributes['reached'] === true ? [attributes['n']] : []))
}

t.test('spans are chosen by service, resource, scope, name, kind and attributes', async (t) => {
  const batch = tracesBatch([
    {
      resource: { 'service.name': 'shop', zone: 'a' },
      scopeName: 'http',
      spans: [
        { name: 'GET /', kind: 2, attributes: { n: 0, code: 200, tags: ['x'] } },
        { name: 'SELECT', kind: 3, attributes: { n: 1, code: 'text' } },
      ],
    },
    { resource: { 'service.name': 'cart' }, spans: [{ name: 'GET /cart', kind: 1, attributes: { n: 2 } }] },
  ])
  const strict: readonly (readonly [Omit<Choice, 'match_type'>, readonly number[]])[] = [
    [{ services: ['shop'] }, [0, 1]],
    [{ services: ['cart', 'none'] }, [2]],
    [{ resources: [{ key: 'zone' }] }, [0, 1]],
    [{ resources: [{ key: 'zone', value: 'b' }] }, []],
    [{ libraries: [{ name: 'http' }] }, [0, 1]],
    [{ libraries: [{ name: 'http', version: '1' }] }, []],
    [{ span_names: ['SELECT', 'GET /cart'] }, [1, 2]],
    [{ span_kinds: ['SPAN_KIND_SERVER'] }, [0]],
    [{ attributes: [{ key: 'code' }] }, [0, 1]],
    [{ attributes: [{ key: 'code', value: 200 }] }, [0]],
    [{ attributes: [{ key: 'code' }, { key: 'tags', value: ['x'] }] }, [0]],
    [{ services: ['shop'], span_names: ['GET /cart'] }, []],
    [{ metric_names: ['none'], log_bodies: ['none'] }, [0, 1, 2]],
  ]
  for (const [choice, numbers] of strict) {
    const include = { match_type: 'strict', ...choice } as const
    t.same(await reached(batch, { include }), numbers, JSON.stringify(choice))
    t.same(
      await reached(batch, { exclude: include }),
      [0, 1, 2].filter((n) => !numbers.includes(n)),
      `not ${JSON.stringify(choice)}`,
    )
  }
  const regexp: readonly (readonly [Omit<Choice, 'match_type'>, readonly number[]])[] = [
    [{ span_names: ['^GET '] }, [0, 2]],
    [{ services: ['(?i)^SH'] }, [0, 1]],
    [{ attributes: [{ key: 'code', value: '^2..$' }] }, [0]],
    [{ span_kinds: ['CLIENT|INTERNAL'] }, [1, 2]],
  ]
  for (const [choice, numbers] of regexp)
    t.same(await reached(batch, { include: { match_type: 'regexp', ...choice } }), numbers, JSON.stringify(choice))
  const both = { include: { match_type: 'strict', services: ['shop'] }, exclude: { match_type: 'strict', span_names: ['SELECT'] } } as const
  t.same(await reached(batch, both), [0])
})

t.test('data points and log records are chosen by what they have', async (t) => {
  const metrics = metricsBatch([
    {
      metrics: [
        { name: 'a.b', type: 'gauge', dataPoints: [{ attributes: { n: 0 } }, { attributes: { n: 1, x: 1 } }] },
        { name: 'c', type: 'exponential_histogram', dataPoints: [{ attributes: { n: 2 } }] },
      ],
    },
  ])
  t.same(await reached(metrics, { include: { match_type: 'regexp', metric_names: ['^a\\.'] } }), [0, 1])
  t.same(await reached(metrics, { exclude: { match_type: 'strict', attributes: [{ key: 'x' }] } }), [0, 2])
  const logs = logsBatch([
    {
      logRecords: [
        { body: 'hello', severityText: 'INFO', severityNumber: 9, attributes: { n: 0 } },
        { body: { not: 'text' }, severityNumber: 17, attributes: { n: 1 } },
        { severityNumber: 0, attributes: { n: 2 } },
      ],
    },
  ])
  t.same(await reached(logs, { include: { match_type: 'regexp', log_bodies: ['ell'] } }), [0])
  t.same(await reached(logs, { include: { match_type: 'strict', log_severity_texts: ['INFO'] } }), [0])
  t.same(await reached(logs, { include: { match_type: 'strict', log_severity_number: { min: 10, match_undefined: false } } }), [1])
  t.same(await reached(logs, { include: { match_type: 'strict', log_severity_number: { min: 10, match_undefined: true } } }), [1, 2])
})

t.test('what is chosen is chosen by how it came, also where an action changes just that', async (t) => {
  const batch = tracesBatch([{ spans: [{ attributes: { n: 0, secret: 'x' } }] }])
  const actions: ActionConfig[] = [
    { key: 'secret', action: 'delete' },
    { key: 'secret', action: 'insert', value: 'gone' },
    { key: 'reached', action: 'insert', value: true },
  ]
  t.same(await reached(batch, { actions, include: { match_type: 'strict', attributes: [{ key: 'secret', value: 'x' }] } }), [0])
})

t.test('choices and patterns are checked at load', async (t) => {
  const faults = (config: Partial<AttributesConfig>): string[] =>
    factory.check!({ actions: [{ key: 'a', action: 'delete' }], ...config }).map(({ path, message }) => `${path.join('.')}: ${message}`)
  t.same(faults({ include: { match_type: 'strict', services: ['a('] } }), [])
  t.match(faults({ include: { match_type: 'regexp', services: ['ok', 'a('], attributes: [{ key: '(', value: '[' }] } }), [
    /^include\.services\.1: the pattern "a\(" is none/,
    /^include\.attributes\.0\.value: the pattern "\[" is none/,
  ])
  t.match(faults({ exclude: { match_type: 'strict' } }), [/^exclude: chooses nothing/])
  t.match(faults({ actions: [{ key: 'a', action: 'extract', pattern: 'a(b)' }] }), [/^actions\.0\.pattern: has no named group/])
  t.match(faults({ actions: [{ key: 'a', action: 'extract' }] }), [/takes a pattern with named groups/])
  t.match(faults({ actions: [{ action: 'delete', pattern: '*' }] }), [/^actions\.0\.pattern: the pattern "\*" is none/])
  t.match(faults({ actions: [{ action: 'insert', value: 1 }] }), [/^actions\.0: action insert takes a key$/])
  t.match(faults({ actions: [{ action: 'delete' }] }), [/^actions\.0: action delete takes a key, a pattern, or both$/])
  t.match(faults({ actions: [{ key: 'a', action: 'insert', value: 1, pattern: 'x' }] }), [
    /^actions\.0\.pattern: does not go with action insert/,
  ])
})

for (const signal of ['metrics', 'logs'] as const)
  processorSuite((name, run) => t.test(`${signal}: ${name}`, run), {
    create: (next, settings) => factory.create({ actions: [{ key: 'region', action: 'upsert', value: 'eu' }] }, next, settings),
    signal,
  })
