import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import { decodeWithCursors } from './fixtures/ours.ts'
import { decodeWithProtobufEs, decodeWithProtobufjs } from './fixtures/oracles.ts'
import { type WireField, oddRequest, plainRequest, plainSpan, toBytes } from './fixtures/wire-trees.ts'
import { RequestIndex } from './request-index.ts'
import { admit } from './requests.ts'
import { walkRequest } from './walk-request.ts'
import { MAX_DEPTH, MalformedError } from './wire.ts'

const traceId = Buffer.from('0102030405060708090a0b0c0d0e0f10', 'hex')
const spanId = Buffer.from('0102030405060708', 'hex')
const ids: WireField[] = [
  { number: 1, value: traceId },
  { number: 2, value: spanId },
]
/** A request of one scope with these spans. */
const requestWith = (...spans: (readonly WireField[])[]): Uint8Array =>
  toBytes([{ number: 1, value: [{ number: 2, value: spans.map((value) => ({ number: 2, value })) }] }])
const text = (value: string): Uint8Array => Buffer.from(value)
/** What is wrong with a request, in words, or `fine`. */
function verdict(bytes: Uint8Array): string {
  try {
    const { refused, reason } = admit('traces', bytes)
    return refused === 0 ? 'fine' : reason
  } catch (error) {
    t.ok(error instanceof MalformedError, String(error))
    return `request: ${(error as Error).message}`
  }
}

t.test('sees what two other decoders see', async () => {
  fc.assert(
    fc.property(plainRequest, (bytes) => {
      const seen = decodeWithCursors(bytes)
      assert.deepEqual(seen, decodeWithProtobufEs(bytes))
      assert.deepEqual(seen, decodeWithProtobufjs(bytes))
      assert.equal(admit('traces', bytes).chunk, bytes, 'a request without fault goes on as the bytes it came in')
    }),
    { numRuns: 60 },
  )
})

t.test('sees through the corners of protobuf: fields twice, out of order, longer than needed, unknown, in groups', async () => {
  fc.assert(
    fc.property(oddRequest, (bytes) => {
      assert.equal(admit('traces', bytes).refused, 0)
      assert.deepEqual(decodeWithCursors(bytes), decodeWithProtobufEs(bytes))
    }),
    { numRuns: 60 },
  )
})

t.test('whatever is admitted of broken bytes, another decoder can read, with good ids', async () => {
  const broken = fc.tuple(
    fc.oneof(plainRequest, oddRequest),
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
    fc.nat(),
    fc.boolean(),
  )
  fc.assert(
    fc.property(broken, ([bytes, flips, cut, shorten]) => {
      const mutated = Buffer.from(bytes)
      if (mutated.length > 0) for (const [at, byte] of flips) mutated[at % mutated.length] = byte
      const input = shorten ? mutated.subarray(0, cut % (mutated.length + 1)) : mutated
      let admitted
      try {
        admitted = admit('traces', input)
      } catch (error) {
        if (error instanceof MalformedError) return
        throw error
      }
      const seen = decodeWithProtobufEs(admitted.chunk)
      assert.equal(seen.length, admitted.count)
      for (const span of seen) {
        assert.match(span.traceId, /^(?!0{32})[0-9a-f]{32}$/)
        assert.match(span.spanId, /^(?!0{16})[0-9a-f]{16}$/)
      }
      assert.deepEqual(decodeWithCursors(admitted.chunk), seen)
    }),
    { numRuns: 50 },
  )
})

t.test('random bytes are refused or admitted, never more', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      verdict(bytes)
    }),
    { numRuns: 2000 },
  )
})

