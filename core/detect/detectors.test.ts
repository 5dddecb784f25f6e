// Every built-in detector: what is valid is found wherever it stands, what nearly is is not, and no text takes long.

import fc from 'fast-check'
import t from 'tap'
import { Detection, detectorsNamed, DETECTOR_NAMES, type DetectorName } from './index.ts'

const all = await detectorsNamed(DETECTOR_NAMES, { phoneCountries: ['US'] })
const detection = new Detection(all)

/** What is found when the pass is asked first, as `name: text`. */
function found(text: string): readonly string[] {
  return detection.find(text, bitsIn(text)).map(({ detector, start, end }) => `${detector.name}: ${text.slice(start, end)}`)
}

function bitsIn(text: string): number {
  const { anchors } = detection
  const count = anchors.scan(Buffer.from(text))
  return anchors.bits.subarray(0, count).reduce((bits, next) => bits | next, 0)
}

function varint(value: bigint): readonly number[] {
  return value < 128n ? [Number(value)] : [Number(value & 127n) + 128, ...varint(value >> 7n)]
}

function fails(message: string): never {
  throw new Error(message)
}

const TOKEN = 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U'
const BLOCK = '-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----'
/** Made so that no scanner of repositories takes them for real. */
const made = (start: string, length: number): string => start + 'aB3dE6gH9jK2mN5pQ8sT1vW4yZ7'.repeat(10).slice(0, length)

const SAMPLES: Readonly<Record<DetectorName, readonly string[]>> = {
  private_key: [BLOCK, BLOCK.replaceAll('RSA ', '').replaceAll('\n', String.raw`\n`)],
  aws_key: ['AKIAIOSFODNN7EXAMPLE', 'ASIAIOSFODNN7EXAMPLE'],
  google_key: [made('AIza', 35), made('GOCSPX-', 28), made('ya29.', 60)],
  github_token: [made('ghp_', 36), made('ghs_', 36), `${made('github_pat_', 22)}_${made('', 59)}`],
  slack_token: [made('xoxb-123456789012-', 24), made('xapp-1-A0-', 20)],
  stripe_key: [made('sk_live_', 24), made('rk_test_', 24), made('whsec_', 32)],
  jwt: [TOKEN, `${TOKEN.split('.').slice(0, 2).join('.')}.`],
  credentials: [],
  url_secret: [],
  email: [
    'bob@example.com',
    'bob.smith+tag@mail.example.co.uk',
    'bob%40example.com',
    'jörg@müller.example',
    '"bob smith"@example.com',
    'a_b-c@xn--bcher-kva.example',
  ],
  card: [
    '4111111111111111',
    '4111 1111 1111 1111',
    '5500-0000-0000-0004',
    '378282246310005',
    '3782 822463 10005',
    '6011000990139424',
    '3530111333300000',
    '30569309025904',
    '4222222222222',
    '4111\u00a01111\u00a01111\u00a01111',
  ],
  iban: [
    'DE89370400440532013000',
    'DE89 3704 0044 0532 0130 00',
    'GB29NWBK60161331926819',
    'NO9386011117947',
    'MT84MALT011000012345MTLCAST001S',
    'gb29nwbk60161331926819',
    'GB29 NWBK 6016 1331 9268 19',
    'IE29 AIBK 9311 5212 3456 78',
    'LC14BOSL123456789012345678901234',
  ],
  us_ssn: ['536-90-4399', '536 90 4399', 'SSN: 536904399'],
  ipv4: ['203.0.113.7', '10.0.0.1', '255.255.255.255'],
  ipv6: ['2001:db8::1', 'fe80::1ff:fe23:4567:890a', '2001:0db8:85a3:0000:0000:8a2e:0370:7334', '::1', '2001:db8::'],
  mac: ['00:1a:2b:3c:4d:5e', '00-1A-2B-3C-4D-5E', '00-11-22-33-44-5F'],
  phone: ['+49 30 901820', '+1 415-555-2671', '(415) 555-2671', '415-555-2671', '+14155552671'],
}

