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
 */
function countInto(counts: Counts, report: string): void {
  /** By indentation: whether points have been seen since the last point further out, and whether one of them failed. */
  const open: { failed: boolean }[] = []
  for (const line of report.split('\n')) {
    const point = /^( *)(not )?ok\b(.*)$/.exec(line)
    if (!point) continue
    const depth = (point[1] ?? '').length / 4
    const inner = open[depth + 1]
    const failed = point[2] !== undefined
    const directive = /\s#\s*(skip|todo)\b/i.test(point[3] ?? '')
    const level = (open[depth] ??= { failed: false })
    open.length = depth + 1
    if (directive) counts.skipped++
    else if (failed && !inner?.failed) counts.failed++
    else if (!failed && !inner) counts.passed++
    if (failed && !directive) level.failed = true
  }
}
