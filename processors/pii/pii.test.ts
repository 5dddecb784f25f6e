import { createHmac } from 'node:crypto'
import t from 'tap'
import type { AttributeValue, Signal } from '../../core/index.ts'
import { DETECTOR_NAMES } from '../../core/factory.ts'
import {
  CollectingConsumer,
  type PlainAttributes,
  logsBatch,
  numberedItems,
  processorSuite,
  TestSettings,
  tracesBatch,
} from '../../core/testing/index.ts'
import { factory, type PiiConfig } from './factory.ts'

const KEY = 'a key of thirty-two characters!!'
const DEFAULTS: PiiConfig = {
  detectors: DETECTOR_NAMES,
  phone_countries: [],
  patterns: [],
  action: 'replace',
  keep_last: 0,
  key_rules: [],
  hash_key: KEY,
}

async function apply(attributes: PlainAttributes, config: Partial<PiiConfig> = {}): Promise<Record<string, AttributeValue>> {
  const next = new CollectingConsumer()
  const processor = await factory.create({ ...DEFAULTS, ...config }, next, new TestSettings('pii'))
  await processor.consume(tracesBatch([{ spans: [{ attributes }] }]), 0)
  return { ...next.spans()[0]!.attributes }
}

t.test('the suite of every processor', async (t) => {
  const classification = { on: 'item', attribute: 'data.classification' } as const
  for (const signal of ['traces', 'metrics', 'logs'] satisfies Signal[])
    processorSuite(t.test.bind(t), {
      signal,
      create: (next, settings) => factory.create({ ...DEFAULTS, detectors: ['email'], classification }, next, settings),
    })
})

t.test('what holds nothing goes on as the same bytes', async (t) => {
  const next = new CollectingConsumer()
  const processor = await factory.create(
    { ...DEFAULTS, key_rules: [{ keys: ['x*'], action: 'delete', keep_last: 0 }] },
    next,
    new TestSettings('pii'),
  )
  const batch = numberedItems('logs', 10)
  await processor.consume(batch, 0)
  t.equal(next.batches[0]!.chunks[0], batch.chunks[0])
})

t.test('a finding is replaced, masked, hashed or deleted', async (t) => {
  const before = { to: 'mail alice@example.com, bob@example.com now', n: 4_111_111_111_111_111, rest: 'x' }
  t.strictSame(await apply(before), { to: 'mail [EMAIL], [EMAIL] now', n: '[CARD]', rest: 'x' })
  t.strictSame(await apply(before, { action: 'mask', keep_last: 4 }), {
    to: `mail ${'*'.repeat(13)}.com, ${'*'.repeat(11)}.com now`,
    n: '************1111',
    rest: 'x',
  })
  const hash = (text: string) => createHmac('sha256', KEY).update(text).digest('hex')
  t.strictSame(await apply(before, { action: 'hash' }), {
    to: `mail ${hash('alice@example.com')}, ${hash('bob@example.com')} now`,
    n: hash('4111111111111111'),
    rest: 'x',
  })
  t.strictSame(await apply(before, { action: 'delete' }), { rest: 'x' })
  t.strictSame(await apply(before, { actions: { card: { action: 'delete', keep_last: 0 } } }), {
    to: 'mail [EMAIL], [EMAIL] now',
    rest: 'x',
  })
})

t.test('mask keeps at most a third, and counts characters, not bytes', async (t) => {
  t.strictSame(await apply({ a: 'é@b.de', b: '😀 jörg@müller.de' }, { action: 'mask', keep_last: 8 }), {
    a: '****de',
    b: '😀 **********r.de',
  })
})

