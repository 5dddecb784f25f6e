import fc from 'fast-check'
import t from 'tap'
import { canonicalJson, MAX_CANONICAL_DEPTH, NotCanonicalError } from './canonical-json.ts'

/** RFC 8785 read once more, without a thought for speed: chapter 3.2. */
function plainly(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(plainly).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const order = (a: string, b: string): number => {
    const [left, right] = [codeUnits(a), codeUnits(b)]
    for (let i = 0; i < Math.min(left.length, right.length); i++) if (left[i] !== right[i]) return left[i]! - right[i]!
    return left.length - right.length
  }
  const members = Object.entries(value).sort(([a], [b]) => order(a, b))
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${plainly(member)}`).join(',')}}`
}
function codeUnits(text: string): Uint16Array {
  return Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i))
}

t.test('the examples of RFC 8785', (t) => {
  const numbers = '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
  const texts = '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}'
  const expected =
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
  t.equal(canonicalJson(JSON.parse(numbers + texts)), expected)
  t.equal(
    Buffer.from(canonicalJson(JSON.parse(numbers + texts)))
      .toString('hex')
      .slice(0, 32),
    '7b226c69746572616c73223a5b6e756c',
    'section 3.2.4',
  )
  // Section 3.2.3: the order is that of UTF-16 code units, not of code points.
  const sorting =
    '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}'
  t.same(
    Object.values(
      JSON.parse(
        `[${canonicalJson(JSON.parse(sorting))
          .slice(1, -1)
          .replaceAll(/"[^"]*":/g, '')}]`,
      ),
    ),
    [
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ],
  )
  t.end()
})

t.test('the numbers of RFC 8785, appendix B', (t) => {
  const samples: readonly (readonly [bits: string, text: string])[] = [
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555554', '333333333.33333325'],
    ['41b3de4355555555', '333333333.3333333'],
    ['41b3de4355555556', '333333333.3333334'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ]
  for (const [bits, text] of samples) t.equal(canonicalJson(Buffer.from(bits, 'hex').readDoubleBE()), text, bits)
  for (const none of [NaN, Infinity, -Infinity]) t.throws(() => canonicalJson({ none }), { name: 'NotCanonicalError', path: '/none' })
  t.end()
})

t.test('any JSON value is written as the RFC says, read from text or not', (t) => {
  const keys = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 6 }),
    fc.constantFrom('__proto__', 'constructor', '10', '9', '1e3', 'toJSON', '', 'a', 'b', '\u{1f600}', '\ufb33'),
  )
  const leaf = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
  )
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, leaf, tie('array'), tie('object')),
    array: fc.array(tie('value'), { maxLength: 6 }),
    object: fc.array(fc.tuple(keys, tie('value')), { maxLength: 40 }).map((members) => Object.fromEntries(members) as unknown),
  }))
  fc.assert(
    fc.property(value, (value) => {
      const text = canonicalJson(value)
      t.equal(text, plainly(JSON.parse(JSON.stringify(value))))
      t.equal(canonicalJson(JSON.parse(text)), text)
    }),
    { numRuns: 300 },
  )
  t.end()
})

t.test('many members are put in order too', (t) => {
  const keys = Array.from({ length: 200 }, (_, i) => `k${(i * 7919) % 200}`)
  t.equal(
    canonicalJson(Object.fromEntries(keys.map((key) => [key, 1]))),
    `{${[...keys]
      .sort()
      .map((key) => `"${key}":1`)
      .join(',')}}`,
  )
  t.end()
})

t.test('the value is left as it was', (t) => {
  const value = Object.freeze({ b: Object.freeze([Object.freeze({ d: 1, c: 2 })]), a: 1 })
  t.equal(canonicalJson(value), '{"a":1,"b":[{"c":2,"d":1}]}')
  t.same(Object.keys(value), ['b', 'a'])
  t.end()
})

t.test('what RFC 8785 gives no text for is refused, with its place', (t) => {
  const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
  t.equal(canonicalJson(nested(MAX_CANONICAL_DEPTH)).length, 2 * MAX_CANONICAL_DEPTH)
  t.throws(() => canonicalJson(nested(MAX_CANONICAL_DEPTH + 1)), { name: 'NotCanonicalError', message: /deeper/ })
  t.throws(() => canonicalJson(nested(100_000)), NotCanonicalError)
  t.throws(() => canonicalJson({ a: [1, { 'b/c~d': '\ud800' }] }), { path: '/a/1/b~1c~0d', message: /surrogate/ })
  t.throws(() => canonicalJson({ '\udc00': 1 }), { message: /surrogate/ })
  t.equal(canonicalJson('\\ud800'), '"\\\\ud800"', 'which is a backslash and four letters')
  t.throws(() => canonicalJson({ a: 2n ** 53n + 1n }), { path: '/a', message: /whole number/ })
  for (const one of [2n ** 64n, 10n ** 400n, -(2n ** 53n) - 1n]) t.throws(() => canonicalJson(one), NotCanonicalError, String(one))
  t.equal(canonicalJson({ a: 2n ** 53n, b: -1n, c: 18446744073709552000n }), '{"a":9007199254740992,"b":-1,"c":18446744073709552000}')
  t.end()
})

t.test("a client's objects have the text of what is sent of them", (t) => {
  const message = { at: new Date(0), left: undefined, inner: { toJSON: () => ({ z: 1, a: [1] }) } }
  t.equal(canonicalJson(message), plainly(JSON.parse(JSON.stringify(message))))
  t.throws(() => canonicalJson({ a: () => 1 }), { path: '/a', message: /no JSON/ })
  t.throws(() => canonicalJson(undefined), NotCanonicalError)
  t.end()
})

t.test('a member of the outermost object can be left out, and no other', async () => {
  const member = fc.constantFrom('a', 'security', 'z', '7', '__proto__', 'é\ud800')
  const value = fc.dictionary(member, fc.oneof(fc.integer(), fc.dictionary(member, fc.integer()), fc.constant(undefined)))
  fc.assert(
    fc.property(value, (object) => {
      const { security: _, ...rest } = object
      const textOf = (make: () => string): string => {
        try {
          return make()
        } catch (error) {
          return String(error)
        }
      }
      t.equal(
        textOf(() => canonicalJson(object, 'security')),
        textOf(() => canonicalJson(rest)),
      )
    }),
  )
})
