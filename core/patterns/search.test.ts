import fc from 'fast-check'
import t from 'tap'
import { Search } from './search.ts'

const LOOPS: readonly RegExp[] = [
  /\w+@\w/u,
  /\w+?@/,
  /.*foo/,
  /.+?1/u,
  /[^@]*@/u,
  /(\w+)@/u,
  /(?<name>(?:\w{2,}))@/u,
  /(?i:a+)B/u,
  /(?i:a+B)/u,
  /\w*$/u,
  /\w*/u,
  /\p{L}*1/u,
  /x+(?<=xxx)y/,
  /\d+(?!\d)/,
  /a+\b/,
]
const OTHERS: readonly RegExp[] = [/foo/, /\b\w+@/, /a|b+c/, /(a+)b\1/, /^a+/, /(?:ab)+c/, /a{2,5}b/, /$/]

const shown = (matches: Iterable<RegExpExecArray>): readonly (readonly [number, ...string[]])[] =>
  [...matches].map((match) => [match.index, ...match])

t.test('finds in long texts what the engine finds, and nothing else', async (t) => {
  const pieces = fc.array(fc.constantFrom('a', 'aaa', 'B', 'b', '@', 'foo', '1', ' ', 'x', 'xxx', 'y', '\n', 'é', '🧀', 'ab', 'c'), {
    minLength: 1,
    maxLength: 40,
  })
  const place = fc.nat(3)
  for (const pattern of [...LOOPS, ...OTHERS])
    fc.assert(
      fc.property(pieces, fc.constantFrom('-', '@', 'a', '🧀'), place, (some, filler, at) => {
        const long = filler.repeat(1001)
        const middle = some.join('')
        const text = [`${long}${middle}`, `${middle}${long}`, `${middle}${long}${middle}`, middle][at]!
        const search = new Search(pattern)
        const everywhere = new RegExp(pattern, `${pattern.flags}g`)
        t.strictSame(shown(search.matches(text)), shown(text.matchAll(everywhere)), String(pattern))
        if (search.finds(text) !== pattern.test(text)) t.fail(`${pattern} in ${text}`)
      }),
      { numRuns: 60 },
    )
})

/** Microseconds of CPU. */
function cost(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

t.test('a pattern that begins with a loop takes time that grows with the text, not with its square', async (t) => {
  const text = `${'a'.repeat(400_000)} ${'b'.repeat(400_000)}`
  for (const [pattern, looked] of [
    [/\w+@\w+/u, text],
    [/.*foo/, text],
    [/[a-z0-9.]+@x/, `@${text}`],
    [/(?<local>\w+)@/u, text],
  ] as const) {
    // Tried everywhere, each takes minutes.
    const micros = cost(() => t.strictSame([...new Search(pattern).matches(looked)], []))
    t.ok(micros < 5_000_000, `${pattern}: ${micros} µs`)
  }
})