t.test('bad spans are cut out alone, and their neighbours stay as they were', async () => {
  const zero = new Uint8Array(16)
  const bad: WireField[][] = [
    [],
    [{ number: 1, value: zero }, ids[1]!],
    [ids[0]!, { number: 2, value: zero.subarray(0, 8) }],
    [{ number: 1, value: traceId.subarray(1) }, ids[1]!],
    [...ids, { number: 4, value: spanId.subarray(1) }],
    [...ids, { number: 5, value: Buffer.from([0xff]) }],
    [...ids, { number: 9, value: [{ number: 1, value: Buffer.from([0xc3]) }] }],
    [...ids, { number: 9, value: [{ number: 2, value: [{ number: 1, value: Buffer.from([0xed, 0xa0, 0x80]) }] }] }],
    [...ids, { number: 11, value: [{ number: 2, value: Buffer.from([0xf8]) }] }],
    [...ids, { number: 13, value: [{ number: 1, value: Buffer.from([1]) }] }],
    [...ids, { number: 7, value: { varint: 5n } }],
    [...ids, { number: 9, value: Buffer.from([0x0a, 0x7f, 0x61]) }],
    [...ids, { number: 1, value: zero }],
  ]
  const request = fc.array(
    fc.array(
      fc.oneof(
        plainSpan.map((span) => ({ span, good: true })),
        fc.constantFrom(...bad).map((span) => ({ span, good: false })),
      ),
      { maxLength: 6 },
    ),
    { maxLength: 3 },
  )
  fc.assert(
    fc.property(request, (scopes) => {
      const make = (list: typeof scopes): Uint8Array =>
        toBytes(
          list.map((spans) => ({
            number: 1,
            value: [
              { number: 1, value: [] },
              { number: 2, value: spans.map(({ span }) => ({ number: 2, value: span })) },
            ],
          })),
        )
      const { chunk, count, refused, reason } = admit('traces', make(scopes))
      const good = scopes.map((spans) => spans.filter((span) => span.good))
      assert.equal(count, good.flat().length)
      assert.equal(refused, scopes.flat().length - count)
      assert.equal(reason === '', refused === 0)
      // A resource that held only bad spans goes with them; one that came empty stays.
      assert.deepEqual(Buffer.from(chunk), Buffer.from(make(good.filter((spans, i) => spans.length > 0 || scopes[i]!.length === 0))))
    }),
    { numRuns: 80 },
  )
})

t.test('says what is wrong and where', async (t) => {
  const wrong: [what: string, bytes: Uint8Array, expected: RegExp][] = [
    ['an id too short', requestWith([{ number: 1, value: traceId.subarray(1) }]), /^trace_id must have 16 bytes at byte 6$/],
    ['no ids', requestWith([]), /^trace_id is missing or zero at byte 6$/],
    ['no span id', requestWith([ids[0]!]), /^span_id is missing or zero/],
    ['a name that is not text', requestWith([...ids, { number: 5, value: Buffer.from([0x80]) }]), /^name is not valid UTF-8 at byte 34$/],
    ['a wrong wire type', requestWith([...ids, { number: 6, value: text('x') }]), /^a field of the span has the wrong wire type/],
    [
      'a wrong wire type of a repeated field',
      requestWith([...ids, { number: 9, value: { varint: 1n } }]),
      /^Span.attributes has wire type 0 instead of 2/,
    ],
    ['a request that is none', text('hello'), /^request: /],
    ['a length past the end', Buffer.from([0x0a, 0x05, 0x00]), /^request: a message is longer than what holds it at byte 1$/],
    ['a length of 1 GiB', Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x80, 0x04]), /^request: a message is longer than what holds it/],
    ['a length of 2^63', Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]), /^request: a message is longer/],
    ['a negative length', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), /^request: a message is longer/],
    ['a varint without end', Buffer.alloc(20, 0x80), /^request: no field begins at byte 0$/],
    ['field number 0', Buffer.from([0x02, 0x00]), /^request: no field begins at byte 0$/],
    [
      'a resource that is not text',
      toBytes([{ number: 1, value: [{ number: 1, value: [{ number: 1, value: [{ number: 1, value: Buffer.from([0xff]) }] }] }] }]),
      /^request: in a resource, an attribute key is not valid UTF-8/,
    ],
    [
      'a scope that is not text',
      toBytes([{ number: 1, value: [{ number: 2, value: [{ number: 1, value: [{ number: 1, value: Buffer.from([0xff]) }] }] }] }]),
      /^request: InstrumentationScope.name is not valid UTF-8/,
    ],
    [
      'a scope_spans of the wrong wire type',
      toBytes([{ number: 1, value: [{ number: 2, value: { varint: 1n } }] }]),
      /^request: ResourceSpans.scopeSpans has wire type 0 instead of 2/,
    ],
    ['an end of a group that never began', Buffer.from([0x0c]), /^request: ExportTraceServiceRequest.resourceSpans has wire type 4/],
  ]
  for (const [what, bytes, expected] of wrong) t.match(verdict(bytes), expected, what)
})

