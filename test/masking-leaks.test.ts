// Nothing that `pii` looks for gets through, and nothing else is changed. What goes through is decoded by decoders that are not ours and
// searched by a search that knows what it put in, and by a naive one that does not.

import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { ANONYMOUS } from '../core/batch.ts'
import { DETECTOR_NAMES, type DetectorName } from '../core/factory.ts'
import type { Signal } from '../core/index.ts'
import { decodeWhole, protobufjsTypes } from '../core/otlp/fixtures/oracles.ts'
import { oddRequests, plainRequests } from '../core/otlp/fixtures/wire-items.ts'
import { toBytes } from '../core/otlp/fixtures/wire-trees.ts'
import { admit } from '../core/otlp/requests.ts'
import { CollectingConsumer, TestSettings } from '../core/testing/index.ts'
import { factory, type PiiConfig } from '../processors/pii/factory.ts'
import { everywhere, placesOf, type Texts, type Variation } from './fixtures/everywhere.ts'
import { ibanRest, luhnRest, naiveSearch } from './fixtures/naive-search.ts'

const SIGNALS = ['traces', 'metrics', 'logs'] as const
type Action = PiiConfig['action']
const ACTIONS: readonly Action[] = ['replace', 'mask', 'hash', 'delete']
const DEFAULTS: PiiConfig = {
  detectors: DETECTOR_NAMES,
  phone_countries: [],
  patterns: [],
  action: 'replace',
  keep_last: 0,
  key_rules: [],
  hash_key: 'a key of thirty-two characters!!',
}

/** For each detector texts with something in them, and what must be gone. */
const jwt = `${Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url')}.${Buffer.from('{"sub":"1234567890"}').toString('base64url')}.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U`
const SAMPLES: Readonly<Record<DetectorName, readonly (string | readonly [text: string, gone: string])[]>> = {
  private_key: [`-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----`],
  aws_key: ['AKIAIOSFODNN7ABCDEFG'],
  google_key: [['AIza', 'SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY'].join('')],
  github_token: [['ghp', 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'].join('_')],
  slack_token: [['xoxb', '123456789012', '1234567890123', 'AbCdEfGhIjKlMnOpQrStUvWx'].join('-')],
  stripe_key: [['sk', 'live', '4eC39HqLyjWDarjtT1zdp7dc'].join('_')],
  jwt: [jwt],
  credentials: [['Bearer 9f86d081884c7d659a2feaa0c55ad015', '9f86d081884c7d659a2feaa0c55ad015']],
  url_secret: [
    ['https://alice:hunter2hunter2@example.com/x', 'alice:hunter2hunter2'],
    ['/login?password=hunter2hunter2&x=1', 'hunter2hunter2'],
  ],
  email: ['alice.smith@example.com', 'jörg@müller.de', 'bob%40example.com'],
  card: ['4111111111111111', '5555 5555 5555 4444', '3782-822463-10005'],
  iban: ['DE89370400440532013000', 'GB82 WEST 1234 5698 7654 32'],
  us_ssn: ['536-22-1234'],
  ipv4: ['93.184.216.34'],
  ipv6: ['2a00:1450:4001:81b::200e'],
  mac: ['3c:22:fb:12:34:56'],
  phone: ['+49 30 90182000'],
}
const pairs = Object.entries(SAMPLES).flatMap(([detector, list]) =>
  list.map((one) => ({
    detector: detector as DetectorName,
    text: typeof one === 'string' ? one : one[0],
    gone: typeof one === 'string' ? one : one[1],
  })),
)

type Mask = (signal: Signal, chunk: Uint8Array) => Promise<Uint8Array>
async function masking(config: Partial<PiiConfig>): Promise<Mask> {
  const next = new CollectingConsumer()
  const processor = await factory.create({ ...DEFAULTS, ...config }, next, new TestSettings('pii'))
  return async (signal, chunk) => {
    await processor.consume({ signal, chunks: [chunk], count: 1, origin: ANONYMOUS }, 0)
    return next.batches.pop()!.chunks[0]!
  }
}

/** As a receiver admits it: a request that is not valid would prove nothing. */
function request(signal: Signal, texts: Texts, variation?: Variation): Uint8Array {
  const bytes = everywhere(signal, texts, variation)
  const { chunk, refused, reason } = admit(signal, bytes)
  if (refused > 0) throw new Error(`the test's own request is refused: ${reason}`)
  return chunk
}

/** Every text, byte string and number that a decoder sees, as text. */
function* seen(value: unknown): Iterable<string> {
  if (value instanceof Uint8Array) {
    yield Buffer.from(value).toString('latin1')
    yield Buffer.from(value).toString()
  } else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) yield* seen(inner)
  else yield String(value)
}

/** Where something leaks, or undefined. The bytes themselves are searched as well, for what decoders do not show. */
function leak(signal: Signal, chunk: Uint8Array, gone: string): string | undefined {
  if (Buffer.from(chunk).includes(gone)) return `${gone} is in the bytes`
  const decoded = protobufjsTypes[signal].toObject(protobufjsTypes[signal].decode(chunk), { longs: String }) as unknown
  const wholes = [decodeWhole(signal, chunk), decoded]
  for (const whole of wholes) for (const text of seen(whole)) if (text.includes(gone)) return text
  const [first] = foundIn(wholes)
  return first === undefined ? undefined : `a naive search finds ${first}`
}

/** What a naive search finds in texts and byte strings. Times and counts are no cards; what `hash` writes may be anything to it. */
function foundIn(decoded: readonly unknown[]): ReadonlySet<string> {
  const texts = new Set(decoded.flatMap((whole) => [...textsIn(whole)]).filter((text) => !/^\d{18,}$/.test(text)))
  return new Set([...texts].flatMap((text) => naiveSearch(text.replaceAll(/[\da-f]{64}/g, '#'))))
}

function* textsIn(value: unknown): Iterable<string> {
  if (typeof value === 'string') yield value
  else if (value instanceof Uint8Array) yield* seen(value)
  else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) yield* textsIn(inner)
}

