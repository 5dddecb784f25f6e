// OTLP/JSON into bytes: the same as other libraries read, every rule of the specification by itself, and what hostile senders try.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import root from 'otlp-transformer-0213/build/src/generated/root.js'
import t from 'tap'
import { decodeWithProtobufEs } from './fixtures/oracles.ts'
import { plainRequest } from './fixtures/wire-trees.ts'
import { fromJson } from './json-read.ts'
import { toJson } from './json-write.ts'
import { admit } from './requests.ts'
import { MalformedError } from './wire.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- generated without types
type Any = any
const type = (root as Any).opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest

/** Everything that protobufjs sees in a request, as plain values. */
const seen = (bytes: Uint8Array): Any =>
  type.toObject(type.decode(bytes), { longs: String, bytes: String, json: true, defaults: true, oneofs: true })

/** JSON.stringify writes -0 as 0. */
const keepingZero = (value: unknown): unknown => (Object.is(value, -0) ? (JSON as Any).rawJSON('-0') : value)

/** OTLP/JSON written by protobufjs. It has base64 where OTLP/JSON has hex; everything else is its own. */
function jsonOf(bytes: Uint8Array): string {
  return JSON.stringify(type.toObject(type.decode(bytes), { longs: String, bytes: String, json: true }), (key, value: unknown) =>
    ['traceId', 'spanId', 'parentSpanId'].includes(key) ? Buffer.from(value as string, 'base64').toString('hex') : keepingZero(value),
  )
}

const read = (json: string | Buffer): ReturnType<typeof fromJson> => fromJson('traces', Buffer.from(json as string))

const IDS = '"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"'
const request = (...spans: string[]): string => `{"resourceSpans":[{"scopeSpans":[{"spans":[${spans.join(',')}]}]}]}`

/** What protobufjs sees of a span whose JSON holds these members too. */
function span(members: string): Any {
  const { bytes, refused, reason } = read(request(`{${IDS}${members === '' ? '' : `,${members}`}}`))
  return refused === 0 ? seen(bytes).resourceSpans[0].scopeSpans[0].spans[0] : reason
}

/** What it sees of the value of an attribute. */
const value = (json: string): Any => {
  const found = span(`"attributes":[{"key":"k","value":${json}}]`)
  return typeof found === 'string' ? found : found.attributes[0].value
}

t.test('what another library wrote is read as it reads the bytes', async () => {
  fc.assert(
    fc.property(plainRequest, (bytes) => {
      const { bytes: ours, refused } = read(jsonOf(bytes))
      assert.equal(refused, 0)
      assert.deepEqual(seen(ours), seen(bytes))
      assert.deepEqual(decodeWithProtobufEs(ours), decodeWithProtobufEs(bytes))
    }),
    { numRuns: 60 },
  )
})

t.test('what we wrote is read as it was, however it is laid out', async () => {
  const spaced = (json: string): string =>
    JSON.stringify(JSON.parse(json), (_, value: unknown) => keepingZero(value), '\t').replaceAll('\n', ' \r\n')
  const escaped = (json: string): string =>
    json.replaceAll(
      /"(?:[^"\\]|\\.)*"/g,
      (text) =>
        `"${[
          ...Buffer.from(JSON.parse(text) as string, 'utf16le')
            .toString('latin1')
            .matchAll(/../gs),
        ]
          .map(([unit]) => `\\u${(unit.charCodeAt(0) | (unit.charCodeAt(1) << 8)).toString(16).padStart(4, '0')}`)
          .join('')}"`,
    )
  fc.assert(
    fc.property(
      plainRequest,
      fc.constantFrom((json: string) => json, spaced, escaped),
      (bytes, layout) => {
        assert.deepEqual(seen(read(layout(toJson('traces', bytes))).bytes), seen(bytes))
      },
    ),
    { numRuns: 60 },
  )
})

t.test('ids are hex in either case', async (t) => {
  t.equal(span('').traceId, Buffer.from('5b8efff798038103d269b633813fc60c', 'hex').toString('base64'))
  t.equal(span('"parentSpanId":"EEE19B7EC3C1B17F"').parentSpanId, Buffer.from('eee19b7ec3c1b17f', 'hex').toString('base64'))
  t.equal(span('"parentSpanId":""').parentSpanId, '')
  for (const wrong of ['"7u+/", "x":1', '"EEE19B7EC3C1B17"', '"EEE19B7EC3C1B17g"', '"0xE19B7EC3C1B17F"', '17', 'true', '{}', '[]']) {
    t.match(span(`"parentSpanId":${wrong}`), /^Span.parentSpanId (is not hex|has a wrong type; accepted: hex digits) at byte \d+$/, wrong)
  }
})

