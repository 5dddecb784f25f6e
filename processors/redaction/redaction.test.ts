import { createHash, createHmac } from 'node:crypto'
import t from 'tap'
import type { AttributeValue, Signal } from '../../core/index.ts'
import { CollectingConsumer, type PlainAttributes, logsBatch, processorSuite, TestSettings, tracesBatch } from '../../core/testing/index.ts'
import { factory, type RedactionConfig } from './factory.ts'

const DEFAULTS: RedactionConfig = {
  allow_all_keys: false,
  allowed_keys: [],
  ignored_keys: [],
  ignored_key_patterns: [],
  blocked_key_patterns: [],
  blocked_values: [],
  allowed_values: [],
  hash_function: '',
  redact_all_types: false,
  summary: '',
}
const CARD = '4[0-9]{12}(?:[0-9]{3})?'

async function apply(attributes: PlainAttributes, config: Partial<RedactionConfig>): Promise<Record<string, AttributeValue>> {
  const next = new CollectingConsumer()
  const processor = await factory.create({ ...DEFAULTS, ...config }, next, new TestSettings('redaction'))
  await processor.consume(tracesBatch([{ spans: [{ attributes }] }]), 0)
  return { ...next.spans()[0]!.attributes }
}
const map = (entries: object): AttributeValue => Object.assign(Object.create(null), entries) as AttributeValue

t.test('the suite of every processor', async (t) => {
  for (const signal of ['traces', 'metrics', 'logs'] satisfies Signal[])
    processorSuite(t.test.bind(t), {
      signal,
      create: (next, settings) => factory.create({ ...DEFAULTS, allowed_keys: ['n'], summary: 'debug' }, next, settings),
    })
})

t.test('deletes every attribute that is not allowed, and all where none is', async (t) => {
  const attributes = { id: 5, description: 'x', group: 'y' }
  t.strictSame(await apply(attributes, { allowed_keys: ['id', 'group'] }), { id: 5, group: 'y' })
  t.strictSame(await apply(attributes, {}), {})
  t.strictSame(await apply(attributes, { allow_all_keys: true }), attributes)
  t.strictSame(
    await apply({ map: { other: 1 } }, { allowed_keys: ['map'] }),
    { map: map({ other: 1 }) },
    'keys within a value are not asked',
  )
})

t.test('masks what a pattern finds in the values of allowed attributes, also within', async (t) => {
  const attributes = {
    a: 'card 4111111111111111, and 4222222222222',
    b: ['4111111111111111', 'x'],
    c: { d: '4111111111111111' },
    n: 4111111111111111,
  }
  const config = { allow_all_keys: true, blocked_values: [CARD] }
  t.strictSame(await apply(attributes, config), { a: 'card ****, and ****', b: ['****', 'x'], c: map({ d: '****' }), n: 4111111111111111 })
  t.strictSame(await apply({ n: 4111111111111111, d: 0.5, b: true }, { ...config, redact_all_types: true }), { n: '****', d: 0.5, b: true })
  t.strictSame(await apply({ l: ['4111111111111111', 1] }, { ...config, redact_all_types: true }), { l: '["****",1]' })
})

t.test('hashes instead, with or without a key', async (t) => {
  const config = { allow_all_keys: true, blocked_values: [CARD] }
  const card = '4111111111111111'
  for (const [hash_function, algorithm] of [
    ['md5', 'md5'],
    ['sha1', 'sha1'],
    ['sha3', 'sha3-256'],
  ] as const)
    t.strictSame(await apply({ a: card }, { ...config, hash_function }), { a: createHash(algorithm).update(card).digest('hex') })
  const hmac_key = 'k'.repeat(64)
  for (const [hash_function, algorithm] of [
    ['hmac-sha256', 'sha256'],
    ['hmac-sha512', 'sha512'],
  ] as const)
    t.strictSame(await apply({ a: card }, { ...config, hash_function, hmac_key }), {
      a: createHmac(algorithm, hmac_key).update(card).digest('hex'),
    })
})