t.test('every place × every detector × every action', async (t) => {
  const masks = await Promise.all(ACTIONS.map(async (action) => [action, await masking({ action })] as const))
  for (const signal of SIGNALS)
    for (const [i, { detector, text, gone }] of pairs.entries()) {
      const around = ['', ' ', '"'][i % 3]!
      const before = request(signal, () => `${around}${text}${around}`)
      for (const [action, mask] of masks) {
        const found = leak(signal, await mask(signal, before), gone)
        if (found !== undefined) return t.fail(`${detector}, ${action}, ${signal}: ${found}`)
      }
    }
  t.pass()
})

t.test('one place at a time: just that text is replaced, and all other bytes stay', async (t) => {
  const mask = await masking({})
  for (const signal of SIGNALS)
    for (const [i, place] of placesOf(signal).entries()) {
      const { detector, text, gone } = pairs[i % pairs.length]!
      const before = request(signal, (one) => (one === place ? `a ${text} b` : 'x'))
      const masked = await mask(signal, before)
      const instead = `a ${text} b`.replace(gone, `[${detector.toUpperCase()}]`)
      // An unknown field goes as a whole, with the message or group that it stands in.
      if (place.startsWith('unknown.')) {
        if (leak(signal, masked, gone) !== undefined || masked.length >= before.length) return t.fail(`${signal}: ${place}`)
      } else if (!Buffer.from(masked).equals(request(signal, (one) => (one === place ? instead : 'x'))))
        return t.fail(`${signal}: ${place} with ${detector}`)
    }
  t.pass()
})

/** A small request: the text as a name, a value, a list's element, a key, and in a field that no version has. */
function beside(signal: Signal, text: string): Uint8Array {
  const value = new Uint8Array(Buffer.from(text))
  const pair = [
    { number: 1, value },
    { number: 2, value: [{ number: 5, value: [{ number: 1, value: [{ number: 1, value }] }] }] },
  ]
  const ids = [
    { number: 1, value: new Uint8Array(16).fill(7) },
    { number: 2, value: new Uint8Array(8).fill(7) },
  ]
  const unknown = {
    number: 101,
    value: [
      { number: 4, value: { varint: 5n } },
      { number: 6, value },
      { number: 9, value },
    ],
  }
  const item = {
    traces: [...ids, { number: 5, value }, { number: 9, value: pair }, { number: 3, value }, unknown],
    logs: [{ number: 3, value }, { number: 5, value: [{ number: 1, value }] }, { number: 6, value: pair }, unknown],
    metrics: [
      { number: 1, value },
      { number: 5, value: [{ number: 1, value: [{ number: 7, value: pair }, unknown] }] },
    ],
  }[signal]
  const bytes = toBytes([{ number: 1, value: [{ number: 2, value: [{ number: 2, value: item }] }] }])
  const { chunk, refused, reason } = admit(signal, bytes)
  if (refused > 0) throw new Error(`the test's own request is refused: ${reason}`)
  return chunk
}

