// The points that are kept, by the name under which they are shown: a name has one type, one description and one unit. The page asks for them
// once a scrape.

import type { FamilyType, Point } from '../../core/prometheus/index.ts'

export interface ShownFamily {
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  readonly unit: string
  readonly points: readonly Point[]
}

/** Sorted by name, as `shown` has it for this reader. Of two types of one name the first to come is shown, and `conflict` hears of the other. */
export function familiesOf(
  points: Iterable<Point>,
  shown: (name: string) => string,
  conflict: (name: string, kept: FamilyType, dropped: FamilyType) => void,
): ShownFamily[] {
  const families = new Map<string, { name: string; type: FamilyType; help: string; unit: string; points: Point[] }>()
  for (const point of points) {
    const { name: own, type, help, unit } = point.stream.family
    const name = shown(own.text)
    const known = families.get(name)
    if (known === undefined) families.set(name, { name, type, help: help.text, unit: unit.text, points: [point] })
    else if (known.type !== type) conflict(own.text, known.type, type)
    else known.points.push(point)
  }
  return [...families.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}