t.test('UTF-8 as Unicode defines it', async (t) => {
  const named = (bytes: number[]): string => verdict(requestWith([...ids, { number: 5, value: Buffer.from(bytes) }]))
  for (const good of ['', 'a', 'abcdefgh', 'ä', 'abcdä', '\u07ff\u0800\uffff', '\ud7ff\ue000', '\u{10000}\u{10ffff}', 'abc\u{1f600}'])
    t.equal(named([...Buffer.from(good)]), 'fine', good)
  const bad = [
    [0x80],
    [0xc0, 0xaf],
    [0xc1, 0xbf],
    [0xe0, 0x9f, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x8f, 0x80, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xe2, 0x82],
    [0x61, 0x61, 0x61, 0x61, 0x61, 0xc3],
    [0xf0, 0x9f, 0x98, 0x41],
  ]
  for (const bytes of bad) t.match(named(bytes), /not valid UTF-8/, Buffer.from(bytes).toString('hex'))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      const valid = Buffer.from(Buffer.from(bytes).toString()).equals(bytes)
      assert.equal(named([...bytes]) === 'fine', valid)
    }),
    { numRuns: 250 },
  )
})

t.test('what is legal is carried, however strange', async (t) => {
  const attribute = (value: WireField[]): WireField => ({
    number: 9,
    value: [
      { number: 1, value: text('k') },
      { number: 2, value },
    ],
  })
  const bits = (n: number): bigint => {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleLE(n)
    return bytes.readBigUInt64LE()
  }
  const strange: WireField[][] = [
    [
      { number: 7, value: { fixed: 8, bits: 2n ** 64n - 1n } },
      { number: 8, value: { fixed: 8, bits: 1n } },
    ], // ends before it starts, five centuries away
    [attribute([{ number: 3, value: { varint: 2n ** 53n + 1n } }])],
    [attribute([{ number: 3, value: { varint: -(2n ** 63n) } }])],
    [attribute([{ number: 4, value: { fixed: 8, bits: bits(Number.NaN) } }])],
    [attribute([{ number: 4, value: { fixed: 8, bits: bits(-Infinity) } }])],
    [attribute([])],
    [attribute([{ number: 7, value: Buffer.from([0, 255]) }])],
    [
      attribute([
        {
          number: 5,
          value: [
            { number: 1, value: [{ number: 2, value: { varint: 1n } }] },
            { number: 1, value: [{ number: 1, value: text('x') }] },
          ],
        },
      ]),
    ],
    [{ number: 4, value: spanId }], // its own parent
    [{ number: 6, value: { varint: 5251n } }], // a kind that nobody knows
    [{ number: 6, value: { varint: -1n } }],
    [
      {
        number: 9,
        value: [
          { number: 1, value: text('__proto__') },
          { number: 2, value: [{ number: 1, value: text('x') }] },
        ],
      },
    ],
  ]
  for (const more of strange) {
    const bytes = requestWith([...ids, ...more])
    t.equal(verdict(bytes), 'fine')
    t.strictSame(decodeWithCursors(bytes), decodeWithProtobufEs(bytes))
  }
  t.equal(Object.hasOwn(Object.prototype, 'x'), false)
  t.equal(admit('traces', requestWith(ids, ids)).count, 2, 'the same span twice is two spans')
})