t.test('whatever length and whatever tag stands beside it', async (t) => {
  const mask = await masking({})
  for (const [turn, signal] of SIGNALS.entries())
    for (const [i, { detector, text, gone }] of pairs.entries())
      for (let length = 0x20; length < 0x7f; length++) {
        const free = length - Buffer.byteLength(text)
        if (free < 1 || (length + i) % SIGNALS.length !== turn) continue
        // At the beginning it touches its length, at the end the tag of what follows.
        for (const padded of [`${text}${' '.repeat(free)}`, `${' '.repeat(free)}${text}`]) {
          const found = leak(signal, await mask(signal, beside(signal, padded)), gone)
          if (found !== undefined) return t.fail(`${detector} in ${length} bytes, ${signal}: ${found}`)
        }
      }
  t.pass()
})

t.test('numbers that are cards, however long their varints', async (t) => {
  for (const action of ACTIONS) {
    const mask = await masking({ action })
    for (const signal of SIGNALS)
      for (const slack of [0, 1, 2])
        for (const integer of [4_111_111_111_111_111n, 378_282_246_310_005n]) {
          const before = request(signal, () => 'x', { integer, slack })
          const isThere = leak(signal, before, String(integer)) !== undefined
          const found = leak(signal, await mask(signal, before), String(integer))
          if (!isThere || (found !== undefined && integer !== 6_304_000_000_000_000n))
            t.fail(`${integer}, ${action}, ${signal}, slack ${slack}: ${found}`)
        }
  }
  t.pass()
})

t.test('random places, actions, neighbours and corners of protobuf', async (t) => {
  const masks = new Map(await Promise.all(ACTIONS.map(async (action) => [action, await masking({ action, keep_last: 2 })] as const)))
  const scenes = fc.record({
    signal: fc.constantFrom(...SIGNALS),
    action: fc.constantFrom(...ACTIONS),
    pair: fc.constantFrom(...pairs),
    chosen: fc.infiniteStream(fc.nat(9)),
    padding: fc.infiniteStream(fc.nat(140)),
    slack: fc.nat(3),
    order: fc.infiniteStream(fc.nat(1000)),
  })
  await fc.assert(
    fc.asyncProperty(scenes, async ({ signal, action, pair: { text, gone }, chosen, padding, slack, order }) => {
      const texts: Texts = () => {
        const before = ' '.repeat(padding.next().value as number)
        return (chosen.next().value as number) < 2 ? `${before}${text}${before}` : before
      }
      const shuffled: Variation['order'] = (fields) =>
        fields
          .map((one) => [order.next().value as number, one] as const)
          .sort((a, b) => a[0] - b[0])
          .map(([, one]) => one)
      const masked = await masks.get(action)!(signal, request(signal, texts, { slack, order: shuffled }))
      admit(signal, masked)
      const found = leak(signal, masked, gone)
      if (found !== undefined) throw new Error(`leaks: ${found}`)
    }),
    { numRuns: 50, seed: randomInt(2 ** 31) },
  )
  t.pass()
})

