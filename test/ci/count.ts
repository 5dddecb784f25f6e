// The last line of `.ci/run`: adds up what tap really ran, from its raw reports. `node test/ci/count.ts unit.tap real.tap`

import { existsSync, readFileSync } from 'node:fs'

interface Counts {
  passed: number
  failed: number
  skipped: number
}

const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
const faults: string[] = []
for (const file of process.argv.slice(2)) {
  const before = counts.passed + counts.failed
  if (existsSync(file)) countInto(counts, readFileSync(file, 'utf8'))
  if (counts.passed + counts.failed === before) faults.push(`${file}: no test was run`)
}
for (const fault of faults) console.log(fault)
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
console.log(`${counts.passed} passed, ${counts.failed + faults.length} failed${skipped}`)
process.exitCode = counts.failed + faults.length > 0 ? 1 : 0

/**
 * Counts the innermost test points, as tap's own summary does: a point that closes a subtest follows points with deeper indentation.
 * A subtest that failed for a reason of its own (a timeout, a missing plan) while all its points passed is a failure of its own.
 * Failures are printed with what tap says of them, skipped tests with their reason.
 */
function countInto(counts: Counts, report: string): void {
  const lines = report.split('\n')
  /** By depth: the subtest's name, and whether one of the points in it has failed; there is none before its first point. */
  const names: string[] = []
  const open: { failed: boolean }[] = []
  for (const [number, line] of lines.entries()) {
    const [, indent = '', negation, rest = ''] = /^( *)(not )?ok\b(.*)$/.exec(line) ?? []
    const depth = indent.length / 4
    const subtest = /^( *)# Subtest: (.*)$/.exec(line)
    if (subtest) names[(subtest[1] ?? '').length / 4] = subtest[2] ?? ''
    if (!/^ *(not )?ok\b/.test(line)) continue
    const where = names.slice(0, depth).join(' > ')
    const inner = open[depth + 1]
    const level = (open[depth] ??= { failed: false })
    open.length = depth + 1
    if (/\s#\s*(skip|todo)\b/i.test(rest)) {
      counts.skipped++
      console.log(`skipped: ${where} > ${line.trim()}`)
    } else if (negation !== undefined) {
      level.failed = true
      if (inner?.failed) continue
      counts.failed++
      console.log([`FAILED: ${where} > ${line.trim()}`, ...diagnosis(lines, number)].join('\n'))
    } else if (!inner) counts.passed++
  }
}

/** The YAML block after a test point. */
function diagnosis(lines: readonly string[], point: number): readonly string[] {
  if (lines[point + 1]?.trim() !== '---') return []
  const end = lines.findIndex((line, number) => number > point && line.trim() === '...')
  return lines.slice(point + 1, end + 1)
}