t.test('of a value given twice the last counts, and maps and lists merge', async (t) => {
  const string = (value: string): WireField => ({ number: 1, value: text(value) })
  const list = (...values: WireField[][]): WireField => ({ number: 5, value: values.map((value) => ({ number: 1, value })) })
  const int: WireField = { number: 3, value: { varint: 7n } }
  const values: WireField[][] = [
    [string('a'), string('b')],
    [string('a'), int],
    [int, string('a')],
    [list([int]), list([string('b')])],
    [list([int]), string('x'), list([string('b')])],
    [list([string('a'), int])],
  ]
  const key = { number: 1, value: text('k') }
  const pairs: WireField[][] = [
    ...values.map((value) => [key, { number: 2, value }]),
    [{ number: 2, value: [int] }, key],
    [key, { number: 1, value: text('other') }, { number: 2, value: [int] }],
    [key, { number: 2, value: [list([int])] }, { number: 2, value: [list([string('b')])] }],
    [{ number: 9, value: text('unknown') }, key],
    [key, { number: 9, value: text('unknown') }],
  ]
  for (const pair of pairs) {
    const bytes = requestWith([...ids, { number: 9, value: pair }])
    t.equal(verdict(bytes), 'fine')
    t.strictSame(decodeWithCursors(bytes), decodeWithProtobufEs(bytes))
  }
})

t.test('nesting is bounded, and what is within the bound is within other decoders’', async (t) => {
  // Messages around the innermost: request, ResourceSpans, ScopeSpans, Span, KeyValue, AnyValue; then two for each list.
  const nested = (lists: number): Uint8Array => {
    let value: WireField[] = [{ number: 1, value: text('deep') }]
    for (let i = 0; i < lists; i++) value = [{ number: 5, value: [{ number: 1, value }] }]
    return requestWith([...ids, { number: 9, value: [{ number: 2, value }] }])
  }
  const most = Math.floor((MAX_DEPTH - 5) / 2)
  t.equal(verdict(nested(most)), 'fine')
  t.equal(decodeWithProtobufjs(nested(most)).length, 1)
  t.match(verdict(nested(most + 1)), /lies deeper than 100 messages/)
})

t.test('a value nested a million deep, nested groups, a flood of groups: refused, not crashed', async (t) => {
  // Built from the inside out: every level puts tag and length in front.
  const levels = 1_000_000
  const out = Buffer.alloc(16 * 1024 * 1024)
  let at = out.length
  for (let i = 0; i < levels; i++) {
    let length = out.length - at
    const bytes: number[] = []
    do {
      bytes.push((length & 0x7f) | (length > 0x7f ? 0x80 : 0))
      length >>>= 7
    } while (length > 0)
    at -= bytes.length
    out.set(bytes, at)
    out[--at] = i % 2 === 0 ? 0x0a : 0x2a
  }
  t.match(verdict(requestWith([...ids, { number: 9, value: [{ number: 2, value: out.subarray(at) }] }])), /lies deeper than 100/)
  const groups = Buffer.alloc(100_000, 0xa3) // start of group 20, again and again
  for (let i = 1; i < groups.length; i += 2) groups[i] = 0x01
  t.match(verdict(Buffer.concat([groups])), /^request: a field runs out/)
  t.match(verdict(requestWith([...ids, { number: 17, value: { group: [] } }])), /fine/)
})

t.test('two million empty spans in 4 MB, a million attributes: bounded columns', async (t) => {
  const empty = Buffer.alloc(4_000_000)
  for (let i = 0; i < empty.length; i += 2) empty[i] = 0x12
  const index = new RequestIndex()
  const request = toBytes([{ number: 1, value: [{ number: 2, value: empty.subarray(0, 2_000_000) }] }])
  walkRequest('traces', request, index)
  t.equal(index.refusedCount, 1_000_000)
  t.equal(index.refusedRanges, 1, 'neighbours share a range')
  t.ok(index.items.length < 100_000)
  t.match(verdict(toBytes([{ number: 1, value: [{ number: 2, value: empty }] }])), /^request: the request holds more than 1048576 items/)

  const attributes = Buffer.alloc(2_000_000)
  for (let i = 0; i < attributes.length; i += 2) attributes[i] = 0x4a
  const span = Buffer.concat([toBytes(ids), attributes])
  t.match(
    verdict(
      toBytes([
        {
          number: 1,
          value: [
            {
              number: 2,
              value: [
                { number: 2, value: span },
                { number: 2, value: ids },
              ],
            },
          ],
        },
      ]),
    ),
    /^the span holds more than 65536 attributes/,
  )
})

t.test('nothing that a length claims is allocated', async (t) => {
  const before = process.memoryUsage().rss
  for (let i = 0; i < 1000; i++) verdict(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x03, 0x12, 0x00]))
  t.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024)
})