const digits = (length: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^\\d{${length}}$`))
const hex = fc.stringMatching(/^[\da-f]{2}$/)
const withCheckDigit = (start: string): string => start + ((10 - luhnRest(`${start}0`)) % 10)
const withChecks = (country: string, rest: string): string =>
  country + String(98n - ibanRest(`${country}00${rest}`)).padStart(2, '0') + rest
/** Values that nobody has written down here, by the name that the naive search has for them. */
const MADE: Readonly<Record<string, fc.Arbitrary<string>>> = {
  email: fc.stringMatching(/^[a-z][a-z\d]{1,8}([._+-][a-z\d]{1,6})?@[a-z][a-z\d-]{0,6}[a-z]\.(com|org|de|co\.uk)$/),
  card: fc.oneof(
    digits(14).map((rest) => withCheckDigit(`4${rest}`)),
    digits(13).map((rest) => withCheckDigit(`53${rest}`).replaceAll(/(\d{4})(?=\d)/g, '$1 ')),
    digits(12).map((rest) => withCheckDigit(`37${rest}`).replace(/(\d{4})(\d{6})/, '$1-$2-')),
  ),
  iban: fc.oneof(
    digits(18).map((rest) => withChecks('DE', rest)),
    digits(14).map((rest) => withChecks('GB', `NWBK${rest}`).replaceAll(/(.{4})(?=.)/g, '$1 ')),
  ),
  us_ssn: fc
    .tuple(fc.integer({ min: 100, max: 665 }), fc.integer({ min: 10, max: 99 }), fc.integer({ min: 1000, max: 9999 }))
    .map((parts) => parts.join('-')),
  ipv4: fc.tuple(...[1, 2, 3, 4].map(() => fc.integer({ min: 1, max: 255 }))).map((parts) => parts.join('.')),
  ipv6: fc.array(fc.stringMatching(/^[\da-f]{1,4}$/), { minLength: 8, maxLength: 8 }).map((parts) => parts.join(':')),
  mac: fc.array(hex, { minLength: 6, maxLength: 6 }).map((parts) => parts.join(':')),
  aws_key: fc.stringMatching(/^AKIA[A-Z2-7]{16}$/),
  github_token: fc.stringMatching(/^ghp_[A-Za-z\d]{36}$/),
}
const made = fc.oneof(...Object.entries(MADE).map(([kind, values]) => values.map((value) => ({ kind, value }))))
/** What stands beside them may be anything that does not make something else of them, as a letter would. */
const before = fc.constantFrom('', ' ', '"', '(', '=', ', ', '\n', '|', 'é ', '🧀', 'user ')
const after = fc.constantFrom('', ' ', '"', ')', '&', ', ', '\n', '|', ' é', '🧀', '</a>')

t.test('a naive search finds values that were made up, and nothing of them behind the mask', async (t) => {
  const masks = new Map(await Promise.all(ACTIONS.map(async (action) => [action, await masking({ action, keep_last: 2 })] as const)))
  const seenKinds = new Set<string>()
  const scenes = fc.record({
    signal: fc.constantFrom(...SIGNALS),
    action: fc.constantFrom(...ACTIONS),
    chosen: fc.array(fc.tuple(before, made, after), { minLength: 1, maxLength: 6 }),
    order: fc.nat(50),
  })
  await fc.assert(
    fc.asyncProperty(scenes, async ({ signal, action, chosen, order }) => {
      const places = placesOf(signal)
      const texts = new Map(
        chosen.map(([left, { value }, right], i) => [places[(order + 7 * i) % places.length]!, `${left}${value}${right}`] as const),
      )
      const chunk = request(signal, (place) => texts.get(place) ?? 'x')
      for (const kind of foundIn([decodeWhole(signal, chunk)])) seenKinds.add(kind)
      const left = [...foundIn([decodeWhole(signal, await masks.get(action)!(signal, chunk))])]
      if (left.length > 0) throw new Error(`${left.join()} in ${JSON.stringify([...texts])}`)
    }),
    { numRuns: 80, seed: randomInt(2 ** 31) },
  )
  t.strictSame(
    Object.keys(MADE).filter((kind) => !seenKinds.has(kind)),
    [],
    'it is able to see each of them',
  )
})

/** Random text is an address now and then: `0@0.AA`. A search of another kind, which sees too much. */
function mightBePersonal(chunk: Uint8Array): boolean {
  const text = Buffer.from(chunk).toString()
  return /[^\s@]@[^\s@]+\.\p{L}{2}/u.test(text) || /::|(?:[\da-f]+:){5}/i.test(text) || /(?:\d\W{0,3}){7}|(?:\d+\.){3}\d/.test(text)
}

t.test('what holds nothing personal is not changed, byte for byte', async (t) => {
  const classification = { on: 'item', attribute: 'data.classification' } as const
  // Of random integers of 16 digits one in a hundred is a card.
  const detectors = DETECTOR_NAMES.filter((name) => name !== 'card')
  const mask = await masking({
    detectors,
    classification,
    key_rules: [{ keys: ['no key of the test', 'nor*this'], action: 'delete', keep_last: 0 }],
  })
  for (const signal of SIGNALS)
    for (const requests of [plainRequests[signal], oddRequests[signal]])
      await fc.assert(
        fc.asyncProperty(requests, async (bytes) => {
          const { chunk } = admit(signal, bytes)
          if ((await mask(signal, chunk)) !== chunk && !mightBePersonal(chunk)) throw new Error('changed')
        }),
        { numRuns: 15, seed: randomInt(2 ** 31) },
      )
  t.pass()
})
