import { createHash } from 'node:crypto'
import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import type { AttributeValue } from '../../core/index.ts'
import {
  CollectingConsumer,
  type PlainAttributes,
  TestSettings,
  numberedSpans,
  processorSuite,
  tracesBatch,
} from '../../core/testing/index.ts'
import type { ActionConfig } from './action-config.ts'
import { factory } from './factory.ts'

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
  for (const empty of ['', null, [1], new Uint8Array([1])]) t.equal(await hash(empty), '')
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
    [['a', 1], 'string', '["a",1]'],
    [new Uint8Array([1]), 'string', new Uint8Array([1])],
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
        for (const one of actions) {
          const there = Object.hasOwn(expected, one.key)
          const value = one.from_attribute === undefined ? (one.value as AttributeValue) : expected[one.from_attribute]
          if (one.action === 'delete') delete expected[one.key]
          else if (one.action === 'hash') {
            if (there) expected[one.key] = modelHash(expected[one.key]!)
          } else if (value !== undefined && (there ? one.action !== 'insert' : one.action !== 'update')) expected[one.key] = value
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
  return value === '' ? '' : sha256(value as string)
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
  t.same(faults({ key: 'a', action: 'delete', value: 1 }), [
    'actions.0.value: does not go with action delete, which takes neither value nor source',
  ])
  t.same(faults({ key: 'a', action: 'convert' }), ['actions.0: action convert takes converted_type: int, double or string'])
  t.same(faults({ key: 'a', action: 'insert', value: { a: 1 } }), [
    'actions.0.value: must be a string, a number, a boolean or a list of such',
  ])
  t.same(faults({ key: 'a', action: 'insert', value: 1 }), [])
})