t.test('whatever the lengths of a key and a text are and become, and whichever of them holds something', async (t) => {
  const pairs: (readonly [key: string, value: string])[] = []
  for (const address of ['a@b.de', 'alice@example.com'])
    for (let length = 0; length < 140; length++)
      pairs.push(
        ['k', 'é '.repeat(length / 3) + address],
        [`k${'x'.repeat(length)}`, address],
        [`${address} ${'x'.repeat(length)}`, 'text'],
        [`${address} ${'x'.repeat(length)}`, `${address} ${address}`],
        ['k', `${address} ${'x'.repeat(length)}`],
      )
  const next = new CollectingConsumer()
  const processor = await factory.create({ ...DEFAULTS, detectors: ['email'] }, next, new TestSettings('pii'))
  const spans = pairs.map(([key, value]) => ({ attributes: { before: 1, [key]: value, behind: 'a@b.de' } }))
  await processor.consume(tracesBatch([{ spans }]), 0)
  const masked = (text: string) => text.replaceAll('a@b.de', '[EMAIL]').replaceAll('alice@example.com', '[EMAIL]')
  t.strictSame(
    next.spans().map(({ attributes }) => ({ ...attributes })),
    pairs.map(([key, value]) => ({ before: 1, [masked(key)]: masked(value), behind: '[EMAIL]' })),
  )
  t.strictSame(await apply({ 'a@b.de': 'alice@example.com' }, { detectors: ['email'], action: 'delete' }), {})
})

t.test('delete takes the innermost entry, and replaces where there is none', async (t) => {
  const attributes = { map: { mail: 'a@b.de', name: 'x' }, list: ['a@b.de', 'x'] }
  t.strictSame(await apply(attributes, { action: 'delete' }), { map: Object.assign(Object.create(null), { name: 'x' }) })
  const next = new CollectingConsumer()
  const processor = await factory.create({ ...DEFAULTS, action: 'delete' }, next, new TestSettings('pii'))
  await processor.consume(logsBatch([{ logRecords: [{ body: 'from a@b.de', attributes: { 'a@b.de': 1 } }] }]), 0)
  t.strictSame(next.logRecords()[0]!.body, 'from [EMAIL]')
  t.strictSame({ ...next.logRecords()[0]!.attributes }, {})
})

t.test('attributes go for their keys, in any case and by parts', async (t) => {
  const attributes = { PassWord: 'x', 'auth.TOKEN.id': 7, other: ['x'], map: { password: 'y', z: 1 } }
  const rules = (action: 'delete' | 'replace' | 'mask' | 'hash') => ({
    key_rules: [{ keys: ['password', '*token*'], action, keep_last: 0 }],
  })
  const map = (entries: object) => Object.assign(Object.create(null), entries) as AttributeValue
  t.strictSame(await apply(attributes, rules('delete')), { other: ['x'], map: map({ z: 1 }) })
  t.strictSame(await apply(attributes, rules('replace')), {
    PassWord: '[REDACTED]',
    'auth.TOKEN.id': '[REDACTED]',
    other: ['x'],
    map: map({ password: '[REDACTED]', z: 1 }),
  })
  t.strictSame(await apply({ password: [1, 'secret'] }, rules('mask')), { password: '*'.repeat(12) })
})

t.test('allowed keys: others are deleted, and the values of these are searched all the same', async (t) => {
  const attributes = { 'http.route': '/a@b.de', 'http.method': { nested: 1 }, other: 'x' }
  const allowed = await apply(attributes, { allowed_keys: ['http.*'] })
  t.strictSame(allowed, { 'http.route': '/[EMAIL]', 'http.method': Object.assign(Object.create(null), { nested: 1 }) })
  t.strictSame(await apply(attributes, { allowed_keys: [] }), {})
})