t.test('other bytes are base64, in either alphabet, with or without padding', async (t) => {
  for (const text of ['+/8=', '+/8', '-_8=', '-_8', '\\u002b\\/8=']) t.equal(value(`{"bytesValue":"${text}"}`).bytesValue, '+/8=', text)
  t.equal(value('{"bytesValue":""}').bytesValue, '')
  t.equal(value('{"bytesValue":"AA=="}').bytesValue, 'AA==')
  for (const wrong of ['A', 'AAAAA', 'AA=A', 'A===', 'AA===', '====', 'AA A', 'ÄA']) {
    t.match(value(`{"bytesValue":"${wrong}"}`), /^AnyValue.bytesValue is not base64/, wrong)
  }
})

t.test('names are lowerCamelCase; what the grammar does not know is ignored, whatever it holds', async (t) => {
  const ignored = [
    '"start_time_unix_nano":5',
    '"Name":"x"',
    '"":1',
    '"unknown":{"a":[1,-2.5e3,true,null,"\\ud800",{}],"b":[[],{}]}',
    '"na":1',
    '"names":""',
  ]
  for (const member of ignored) t.same(span(member), span(''), member)
  t.equal(span('"\\u006eame":"escaped"').name, 'escaped')
  t.same(seen(read('{"unknown":[1],"resourceSpans":[],"alsoUnknown":{}}').bytes), { resourceSpans: [] })
})

t.test('enums are integers, and names are refused', async (t) => {
  t.equal(span('"kind":3').kind, 3)
  t.equal(span('"kind":99').kind, 99, 'a number that is none of ours is kept')
  t.equal(span('"status":{"code":2,"message":"no"}').status.code, 2)
  for (const wrong of ['"SPAN_KIND_CLIENT"', '"3"', '1.5', '2147483648', '-2147483649', 'true']) {
    t.match(
      span(`"kind":${wrong}`),
      /^Span.kind (is not an integer in its range|has a wrong type; accepted: an integer, not a name)/,
      wrong,
    )
  }
})

t.test('64-bit integers are strings or numbers, and exact', async (t) => {
  const time = (json: string): unknown => span(`"startTimeUnixNano":${json}`).startTimeUnixNano ?? span(`"startTimeUnixNano":${json}`)
  for (const digits of [
    '1544712660123456789',
    '18446744073709551615',
    '9007199254740993',
    '1',
    '0',
    '999999999',
    '1000000000',
    '10000000000000000000',
  ]) {
    t.equal(time(digits), digits, 'a number')
    t.equal(time(`"${digits}"`), digits, 'a string')
  }
  const forms = {
    '1e3': '1000',
    '1.5E+3': '1500',
    '"1e3"': '1000',
    '20.0': '20',
    '1234567890123456789e1': '12345678901234567890',
    '1000e-3': '1',
    '0e99': '0',
    '-0': '0',
    '"007"': '7',
  }
  for (const [json, digits] of Object.entries(forms)) t.equal(time(json), digits, json)
  const wrong = [
    '18446744073709551616',
    '-1',
    '1.5',
    '1e-1',
    '1e20',
    '1e999999999',
    '""',
    '"1 "',
    '"+1"',
    '"0x1"',
    '"1."',
    '"NaN"',
    '99999999999999999999',
    'true',
  ]
  for (const json of wrong)
    t.match(time(json), /^Span.startTimeUnixNano (is not an integer in its range|has a wrong type; accepted: an integer)/, json)

  for (const digits of ['9223372036854775807', '-9223372036854775808', '-1', '-9007199254740993', '0', '-4294967296', '4294967296']) {
    t.equal(value(`{"intValue":${digits}}`).intValue, digits)
    t.equal(value(`{"intValue":"${digits}"}`).intValue, digits)
  }
  for (const digits of ['9223372036854775808', '-9223372036854775809', '-18446744073709551615'])
    t.match(value(`{"intValue":${digits}}`), /not an integer in its range/)
})

t.test('every 64-bit integer survives', async () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.boolean(), (n, quoted) => {
      assert.equal(value(`{"intValue":${quoted ? `"${n}"` : n}}`).intValue, String(n))
    }),
  )
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (n) => {
      assert.equal(span(`"endTimeUnixNano":${n}`).endTimeUnixNano, String(n))
    }),
  )
})

