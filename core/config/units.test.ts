import * as fc from 'fast-check'
import t from 'tap'
import { bytesOf, parseBytes } from './bytes.ts'
import { durationOf, parseDuration } from './duration.ts'

t.test('durations are milliseconds, as Go writes them', async (t) => {
  const cases: readonly (readonly [string, number])[] = [
    ['0', 0],
    ['0s', 0],
    ['200ms', 200],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1.s', 1000],
    ['250us', 0.25],
    ['250µs', 0.25],
    ['250μs', 0.25],
    ['1h2m3s4ms', 3_723_004],
  ]
  for (const [text, ms] of cases) t.equal(parseDuration(text), ms, text)
})

t.test('what is no duration is refused, with what would be accepted', async (t) => {
  for (const text of ['', '5', '-5s', '5 s', ' 5s', '5s ', '5d', 's', '1m30', '.s', '1..5s', '5S', 'Infinitys', `${'9'.repeat(70)}s`]) {
    t.equal(durationOf(text), undefined, JSON.stringify(text))
  }
  t.throws(() => parseDuration('5d'), new RangeError('found "5d"; accepted: a duration such as 200ms, 5s, 1m30s or 2h'))
})

t.test('a duration is the sum of its parts', async () => {
  const part = fc.tuple(fc.nat(9999), fc.constantFrom('ms', 's', 'm', 'h'))
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
      const text = parts.map(([n, unit]) => `${n}${unit}`).join('')
      return parseDuration(text) === parts.reduce((sum, [n, unit]) => sum + parseDuration(`${n}${unit}`), 0)
    }),
  )
})

t.test('sizes are whole bytes', async (t) => {
  const cases: readonly (readonly [string, number])[] = [
    ['0', 0],
    ['20971520', 20_971_520],
    ['64MiB', 67_108_864],
    ['64 MiB', 67_108_864],
    ['1.5KiB', 1536],
    ['5MB', 5_000_000],
    ['7B', 7],
  ]
  for (const [text, bytes] of cases) t.equal(parseBytes(text), bytes, text)
  for (const text of ['', 'MiB', '-1', '64Mib', '64 M', '0.5', '1e6', '9000000000 TiB', '0x10']) t.equal(bytesOf(text), undefined, text)
  t.throws(() => parseBytes('64Mi'), new RangeError('found "64Mi"; accepted: a size such as 1048576, 512KiB or 64MiB'))
})
