import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import {
  adjustedCountOf,
  ALWAYS,
  type Bits,
  HALF,
  HIGHEST,
  isHigher,
  keeps,
  LEAST_PROBABILITY,
  NEVER,
  parseRandomness,
  parseThreshold,
  parseTraceState,
  probabilityOf,
  randomnessOfTraceId,
  textOfRandomness,
  textOfThreshold,
  thresholdOf,
  type TraceState,
  writeTraceState,
} from './index.ts'

const half = fc.integer({ min: 0, max: HALF - 1 })
const bits = fc.record({ upper: half, lower: half }, { noNullPrototype: true })
const wide = ({ upper, lower }: Bits): bigint => (BigInt(upper) << 28n) | BigInt(lower)
const all = 1n << 56n
/** Down to the least, and as close to 1. */
const probability = fc.oneof(
  fc.double({ min: 2 ** -56, max: 1, noNaN: true }),
  fc.integer({ min: 0, max: 56 }).map((n) => 2 ** -n),
  fc.integer({ min: 1, max: 53 }).map((n) => 1 - 2 ** -n),
)

/** The specification's words in whole numbers, with the Collector's rule for digits near the ends. */
function expectedThreshold(p: number, precision: number): bigint {
  if (p === 1) return 0n
  const leading = (fraction: number): number => {
    const digits = BigInt(Math.round(fraction * 2 ** 56))
      .toString(2)
      .padStart(56, '0')
    return Math.floor(digits.indexOf('1') / 4)
  }
  const digits = Math.min(14, precision + Math.max(leading(p), leading(1 - p)))
  const unit = 1n << BigInt(4 * (14 - digits))
  const exact = all - BigInt(Math.round(p * 2 ** 56))
  return ((exact + unit / 2n) / unit) * unit
}

t.test('a threshold is what the specification makes of a probability', async (t) => {
  const text = (p: number, precision?: number): string | undefined => {
    const threshold = thresholdOf(p, precision)
    return threshold === undefined ? undefined : textOfThreshold(threshold)
  }
  t.equal(text(1), '0')
  t.equal(text(0.5), '8')
  t.equal(text(0.25), 'c')
  t.equal(text(0.1, 4), 'e666')
  t.equal(text(1 / 3, 1), 'b')
  t.equal(text(0.01, 4), 'fd70a', 'one more digit for the f')
  t.equal(text(0.999, 3), '00419', 'and for each 0')
  t.equal(text(2 ** -56), 'f'.repeat(14))
  for (const none of [0, -1, 1.1, Number.NaN, LEAST_PROBABILITY / 2]) t.equal(thresholdOf(none), undefined, String(none))
  fc.assert(
    fc.property(probability, fc.integer({ min: 1, max: 14 }), (p, precision) => {
      assert.equal(wide(thresholdOf(p, precision)!), expectedThreshold(p, precision))
    }),
  )
})

t.test('a probability is one out of the count that it adjusts to', async (t) => {
  t.equal(probabilityOf(ALWAYS), 1)
  t.equal(adjustedCountOf(thresholdOf(0.25)!), 4)
  t.equal(adjustedCountOf(NEVER), 0)
  fc.assert(fc.property(bits, (threshold) => assert.equal(probabilityOf(threshold), Number(all - wide(threshold)) / 2 ** 56)))
  fc.assert(fc.property(probability, (p) => assert.ok(Math.abs(probabilityOf(thresholdOf(p)!) / p - 1) < 1e-9 || p < 1e-7)))
})

t.test('adjusted counts add up to what there was, whatever the probability', async () => {
  const count = 10_000
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 1, noNaN: true }), fc.integer({ min: 1, max: 14 }), (p, precision) => {
      const threshold = thresholdOf(p, precision)!
      let sum = 0
      // Evenly laid out, so that chance has no part in it.
      for (let i = 0; i < count; i++) {
        const at = (i + 0.5) / count
        const upper = Math.floor(at * HALF)
        if (keeps(threshold, { upper, lower: Math.floor((at * HALF - upper) * HALF) })) sum += adjustedCountOf(threshold)
      }
      // One item more or less on the border.
      assert.ok(Math.abs(sum - count) <= adjustedCountOf(threshold) + 1e-6, `${sum} at ${p}`)
    }),
    { numRuns: 50 },
  )
})

t.test('comparing is comparing 56 bits', async () => {
  const close = fc.tuple(bits, fc.constantFrom(-1n, 0n, 1n)).map(([a, more]): [Bits, Bits] => {
    const b = (wide(a) + more + all) % all
    return [a, { upper: Number(b >> 28n), lower: Number(b & (2n ** 28n - 1n)) }]
  })
  fc.assert(
    fc.property(fc.oneof(fc.tuple(bits, bits), close), ([a, b]) => {
      assert.equal(keeps(a, b), wide(a) <= wide(b))
      assert.equal(isHigher(a, b), wide(a) > wide(b))
      assert.ok(keeps(ALWAYS, a))
      assert.ok(!keeps(NEVER, a))
      assert.ok(keeps(a, HIGHEST))
    }),
  )
})

