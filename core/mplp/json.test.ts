// What json.ts makes of bodies, hostile ones above all.

import t from 'tap'
import { type Json, MAX_JSON_DEPTH, MAX_JSON_VALUES, readJson } from './json.ts'

const json = (text: string | Buffer): Json[] => [...readJson(Buffer.from(text), 'json')]
const lines = (text: string | Buffer): Json[] => [...readJson(Buffer.from(text), 'lines')]
const messageOf = (json: Json | undefined): string => (json !== undefined && 'fault' in json ? json.fault.message : 'none')
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)

t.test('one message, a list of them, and one a line', async (t) => {
  t.match(json('{"a":1}'), [{ value: { a: 1 }, exact: { a: 1 } }])
  t.same(
    json(' [{"a":1},{"a":2}]').map((one) => 'value' in one && one.value),
    [{ a: 1 }, { a: 2 }],
  )
  const [first, second, ...rest] = lines('{"a":1}\r\n\n  \n{"a":2}')
  t.match(first, { value: { a: 1 }, exact: { a: 1 } })
  t.match(second, { value: { a: 2 }, exact: { a: 2 } })
  t.same(rest, [])
  t.same(lines(''), [])
})

t.test('the digest is of a message’s text, however it came', async (t) => {
  const texts = ['{"a":1}', '{"a":"],[{\\"\\\\","b":[{"c":[]},",",2]}', '{"ä":[[],{}, [1 ,2]]}', '{"a":1 }', '{}']
  const alone = texts.map((text) => digestOf(json(`\n ${text} `)[0]))
  t.equal(new Set(alone).size, texts.length)
  t.same(json(` [ ${texts.join(' ,\r\n')}\t]\n`).map(digestOf), alone)
  t.same(lines(texts.join(' \r\n')).map(digestOf), alone)
  t.same(json('[]'), [])
})

t.test('a broken line leaves its neighbours', async (t) => {
  const [first, second, third] = lines(Buffer.concat([Buffer.from('{"a":\n{"b":"'), Buffer.from([0xff]), Buffer.from('"}\n{"c":3}\n')]))
  t.match(messageOf(first), /^not JSON/)
  t.match(messageOf(second), /not UTF-8/)
  t.match(third, { value: { c: 3 }, exact: { c: 3 } })
})

t.test('what is no JSON, no UTF-8 or no number is a fault', async (t) => {
  t.match(messageOf(json('{')[0]), /^not JSON/)
  t.match(messageOf(json('')[0]), /^not JSON/)
  t.match(messageOf(json(Buffer.from([0x22, 0xc3, 0x28, 0x22]))[0]), /not UTF-8/)
  t.match(messageOf(json('{"a":[1e400]}')[0]), /larger than a double/)
})

t.test('depth is bounded, in a large body before it is parsed', async (t) => {
  t.equal(messageOf(json(`{"a":${nested(MAX_JSON_DEPTH - 1)}}`)[0]), 'none')
  t.match(messageOf(json(`{"a":${nested(MAX_JSON_DEPTH)}}`)[0]), /nested too deep/)
  t.equal(messageOf(json(`[{"a":${nested(MAX_JSON_DEPTH - 1)}}]`)[0]), 'none', 'a list of messages is no level of theirs')
  t.match(messageOf(json(nested(100_000))[0]), /nested too deep/)
  t.match(messageOf(json('['.repeat(5_000_000))[0]), /nested too deep/)
  t.match(messageOf(json('{"a":'.repeat(1_000_000))[0]), /nested too deep/)
  const brackets = `{"a":"${'[{\\"'.repeat(20_000)}"}`
  t.equal(messageOf(json(brackets)[0]), 'none', 'brackets in strings are none')
})

t.test('a message has a bounded number of values, with bounded names, and leaves its neighbours', async (t) => {
  const numbers = (count: number): string => JSON.stringify(Array.from({ length: count }, () => 1))
  t.equal(messageOf(json(`{"a":${numbers(MAX_JSON_VALUES - 2)}}`)[0]), 'none')
  t.match(messageOf(json(`{"a":${numbers(MAX_JSON_VALUES)}}`)[0]), /too many values/)
  t.match(messageOf(json(`{"${'k'.repeat(1_000_000)}":${numbers(1000)}}`)[0]), /names are too long/)
  t.same(
    json(`[{"a":${numbers(MAX_JSON_VALUES)}},{"b":9007199254740993},${nested(MAX_JSON_DEPTH)},3]`).map((one) =>
      'exact' in one ? one.exact : one.fault.message,
    ),
    [
      `there are too many values, or their names are too long; accepted: ${MAX_JSON_VALUES} values`,
      { b: 9007199254740993n },
      JSON.parse(nested(MAX_JSON_DEPTH)),
      3,
    ],
  )
})

t.test('integers past 2^53 keep every digit, beside what JSON.parse makes of them', async (t) => {
  const [one] = json('{"a":9007199254740993,"b":[-12345678901234567890],"c":1.5,"d":1e300}')
  if (one === undefined || 'fault' in one) return t.fail('a fault')
  t.same(one.value, { a: 9007199254740992, b: [-12345678901234567000], c: 1.5, d: 1e300 })
  t.strictSame(one.exact, { a: 9007199254740993n, b: [-12345678901234567890n], c: 1.5, d: 1e300 })
  const [plain] = json('{"a":9007199254740991}')
  t.ok(plain !== undefined && 'value' in plain && plain.value === plain.exact, 'one object where there are none')
})

t.test('members with the names of what objects inherit are members', async (t) => {
  const [one] = json('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"big":9007199254740993}')
  if (one === undefined || 'fault' in one) return t.fail('a fault')
  t.same(Object.keys(one.exact as object), ['__proto__', 'constructor', 'big'])
  t.equal(({} as { polluted?: unknown }).polluted, undefined)
})

function digestOf(json: Json | undefined): string | undefined {
  return json !== undefined && 'digest' in json ? json.digest : undefined
}
