// Where the pass sees that a secret may stand: a rare byte of what every such secret begins with, and the bytes around it.

const codesOf = (text: string): readonly number[] => [...Buffer.from(text, 'latin1')]
/** A beginning, and the byte of it at which the pass stops, which is rare in telemetry. */
type Beginning = readonly [codes: readonly number[], at: number]

/** For each byte at which the pass stops, the beginnings to compare. `\x20` in a beginning that is not its last byte does not occur. */
const BEGINNINGS: readonly (readonly Beginning[] | undefined)[] = byTrigger([
  ['eyJ', 'J'],
  ['AKIA', 'I'],
  ['ASIA', 'I'],
  ['ABIA', 'I'],
  ['AIza', 'z'],
  ['GOCSPX-', '-'],
  ['ya29.', '2'],
  ['ghp_', '_'],
  ['gho_', '_'],
  ['ghu_', '_'],
  ['ghs_', '_'],
  ['ghr_', '_'],
  ['github_pat_', '_'],
  ['xox', 'x'],
  ['xapp-', '-'],
  ['sk_live_', '_'],
  ['sk_test_', '_'],
  ['rk_live_', '_'],
  ['rk_test_', '_'],
  ['whsec_', '_'],
  ['-----BEGIN', '-'],
])

function byTrigger(beginnings: readonly (readonly [text: string, trigger: string])[]): readonly (readonly Beginning[] | undefined)[] {
  const table: Beginning[][] = []
  for (const [text, trigger] of beginnings) {
    const at = text.indexOf(trigger)
    if (at >= 0) (table[trigger.charCodeAt(0)] ??= []).push([codesOf(text), at])
  }
  return Array.from({ length: 256 }, (_, code) => table[code])
}

const SCHEMES: readonly (readonly number[])[] = [codesOf('bearer'), codesOf('basic')]
const LOWER = 0x20

/** Whether a secret may begin around this byte: a known beginning lies over it, or the name of a scheme stands in front of it. */
export function startsSecret(bytes: Uint8Array, at: number): boolean {
  const byte = bytes[at]!
  if (byte === 0x20 || byte === 0x2b || byte === 0x25) return endsScheme(bytes, at)
  const beginnings = BEGINNINGS[byte]
  if (beginnings === undefined) return false
  for (const [codes, within] of beginnings) if (isAt(bytes, at - within, codes)) return true
  return false
}

function endsScheme(bytes: Uint8Array, at: number): boolean {
  const last = bytes[at - 1]! | LOWER
  if (last !== 0x72 && last !== 0x63) return false
  return SCHEMES.some((codes) => codes.every((code, i) => (bytes[at - codes.length + i]! | LOWER) === code))
}

function isAt(bytes: Uint8Array, at: number, codes: readonly number[]): boolean {
  for (let i = 0; i < codes.length; i++) if (bytes[at + i] !== codes[i]) return false
  return true
}

/** The last two letters of the names that secrets are assigned to, as one number each: see `assigned-names.ts`. */
const ENDINGS: ReadonlySet<number> = new Set(
  ['rd', 'wd', 'se', 're', 'et', 'en', 'ey', 'ig', 'al', 'ls', 'wt', 'id', 'th', 'ss'].map(
    (two) => two.charCodeAt(0) * 256 + two.charCodeAt(1),
  ),
)

/** Whether what stands in front of a `=` can be the end of such a name. */
export function isSecretName(bytes: Uint8Array, at: number): boolean {
  return ENDINGS.has((bytes[at - 2]! | LOWER) * 256 + (bytes[at - 1]! | LOWER))
}