for (const name of DETECTOR_NAMES)
  for (const sample of SAMPLES[name])
    t.test(`${name} finds ${sample.slice(0, 40)} at any place`, async (t) => {
      const finding = sample.startsWith('SSN') ? sample.slice(5) : sample
      t.same(found(sample), [`${name}: ${finding}`])
      const around = fc.constantFrom(
        '',
        ' ',
        '"',
        "'",
        '(',
        ')',
        '<',
        '>',
        '\n',
        ', ',
        '; ',
        '{',
        '}',
        ' text ',
        ' 日本 ',
        ' é ',
        ' 😀 ',
        '|',
        '\t',
        ' key= ',
      )
      fc.assert(
        fc.property(around, around, fc.array(around), (before, after, more) => {
          const text = more.join('') + before + sample + (name === 'private_key' ? '' : after + more.join(''))
          return found(text).includes(`${name}: ${finding}`) || fails(`not found in ${JSON.stringify(text)}: ${found(text).join()}`)
        }),
        { numRuns: 60 },
      )
    })

t.test('only what is secret is the finding', async (t) => {
  t.same(found('Authorization: Bearer abcd1234efgh'), ['credentials: abcd1234efgh'])
  t.same(found('authorization=bearer%20abcd1234efgh'), ['credentials: abcd1234efgh'])
  t.same(found('Basic dXNlcjpwYXNzd29yZA=='), ['credentials: dXNlcjpwYXNzd29yZA=='])
  t.same(found('postgres://app:s3cret@db.internal:5432/x'), ['url_secret: app:s3cret'])
  t.same(found('https://x.example/?access_token=abc&page=3#top'), ['url_secret: abc'])
  t.same(found('?next=%2Fx%3Ftoken%3Dabc%26b%3D1'), ['url_secret: abc'])
  t.same(found('X-Amz-Signature=0af765&X-Amz-Date=3'), ['url_secret: 0af765'])
  t.same(found(String.raw`{"password":"hun\"ter2","user":"x"}`), [String.raw`url_secret: hun\"ter2`])
  t.same(found(String.raw`"{\"api_key\":\"abc\",\"b\":1}"`), ['url_secret: abc'])
  t.same(found(`aws_secret_access_key = ${made('', 40)}`), [`aws_key: ${made('', 40)}`])
  t.same(found(`https://hooks.slack.com/services/T00000000/B00000000/${made('', 24)}`), [
    `slack_token: T00000000/B00000000/${made('', 24)}`,
  ])
})

t.test('where an address ends does not depend on what comes behind it', async () => {
  const label = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'b', '1', '-', 'é'), maxLength: 4 }),
    fc.constantFrom('', 'com', 'c', 'png', 'x'.repeat(63), 'x'.repeat(64), '1'.repeat(63), 'xn--a', 'COM', 'b2', '2b'),
  )
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 5 }), (labels) => {
      const text = `bob@${labels.join('.')}`
      const [alone, followed] = [found(text), found(`${text} `)]
      return alone.join() === followed.join() || fails(`${text}: ${alone.join()} and ${followed.join()}`)
    }),
    { numRuns: 2000 },
  )
})

t.test('what nearly is something is nothing', async (t) => {
  const near = [
    '4111111111111112',
    '4111 1111 1111 1112',
    '1234567812345670',
    '0.4111111111111111',
    '41111111111111111111111',
    '3f4111111111111111ab5f4111111111',
    'DE88370400440532013000',
    'DE8937040044053201300',
    'XX89370400440532013000',
    'GB29 NWBK 6016 1331 9268 18',
    '000-12-3456',
    '666-12-3456',
    '912-12-3456',
    '536-00-4399',
    '536-90-0000',
    '1536-90-4399',
    '536-90-43991',
    '536904399',
    '256.1.1.1',
    '1.2.3',
    '1.2.3.4.5',
    'v1.2.3.4',
    'Chrome/120.0.0.0',
    '12:34:56',
    'std::add',
    'be::add',
    'a:b:c',
    '1:2:3:4:5:6:7',
    '00:1a:2b:3c:4d',
    '00:1a:2b:3c:4d:5e:6f',
    '00:1a:2b-3c:4d:5e',
    'bob@localhost',
    '@example.com',
    'logo@2x.png',
    'react@18.2.0',
    '@scope/package',
    'a @ b.example',
    'eyJhbGciOiJIUzI1NiJ9',
    'eyJhbGciOiJIUzI1NiJ9.x',
    'eyJ.eyJ.eyJ',
    'eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiIxIn0.c2ln',
    'the bearer of this letter',
    'Bearer certificates',
    'Basic English',
    'page_token=3',
    'token=',
    'token=null',
    '{"token":null}',
    'author=bob',
    'design=3',
    'AKIAIOSFODNN7EXAMPL',
    'pk_live_aB3dE6gH9jK2mN5pQ8sT1vW4',
    '-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----',
    'trace 0af7651916cd43dd8448eb211c80319c',
    '2026-01-01T00:00:00.000Z',
    '1718000000000000000',
    'a1b2c3d4-e5f6-7890-abcd-ef1234567890',
    '+1 000',
    '1 000 000 000.00',
  ]
  for (const text of near) t.same(found(text), [], text)
})

