// Whether a version lies in a range of npm's: for the `peerDependencies` of plugins. Knows the forms that people write there.

type Version = readonly [major: number, minor: number, patch: number]
type Bounds = readonly [from: Version, below: Version]

const PART = /^(\^|~|>=|>|<=|<|=)?\s*v?(\d+|[x*])(?:\.(\d+|[x*]))?(?:\.(\d+|[x*]))?(?:[-+].*)?$/i
const TOP: Version = [Infinity, 0, 0]

/** Undefined for a range of another form (a URL, a tag): nobody can tell then. */
export function admits(range: string, version: string): boolean | undefined {
  const own = version.split(/[-+]/, 1)[0]!.split('.').map(Number) as unknown as Version
  const choices = range.split('||').map((choice) => boundsOf(choice.trim()))
  if (choices.some((bounds) => bounds === undefined)) return undefined
  return choices.some((all) => all!.every(([from, below]) => compare(own, from) >= 0 && compare(own, below) < 0))
}

function boundsOf(choice: string): readonly Bounds[] | undefined {
  if (choice === '') return [[[0, 0, 0], TOP]]
  const parts = choice.replaceAll(/([<>=~^])\s+/g, '$1').split(/\s+/)
  const all = parts.map(partBounds)
  return all.some((bounds) => bounds === undefined) ? undefined : (all as readonly Bounds[])
}

function partBounds(part: string): Bounds | undefined {
  const match = PART.exec(part)
  if (match === null) return undefined
  const given = match
    .slice(2, 5)
    .filter((digits) => digits !== undefined && /^\d/.test(digits))
    .map(Number)
  const [major, minor, patch] = [given[0] ?? 0, given[1] ?? 0, given[2] ?? 0]
  const from: Version = [major, minor, patch]
  const after = next(from, given.length)
  switch (match[1]) {
    case '^': {
      const first = given.findIndex((digits) => digits > 0)
      return [from, next(from, first === -1 ? given.length : first + 1)]
    }
    case '~':
      return [from, next(from, Math.min(given.length, 2))]
    case '>=':
      return [from, TOP]
    case '>':
      return [after, TOP]
    case '<':
      return [[0, 0, 0], from]
    case '<=':
      return [[0, 0, 0], after]
    default:
      return [from, after]
  }
}

/** The first version after all that share the first `digits` numbers with `version`. */
function next([major, minor, patch]: Version, digits: number): Version {
  if (digits === 0) return TOP
  if (digits === 1) return [major + 1, 0, 0]
  return digits === 2 ? [major, minor + 1, 0] : [major, minor, patch + 1]
}

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}