t.test('says of what kind it was, on the item or the resource, and joins what was said before', async (t) => {
  const classification = { on: 'item', attribute: 'data.classification', counts_attribute: 'found' } as const
  const counts = (entries: object) => Object.assign(Object.create(null), entries) as AttributeValue
  t.strictSame(await apply({ a: 'a@b.de, c@d.de', b: '4111 1111 1111 1111' }, { classification }), {
    a: '[EMAIL], [EMAIL]',
    b: '[CARD]',
    'data.classification': 'financial,personal',
    found: counts({ email: 2, card: 1 }),
  })
  t.strictSame(
    await apply({ 'data.classification': 'health', a: 'a@b.de' }, { classification: { on: 'item', attribute: 'data.classification' } }),
    {
      a: '[EMAIL]',
      'data.classification': 'health,personal',
    },
  )
  t.strictSame(await apply({ 'data.classification': 'health' }, { classification }), { 'data.classification': 'health' })

  const next = new CollectingConsumer()
  const processor = await factory.create(
    { ...DEFAULTS, classification: { on: 'resource', attribute: 'data.classification' } },
    next,
    new TestSettings('pii'),
  )
  const spans = [{ attributes: { a: 'a@b.de' } }, { attributes: { a: '10.1.2.3' } }]
  await processor.consume(tracesBatch([{ spans }, { resource: { host: 'a@b.de' }, spans }, { resource: { x: 1 }, spans: [{}] }]), 0)
  t.strictSame(
    next.spans().map(({ resource }) => ({ ...resource })),
    [
      { 'data.classification': 'network,personal' },
      { 'data.classification': 'network,personal' },
      { host: '[EMAIL]', 'data.classification': 'network,personal' },
      { host: '[EMAIL]', 'data.classification': 'network,personal' },
      { x: 1 },
    ],
  )
})

t.test('counts what it found by rule and place, and never says what it was', async (t) => {
  const settings = new TestSettings('pii')
  const counted: unknown[] = []
  const counter = () => (n: number, attributes: unknown) => void counted.push([n, attributes])
  const metered = Object.assign(Object.create(settings) as TestSettings, { meter: { ...settings.meter, counter } })
  const config = { ...DEFAULTS, key_rules: [{ keys: ['pin'], action: 'delete', keep_last: 0 } as const] }
  const processor = await factory.create(config, new CollectingConsumer(), metered)
  await processor.consume(
    tracesBatch([{ resource: { o: 'a@b.de' }, spans: [{ name: 'a@b.de c@d.de', attributes: { pin: 1, 'a@b.de': 1 } }] }]),
    0,
  )
  t.strictSame(counted, [
    [1, { rule: 'email', place: 'key' }],
    [1, { rule: 'email', place: 'resource' }],
    [2, { rule: 'email', place: 'name' }],
    [1, { rule: 'key', place: 'attribute' }],
  ])
  t.strictSame(settings.lines, [])
})

t.test('patterns of the user find as detectors do, quick ones and slow ones', async (t) => {
  const patterns = [
    { name: 'order', pattern: 'ORD-\\d+' },
    { name: 'plate', pattern: '\\b[A-Z]{2}\\d{3}\\b' },
  ]
  const config: Partial<PiiConfig> = { patterns, actions: { plate: { action: 'mask', keep_last: 2 } } }
  t.strictSame(await apply({ a: 'ORD-17 of a@b.de', b: ['in AB123'], c: 'none' }, config), {
    a: '[ORDER] of [EMAIL]',
    b: ['in ****3'],
    c: 'none',
  })
  t.strictSame(await apply({ a: 'ORD-17' }, { detectors: ['email'], patterns: [patterns[0]!] }), { a: '[ORDER]' })
  const wrong = [
    { name: 'email', pattern: '(' },
    { name: 'x', pattern: '^(a+)+$' },
  ]
  t.strictSame(
    factory.check!({ ...DEFAULTS, patterns: wrong }).map(({ path }) => path),
    [
      ['patterns', 0, 'pattern'],
      ['patterns', 0, 'name'],
      ['patterns', 1, 'pattern'],
    ],
  )
})

t.test('a configuration that hashes needs a key, and actions a detector that is on', (t) => {
  const { hash_key: _, ...rest } = DEFAULTS
  const config: PiiConfig = {
    ...rest,
    detectors: ['email'],
    action: 'hash',
    actions: { card: { action: 'hash', keep_last: 0 } },
    key_rules: [{ keys: ['a'], action: 'hash', keep_last: 0 }],
  }
  t.strictSame(
    factory.check!(config).map(({ path }) => path),
    [['actions', 'card'], ['action'], ['actions', 'card', 'action'], ['key_rules', 0, 'action']],
  )
  t.strictSame(factory.check!({ ...DEFAULTS, action: 'hash' }), [])
  t.end()
})