t.test('32-bit integers have their range', async (t) => {
  t.equal(span('"droppedAttributesCount":4294967295').droppedAttributesCount, 4_294_967_295)
  t.equal(span('"flags":"257"').flags, 257)
  for (const wrong of ['4294967296', '-1', '0.5']) {
    t.match(span(`"flags":${wrong}`), /Span.flags is not an integer in its range/)
    t.match(span(`"droppedEventsCount":${wrong}`), /not an integer in its range/)
  }
})

t.test('doubles: numbers, numbers in strings, and the three that JSON has no number for', async (t) => {
  const forms = {
    '0.1': 0.1,
    '-2.5e-3': -0.0025,
    '1e308': 1e308,
    '5e-324': 5e-324,
    '"1.5"': 1.5,
    '3': 3,
    '"NaN"': 'NaN',
    '"Infinity"': 'Infinity',
    '"-Infinity"': '-Infinity',
  }
  for (const [json, expected] of Object.entries(forms)) t.same(value(`{"doubleValue":${json}}`).doubleValue, expected, json)
  t.ok(Object.is(value('{"doubleValue":-0}').doubleValue, -0))
  for (const wrong of ['1e309', '"nan"', '"inf"', '"+1"', '""', '" 1"', '"0x1"', 'null_', 'true', '[]']) {
    if (wrong !== 'null_') t.match(value(`{"doubleValue":${wrong}}`), /AnyValue.doubleValue/, wrong)
  }
})

t.test('a value that is zero or empty is there, where that it is there says something', async (t) => {
  t.equal(value('{"intValue":0}').value, 'intValue')
  t.equal(value('{"boolValue":false}').value, 'boolValue')
  t.equal(value('{"stringValue":""}').value, 'stringValue')
  t.equal(value('{"doubleValue":0}').value, 'doubleValue')
  t.same(value('{"arrayValue":{"values":[{},{"stringValue":""},{"arrayValue":{}}]}}').arrayValue.values.length, 3)
  t.equal(value('{}').value, undefined)
  t.same(span('"name":"","kind":0,"flags":0,"startTimeUnixNano":"0","attributes":[],"traceState":""'), span(''))
})

t.test('null is absence', async (t) => {
  for (const member of ['name', 'kind', 'startTimeUnixNano', 'attributes', 'status', 'links', 'parentSpanId'])
    t.same(span(`"${member}":null`), span(''), member)
  t.equal(value('{"stringValue":"kept","intValue":null}').stringValue, 'kept')
  t.equal(value('null'), null)
  t.match(span('"attributes":[null]'), /^Span.attributes has a wrong type; accepted: an object/)
  t.same(seen(read('{"resourceSpans":null}').bytes), { resourceSpans: [] })
})

t.test('of members with one name the last counts, and the others leave nothing behind', async (t) => {
  t.equal(span('"name":"first","kind":1,"name":"last"').name, 'last')
  const twice = read(
    request(
      `{${IDS},"name":"hidden","attributes":[{"key":"hidden"}],"status":{"message":"hidden"},"name":"","attributes":[],"status":{"code":1}}`,
    ),
  )
  t.notOk(twice.bytes.includes('hidden'))
  t.equal(span('"name":"first","name":null').name, '')
  const any = read(request(`{${IDS},"attributes":[{"key":"k","value":{"stringValue":"hidden","intValue":7}}]}`))
  t.notOk(any.bytes.includes('hidden'), 'of a oneof too')
  t.equal(value('{"stringValue":"hidden","intValue":7}').intValue, '7')
  t.same(seen(read('{"resourceSpans":[{"schemaUrl":"hidden"}],"resourceSpans":[]}').bytes), { resourceSpans: [] })
  const parsed = fc.array(fc.tuple(fc.constantFrom('name', 'traceState', 'droppedLinksCount'), fc.nat(9)))
  fc.assert(
    fc.property(parsed, (members) => {
      const json = members.map(([name, n]) => `"${name}":${name.startsWith('d') ? n : `"${n}"`}`).join(',')
      const expected = JSON.parse(`{${json}}`) as Record<string, unknown>
      const { name, traceState, droppedLinksCount } = span(json)
      assert.deepEqual({ name, traceState, droppedLinksCount }, { name: '', traceState: '', droppedLinksCount: 0, ...expected })
    }),
  )
})

t.test('repeating a member for ever does not cost more than reading it', async (t) => {
  const filler = `"attributes":[${Array.from({ length: 3000 }, () => '{"key":"some key that is long"}').join(',')}]`
  const repeated = `,"name":"x"`.repeat(100_000)
  const began = process.cpuUsage()
  t.throws(() => read(request(`{${IDS},${filler}${repeated}}`)), { message: /members are repeated too often/ })
  const { user, system } = process.cpuUsage(began)
  t.ok(user + system < 2_000_000, `${(user + system) / 1000} ms of CPU`)
})