t.test('texts of thresholds and randomness go there and back', async (t) => {
  fc.assert(
    fc.property(bits, (one) => {
      assert.deepEqual(parseThreshold(textOfThreshold(one)), one)
      assert.deepEqual(parseRandomness(textOfRandomness(one)), one)
      assert.doesNotMatch(textOfThreshold(one), /.0$/, 'no zeros behind')
    }),
  )
  t.same(parseThreshold('c0'), parseThreshold('c'))
  t.same(parseThreshold('C'), parseThreshold('c'))
  t.equal(textOfThreshold(NEVER), '')
  for (const none of ['', 'g', '0x1', '-1', ' 1', '0'.repeat(15)]) t.equal(parseThreshold(none), undefined, none)
  for (const none of ['', '0'.repeat(13), '0'.repeat(15), 'g'.repeat(14)]) t.equal(parseRandomness(none), undefined, none)
})

t.test("a trace id's randomness is its last seven bytes", async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
      const last = Buffer.from(bytes.subarray(12, 19)).toString('hex')
      assert.equal(textOfRandomness(randomnessOfTraceId(bytes, 3)), last)
    }),
  )
})

function parsed(text: string): TraceState {
  const state = parseTraceState(text)
  if (typeof state === 'string') assert.fail(`${text}: ${state}`)
  return state
}
const rewritten = (text: string, th = parsed(text).thresholdText): string | undefined =>
  writeTraceState(parsed(text), th, parsed(text).randomnessText)

t.test('a tracestate keeps what others say in it', async (t) => {
  t.equal(rewritten('', '8'), 'ot=th:8')
  t.equal(rewritten('a=1, b=2\t,,c@d=x y', '8'), 'ot=th:8,a=1,b=2,c@d=x y', 'the member that changes moves to the front')
  t.equal(rewritten('a=1,ot=k:v;th:8;rv:abcdef01234567;z1:,b=2', 'c'), 'ot=rv:abcdef01234567;th:c;k:v;z1:,a=1,b=2')
  t.equal(rewritten('a=1,ot=th:8', ''), 'a=1')
  t.equal(rewritten('ot=th:8', ''), '')
  const keys = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9_*/-]{1,10}$/), { maxLength: 31, selector: (key) => key })
  fc.assert(
    fc.property(keys, fc.nat(), bits, (names, at, threshold) => {
      const members = names.filter((name) => name !== 'ot').map((name) => `${name}=${name}`)
      const before = members.toSpliced(at % (members.length + 1), 0, 'ot=th:1;k:v')
      const after = rewritten(before.join(','), textOfThreshold(threshold))!
      assert.equal(after, [`ot=th:${textOfThreshold(threshold)};k:v`, ...members].join(','))
      assert.deepEqual(parsed(after).threshold, threshold)
    }),
  )
})

t.test('what is no tracestate says why, and nothing of it counts', async (t) => {
  const cases: [string, RegExp][] = [
    ['a', /key=value/],
    ['=a', /key=value/],
    ['A=1', /key=value/],
    ['a=', /key=value/],
    ['a=b\u00e9', /key=value/],
    ['a =1', /key=value/],
    [`${'a'.repeat(257)}=1`, /key=value/],
    [`a=${'b'.repeat(257)}`, /key=value/],
    [`a@${'b'.repeat(15)}=1`, /key=value/],
    ['ot=th', /key:value/],
    ['ot=th:8;', /key:value/],
    ['ot=T:8', /key:value/],
    ['ot=th:8;k:a b', /key:value/],
    ['ot=th:', /th .*hex/],
    ['ot=th:xyz', /th .*hex/],
    [`ot=th:${'1'.repeat(15)}`, /th .*hex/],
    ['ot=rv:123', /rv .*hex/],
    [Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(','), /more than 32/],
    [`${'a'.repeat(256)}=${'b'.repeat(256)},`.repeat(2), /1028 characters/],
  ]
  for (const [text, why] of cases) t.match(parseTraceState(text), why, text.slice(0, 20))
  t.equal(parsed('ot=th:8;th:c').thresholdText, 'c', 'the last counts')
})

t.test('a tracestate that is full makes room, and a value that is full stays', async (t) => {
  const members = Array.from({ length: 32 }, (_, i) => `k${i}=1`)
  t.equal(rewritten(members.join(','), '8'), ['ot=th:8', ...members.slice(0, 31)].join(','), 'the last member goes')
  t.equal(rewritten(`ot=k:${'v'.repeat(250)}`, '8'), undefined)
  t.equal(rewritten(`ot=k:${'v'.repeat(249)}`, '8')?.length, 'ot='.length + 256)
})
