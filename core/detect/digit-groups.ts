// Digits in a string, in the groups in which people write them. The detectors of numbers read these.

/** `separator` is what stands between this group and the one before it, '' for the first of its run. */
export interface Group {
  readonly start: number
  readonly end: number
  readonly separator: string
}

/** The spaces and dashes that stand between groups. */
const SEPARATOR = /[ \u00a0\u2007\u2009\u202f\u2010-\u2015-]/

/** Runs of groups with one separator between each two. A digit is in one group, and every group is as long as it can be. */
export function* groupsIn(text: string): Iterable<readonly Group[]> {
  const digits = /\d+/g
  let run: Group[] = []
  for (let match = digits.exec(text); match !== null; match = digits.exec(text)) {
    const [start, end] = [match.index, digits.lastIndex]
    const goesOn = run.length > 0 && run.at(-1)!.end === start - 1 && SEPARATOR.test(text[start - 1]!)
    if (!goesOn) {
      if (run.length > 0) yield run
      run = []
    }
    run.push({ start, end, separator: goesOn ? text[start - 1]! : '' })
  }
  if (run.length > 0) yield run
}