t.test('prototypes are out of reach', async (t) => {
  t.same(span('"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1,"hasOwnProperty":null'), span(''))
  t.equal(span('"attributes":[{"key":"__proto__","value":{"stringValue":"kept"}}]').attributes[0].key, '__proto__')
  read('{"__proto__":{"polluted":true},"resourceSpans":[{"__proto__":[],"resource":{"__proto__":{"polluted":1}}}]}')
  t.equal(({} as Any).polluted, undefined)
})

t.test('strings: escapes, surrogates, and bytes that are no UTF-8', async (t) => {
  t.equal(span('"name":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00ü😀\\u0000"').name, '"\\/\b\f\n\r\té😀ü😀\u0000')
  for (const lone of ['\\ud83d', '\\ude00', '\\ud83d\\u0041', '\\ud83dx', '\\ude00\\ud83d']) {
    t.match(span(`"name":"${lone}"`), /^Span.name has half of a surrogate pair at byte \d+$/, lone)
  }
  t.same(span('"na\\ud800me":"x"'), span(''), 'half of a pair in a name')
  t.match(span('"parentSpanId":"EEE19B7EC3C1\\ud800B17F"'), /not hex/)
  t.match(value('{"intValue":"1\\udfff2"}'), /not an integer/)
  const broken = Buffer.from(request(`{${IDS},"name":"good"}`, `{${IDS},"name":"bad!"}`))
  broken[broken.indexOf('bad!')] = 0xff
  const { count, refused, reason } = admit('traces', read(broken).bytes)
  t.same([count, refused], [1, 1])
  t.match(reason, /UTF-8/)
})

t.test('a bad span is refused alone, with the reason of the first', async (t) => {
  const good = (name: string): string => `{${IDS},"name":"${name}"}`
  const bad = [
    '{"kind":"X"}',
    '{"attributes":[{"key":"k","value":{"kvlistValue":{"values":[{"value":{"intValue":"x"}}]}}}]}',
    '[]',
    '7',
    'null',
    `{"name":5,"more":[{"a":[]}]}`,
  ]
  const { bytes, refused, reason } = read(request(good('first'), ...bad, good('last')))
  const { spans } = seen(bytes).resourceSpans[0].scopeSpans[0]
  t.same(
    spans.map(({ name }: Any) => name),
    ['first', 'last'],
  )
  t.equal(refused, bad.length)
  t.equal(reason, `Span.kind has a wrong type; accepted: an integer, not a name at byte ${request(good('first'), bad[0]!).indexOf('"X"')}`)
  t.same(read(request(good('one'))), { bytes: read(request(good('one'))).bytes, refused: 0, reason: '' })
})

t.test('a fault outside of any span refuses the request', async (t) => {
  for (const wrong of [
    '"resourceSpans":{}',
    '"resourceSpans":[{"resource":[]}]',
    '"resourceSpans":[{"schemaUrl":1}]',
    '"resourceSpans":[{"scopeSpans":[{"spans":{}}]}]',
    '"resourceSpans":[null]',
  ]) {
    t.throws(() => read(`{${wrong}}`), { name: 'MalformedError', message: /has a wrong type; accepted: .* at byte \d+$/ }, wrong)
  }
})

t.test('what is not JSON refuses the request, and says where', async (t) => {
  const whole = request(`{${IDS},"kind":"refused"}`)
  const wrong = [
    '',
    ' ',
    '[]',
    '1',
    'null',
    '"x"',
    '{',
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{,}',
    '{"a":1 "b":2}',
    "{'a':1}",
    '{a:1}',
    '{"a":01}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":+1}',
    '{"a":1e}',
    '{"a":-}',
    '{"a":0x1}',
  ]
  wrong.push(
    '{"a":tru}',
    '{"a":nulL}',
    '{"a":undefined}',
    '{"a":NaN}',
    '{"a":"\\x"}',
    '{"a":"\\u12g4"}',
    '{"a":"\n"}',
    '{"a":"}',
    '{"a":"\\',
    '{"a":"\\u12',
    '{"a":[1,]}',
    '{"a":[1}',
    '{"a":{]}',
    '{}x',
    '{}{}',
    '\ufeff{}',
    `${whole}]`,
    whole.slice(0, -1),
  )
  wrong.push(whole.replace('"refused"', '"refused'), whole.replace('"refused"', '"refused",'), request('{"kind":"X","a":[1,}'))
  for (const json of wrong) t.throws(() => read(json), { name: 'MalformedError', message: /^not JSON: .* at byte \d+$/ }, json)
  for (const value of ['?', '', '[?', '[', ']']) t.throws(() => read(`{"resourceSpans":${value}}`), { message: /^not JSON: / }, value)
})