t.test('every number of an issuer with a right check digit is a card, and none with a wrong one', async (t) => {
  const prefixes = ['4', '51', '55', '2221', '2720', '34', '37', '300', '36', '38', '6011', '644', '65', '3528', '62', '50', '6759', '2200']
  const lengthOf = (prefix: string): number => ({ '34': 15, '37': 15, '36': 14 })[prefix] ?? 16
  const card = fc
    .constantFrom(...prefixes)
    .chain((prefix) =>
      fc
        .array(fc.integer({ min: 0, max: 9 }), { minLength: 20, maxLength: 20 })
        .map((rest) => (prefix + rest.join('')).slice(0, lengthOf(prefix) - 1)),
    )
  const check = (digits: string): number => {
    const sum = Array.from(digits)
      .toReversed()
      .reduce((all, digit, i) => all + (i % 2 === 0 ? [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][Number(digit)]! : Number(digit)), 0)
    return (10 - (sum % 10)) % 10
  }
  const cards = new Detection(await detectorsNamed(['card']))
  fc.assert(
    fc.property(
      card,
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom('', ' ', '-'),
      fc.stringMatching(/^[a-z ,:"=]*$/),
      (digits, off, separator, around) => {
        const grouped = (number: string): string => number.replaceAll(/\d{4}(?=\d)/g, `$&${separator}`)
        const right = digits + check(digits)
        const wrong = digits + ((check(digits) + off) % 10)
        const text = around + grouped(right) + around
        t.match(cards.find(text), [{ start: around.length, end: around.length + grouped(right).length }], text)
        t.same(
          cards.find(around + wrong + around).filter(({ end, start }) => end - start === wrong.length),
          [],
          wrong,
        )
        t.equal(cards.findNumber(BigInt(right))?.name, 'card')
        t.equal(cards.findNumber(BigInt(wrong)), undefined)
      },
    ),
    { numRuns: 300 },
  )
})

t.test('the pass sees everything that a detector finds, whatever bytes stand beside it', async () => {
  const samples = Object.entries(SAMPLES).flatMap(([name, texts]) => texts.map((text) => ({ name, text })))
  samples.push(
    { name: 'credentials', text: 'Bearer abcd1234efgh' },
    { name: 'credentials', text: 'bAsIc dXNlcjpwYXNzd29yZA==' },
    { name: 'url_secret', text: 'a://b:c@d' },
    { name: 'url_secret', text: 'token=x' },
    { name: 'url_secret', text: '{"pwd":"x"}' },
  )
  const byteRuns = fc.uint8Array({ maxLength: 6 })
  for (const { name, text } of samples) {
    const one = new Detection(all.filter((detector) => detector.name === name))
    fc.assert(
      fc.property(byteRuns, byteRuns, fc.nat(3), (before, after, offset) => {
        const bytes = Buffer.concat([Buffer.alloc(offset), before, Buffer.from(text), after]).subarray(offset)
        const from = before.length
        const to = from + Buffer.byteLength(text)
        const count = one.anchors.scan(bytes)
        const over = [...one.anchors.starts.subarray(0, count)].filter((start, i) => start < to && one.anchors.ends[i]! > from)
        const bits = over.reduce((all, start) => all | one.anchors.bits[one.anchors.starts.indexOf(start)]!, 0)
        return (over.length > 0 && one.find(text, bits).length > 0) || fails(`${name} not seen: ${bytes.toString('hex')}`)
      }),
      { numRuns: 150 },
    )
  }
})

t.test('the pass sees numbers of AnyValue that can be a card, whatever bytes stand beside them', async () => {
  const { anchors } = new Detection(await detectorsNamed(['card']))
  const double = Buffer.alloc(9, 0x21)
  double.writeDoubleLE(4_111_111_111_111_111, 1)
  const values = [Buffer.from([0x18, ...varint(4_111_111_111_111_111n)]), Buffer.from([0x18, ...varint(501_800_000_009n)]), double]
  const byteRuns = fc.uint8Array({ maxLength: 6 })
  fc.assert(
    fc.property(fc.constantFrom(...values), byteRuns, byteRuns, fc.nat(3), (value, before, after, offset) => {
      const bytes = Buffer.concat([Buffer.alloc(offset), before, value, after]).subarray(offset)
      const count = anchors.scan(bytes)
      const starts = [...anchors.starts.subarray(0, count)]
      return starts.some((start, i) => start <= before.length && anchors.ends[i]! > before.length)
    }),
    { numRuns: 500 },
  )
})

t.test('the pass sees the same wherever bytes lie in memory, to the last one and not behind it', async (t) => {
  const pass = new Detection(await detectorsNamed(['email', 'card'])).anchors
  for (let offset = 0; offset < 5; offset++)
    for (let behind = 0; behind < 5; behind++)
      for (let length = 1; length < 10; length++)
        for (let at = 0; at < length; at++) {
          const bytes = Buffer.from(new Uint8Array(offset + length + behind).buffer, offset, length).fill(0x78)
          bytes[at] = 0x40
          t.equal(pass.scan(bytes), 1, `offset ${offset}, ${behind} behind, ${at} of ${length}`)
          t.equal(pass.starts[0], at)
          t.equal(pass.scan(bytes, 0, at), 0, `before ${at}`)
          t.equal(pass.scan(bytes, at + 1), 0, `behind ${at}`)
        }
})

t.test('places come in order, and a pass over a part keeps to it', async (t) => {
  const text = Buffer.from('x bob@example.com 4111111111111111 bob@example.com DE89370400440532013000')
  const count = detection.anchors.scan(text)
  const starts = [...detection.anchors.starts.subarray(0, count)]
  t.same(
    starts,
    [...starts].sort((a, b) => a - b),
  )
  const within = new Detection(await detectorsNamed(['email'])).anchors
  t.equal(within.scan(text, 6, 40), 1)
  t.equal(within.scan(text, 5, 5), 0)
})

t.test('findings that overlap become one, which covers both', async (t) => {
  t.same(found(`Bearer ${TOKEN}`), [`jwt: ${TOKEN}`])
  t.same(found('password=4111111111111111x'), ['url_secret: 4111111111111111x'])
})

t.test('a number without its country is a phone where that country is looked for', async (t) => {
  const [inGermany] = await detectorsNamed(['phone'], { phoneCountries: ['DE'] })
  const [anywhere] = await detectorsNamed(['phone'])
  t.same(inGermany?.find('Tel. 030 901820.'), [{ start: 5, end: 15 }])
  t.same(anywhere?.find('Tel. 030 901820.'), [])
  t.same(anywhere?.find('Tel. 0049 30 901820.'), [{ start: 5, end: 19 }])
})

t.test('a detector of a plugin is asked where its anchor stands, and one without everywhere', async (t) => {
  const asked: string[] = []
  const plate = { name: 'plate', anchors: [{ literal: 'KFZ' }], find: (text: string) => (asked.push(text), []) }
  const anything = { name: 'anything', anchors: ['any' as const], find: (text: string) => [{ start: 0, end: text.length }] }
  const own = new Detection([plate, anything])
  t.equal(own.everyString, true)
  const bytes = Buffer.from('nothing, then KFZ, and KFZ')
  t.equal(own.anchors.scan(bytes), 2)
  t.equal(own.anchors.starts[0], 14)
  t.match(own.find('abc', own.everyStringBits), [{ start: 0, end: 3, detector: { name: 'anything' } }])
  t.same(asked, [])
  own.find('a KFZ', own.anchors.bits[0])
  t.same(asked, ['a KFZ'])
})
