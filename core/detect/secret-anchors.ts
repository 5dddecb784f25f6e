// Where the pass sees that a secret may stand: two bytes of what every such secret begins with, then all of it.

const LOWER = 0x20
const numberOf = (two: string): number => two.charCodeAt(0) * 256 + two.charCodeAt(1)

/**
 * What a secret begins with, and two pieces of it of two bytes each: one at an even and one at an odd place, so that the pass, which reads
 * pairs, meets one of them. The pieces that are rarest in telemetry. `_` alone is rare enough: a piece of one byte has any neighbour.
 */
const BEGINNINGS: readonly (readonly [text: string, pieces: readonly string[]])[] = [
  ['eyJ', ['ey', 'yJ']],
  ['AKIA', ['AK', 'KI']],
  ['ASIA', ['AS', 'SI']],
  ['ABIA', ['AB', 'BI']],
  ['AIza', ['AI', 'Iz']],
  ['GOCSPX-', ['GO', 'OC']],
  ['ya29.', ['ya', 'a2']],
  ['ghp_', ['p_', '_']],
  ['gho_', ['o_', '_']],
  ['ghu_', ['u_', '_']],
  ['ghs_', ['s_', '_']],
  ['ghr_', ['r_', '_']],
  ['github_pat_', ['b_', '_']],
  ['xox', ['xo', 'ox']],
  ['xapp-', ['xa', 'p-']],
  ['sk_live_', ['k_', '_']],
  ['sk_test_', ['k_', '_']],
  ['rk_live_', ['k_', '_']],
  ['rk_test_', ['k_', '_']],
  ['whsec_', ['c_', '_']],
  ['-----BEGIN', ['--', 'BE']],
]
/** Names of schemes, in any case, and what may stand behind them. */
const SCHEMES: readonly (readonly [name: string, pieces: readonly string[]])[] = [
  ['bearer', ['be', 'r ', 'r+', 'r%']],
  ['basic', ['ic', 'c ', 'c+', 'c%']],
]

/** A text of which two bytes were met: where it lies relative to them. */
interface Expected {
  readonly codes: readonly number[]
  readonly offset: number
  readonly inAnyCase: boolean
}

/** By the two bytes, the first in the upper half. */
export const BEGINNING_PAIRS: ReadonlyMap<number, readonly Expected[]> = pairs()

function pairs(): ReadonlyMap<number, readonly Expected[]> {
  const table = new Map<number, Expected[]>()
  const expect = (pair: string, expected: Expected): void => {
    const key = numberOf(pair)
    table.set(key, [...(table.get(key) ?? []), expected])
  }
  const codesOf = (text: string): readonly number[] => [...Buffer.from(text, 'latin1')]
  for (const [text, pieces] of BEGINNINGS)
    for (const piece of pieces) {
      const expected = { codes: codesOf(text), offset: text.indexOf(piece), inAnyCase: false }
      if (piece.length === 2) expect(piece, expected)
      else for (let code = 0; code < 256; code++) expect(piece + String.fromCharCode(code), expected)
    }
  for (const [name, pieces] of SCHEMES)
    for (const piece of pieces)
      for (const pair of new Set([piece, piece.toUpperCase(), piece[0]!.toUpperCase() + piece[1]!, piece[0]! + piece[1]!.toUpperCase()]))
        expect(pair, {
          codes: codesOf(name),
          offset: piece === 'c ' || /[+% ]/.test(piece) ? name.length - 1 : name.indexOf(piece),
          inAnyCase: true,
        })
  return table
}

/** The same as a table, which is quicker: by the two bytes, which of `LISTS`. */
const LIST_OF: Uint16Array = new Uint16Array(65_536)
const LISTS: readonly (readonly Expected[])[] = [[], ...BEGINNING_PAIRS.values()]
for (const [at, pair] of [...BEGINNING_PAIRS.keys()].entries()) LIST_OF[pair] = at + 1

/** Whether what the two bytes here are a piece of stands here as a whole. */
export function pairBeginsSecret(bytes: Uint8Array, at: number): boolean {
  const list = LISTS[LIST_OF[bytes[at]! * 256 + (bytes[at + 1] ?? 0)] ?? 0]!
  for (let i = 0; i < list.length; i++) {
    const { codes, offset, inAnyCase } = list[i]!
    if (isAt(bytes, at - offset, codes, inAnyCase ? LOWER : 0)) return true
  }
  return false
}

function isAt(bytes: Uint8Array, at: number, codes: readonly number[], ignored: number): boolean {
  for (let i = 0; i < codes.length; i++) if ((bytes[at + i]! | ignored) !== codes[i]) return false
  return true
}

/** The last two letters of the names that secrets are assigned to (`url-secret.ts`). */
const ENDINGS: ReadonlySet<number> = new Set(
  ['rd', 'wd', 'se', 're', 'et', 'en', 'ey', 'ig', 'al', 'ls', 'wt', 'id', 'th', 'ss', 'de'].map(numberOf),
)

/** Whether what stands in front of a `=` or of a quote and `:` can be the end of such a name. */
export function isSecretName(bytes: Uint8Array, at: number): boolean {
  return ENDINGS.has((bytes[at - 2]! | LOWER) * 256 + (bytes[at - 1]! | LOWER))
}