t.test('JSON.parse and we agree on what is JSON', async () => {
  const bytes = fc.sample(plainRequest, { numRuns: 20, seed: 7 })
  const json = bytes.map((each) => `{"u":[1.5e3,{"x":[true,null]}],${toJson('traces', each).slice(1).replace(/^\}$/, '"y":0}')}`)
  const spot = fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...'{}[],:"\\ \n0129-+.eEtfnau/x'.split('')))
  fc.assert(
    fc.property(fc.nat(json.length - 1), fc.array(spot, { minLength: 1, maxLength: 3 }), (which, spots) => {
      let text = json[which]!
      for (const [at, cut, character] of spots) text = text.slice(0, at % text.length) + character + text.slice((at % text.length) + cut)
      const theirs = attempt(() => JSON.parse(text) as unknown)
      const ours = attempt(() => read(text))
      if (theirs instanceof Error) assert.ok(ours instanceof MalformedError, text)
      else if (ours instanceof Error)
        assert.ok(!ours.message.startsWith('not JSON') || typeof theirs !== 'object' || Array.isArray(theirs), `${ours.message}: ${text}`)
    }),
    { numRuns: 700 },
  )
})

function attempt<T>(work: () => T): T | Error {
  try {
    return work()
  } catch (error) {
    return error as Error
  }
}

t.test('random bytes and flipped bits are read or refused, never worse', async () => {
  const sample = Buffer.from(toJson('traces', fc.sample(plainRequest, { numRuns: 1, seed: 3 })[0]!))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(sample.length), fc.nat(255)), { maxLength: 4 }),
      fc.uint8Array({ maxLength: 40 }),
      (flips, noise) => {
        const body = Buffer.from(sample)
        for (const [at, byte] of flips) body[at] = byte
        for (const each of [body, Buffer.from(noise)]) {
          const outcome = attempt(() => admit('traces', fromJson('traces', each).bytes))
          assert.ok(!(outcome instanceof Error) || outcome instanceof MalformedError, outcome instanceof Error ? outcome.message : '')
        }
      },
    ),
    { numRuns: 500 },
  )
})

t.test('depth is bounded: in a span it refuses the span, and skipping has no bound to hit', async (t) => {
  const nested = (levels: number): string => `${'{"arrayValue":{"values":['.repeat(levels)}{}${']}}'.repeat(levels)}`
  t.equal(typeof value(nested(40)), 'object')
  t.match(value(nested(60)), /lies deeper than 100 messages/)
  t.match(value(nested(100_000)), /lies deeper than 100 messages/)
  t.same(span(`"unknown":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`), span(''))
  t.throws(() => read(`{"a":${'[{"b":'.repeat(1_000_000)}`), { message: /not JSON/ })
  const resource = `{"resourceSpans":[{"resource":{"attributes":[{"value":${nested(100)}}]}}]}`
  t.throws(() => read(resource), { message: /lies deeper than 100 messages/ })
})

t.test('the time grows with the size, and no faster', async (t) => {
  const attributes = Array.from({ length: 10 }, (_, i) => `{"key":"http.attribute.${i}","value":{"stringValue":"some value ${i}"}}`).join(
    ',',
  )
  const one = `{${IDS},"name":"GET /path","kind":2,"startTimeUnixNano":"1544712660123456789","attributes":[${attributes}],"status":{}}`
  const bodyOf = (bytes: number): Buffer => Buffer.from(request(...Array.from({ length: bytes / one.length }, () => one)))
  /** Of CPU, for so many times: the clock may be coarse. */
  const costMs = (body: Buffer, times: number): number => {
    const began = process.cpuUsage()
    for (let i = 0; i < times; i++) fromJson('traces', body)
    const { user, system } = process.cpuUsage(began)
    return (user + system) / 1000
  }
  const [small, large] = [bodyOf(200_000), bodyOf(2_000_000)]
  costMs(small, 5)
  // A megabyte took 6 ms of CPU on the machine where this was written.
  const [inTenthsMs, inWholesMs] = [costMs(small, 50), costMs(large, 5)]
  t.ok(inWholesMs < 4 * inTenthsMs, `ten megabytes: ${inWholesMs} ms as they are, ${inTenthsMs} ms in tenths`)
})