t.test('keys: what is ignored is not looked at, what is blocked goes as a whole, what is allowed stays', async (t) => {
  const config = { allow_all_keys: true, blocked_values: [CARD], blocked_key_patterns: ['.*token.*', 'pin'] }
  const attributes = { card: '4111111111111111', my_token: 'a b\nc', pin: 12 }
  t.strictSame(await apply(attributes, config), { card: '****', my_token: '****\n****', pin: '****' })
  t.strictSame(await apply(attributes, { ...config, ignored_keys: ['card'], ignored_key_patterns: ['^my_'] }), {
    ...attributes,
    pin: '****',
  })
  t.strictSame(await apply(attributes, { ...config, allowed_values: ['^4111', '^a b'] }), { ...attributes, pin: '****' })
})

t.test('notes what it did, and adds to what was noted before', async (t) => {
  const config = { allowed_keys: ['a', 'b', 'i', 'ok'], ignored_keys: ['i'], blocked_values: [CARD], allowed_values: ['^fine'] }
  const attributes = { a: '4111111111111111', b: 'x', i: '4111111111111111', x: 1, y: 2, ok: 'fine 4111111111111111' }
  const counts = { 'redaction.redacted.count': 2, 'redaction.masked.count': 1, 'redaction.allowed.count': 1, 'redaction.ignored.count': 1 }
  const rest = { a: '****', b: 'x', i: '4111111111111111', ok: 'fine 4111111111111111' }
  t.strictSame(await apply(attributes, { ...config, summary: 'info' }), { ...rest, ...counts })
  t.strictSame(
    await apply({ ...attributes, 'redaction.masked.keys': 'old', 'redaction.masked.count': 1 }, { ...config, summary: 'debug' }),
    {
      ...rest,
      ...counts,
      'redaction.redacted.keys': 'x,y',
      'redaction.masked.keys': 'a,old',
      'redaction.masked.count': 2,
      'redaction.allowed.keys': 'ok',
    },
  )
  t.strictSame(await apply(attributes, { ...config, summary: 'silent' }), rest)
})

t.test('looks at bodies of log records, numbers and all', async (t) => {
  const bodyOf = async (body: AttributeValue, config: Partial<RedactionConfig>): Promise<[AttributeValue | undefined, object]> => {
    const next = new CollectingConsumer()
    const processor = await factory.create(
      { ...DEFAULTS, blocked_values: [CARD], summary: 'debug', ...config },
      next,
      new TestSettings('redaction'),
    )
    await processor.consume(logsBatch([{ logRecords: [{ body }] }]), 0)
    const [record] = next.logRecords()
    return [record!.body, { ...record!.attributes }]
  }
  const noted = (keys: string) => ({ 'redaction.body.masked.keys': keys, 'redaction.body.masked.count': keys.split(',').length })
  t.strictSame(await bodyOf('of 4111111111111111', {}), ['of ****', noted('body')])
  t.strictSame(await bodyOf(4111111111111111, {}), ['****', noted('body')])
  t.strictSame(await bodyOf({ a: { b: '4111111111111111', n: 4111111111111111 }, c: 1 }, { allow_all_keys: true }), [
    map({ a: map({ b: '****', n: '****' }), c: 1 }),
    noted('a.b,a.n'),
  ])
  const [body, attributes] = await bodyOf({ a: { b: 1 }, c: 1 }, { allowed_keys: ['a'] })
  t.strictSame(body, map({ a: map({}) }))
  t.strictSame(attributes, { 'redaction.body.redacted.keys': 'a.b,c', 'redaction.body.redacted.count': 2 })
})

t.test('a pattern that is none, and a key that is too short, are told with their place', (t) => {
  const config: RedactionConfig = { ...DEFAULTS, blocked_values: ['('], hash_function: 'hmac-sha512', hmac_key: 'x'.repeat(32) }
  t.strictSame(
    factory.check!(config).map(({ path }) => path),
    [['blocked_values', 0], ['hmac_key']],
  )
  t.end()
})
