// The counting of `.ci/run`: what it adds up is what tap reports, and nothing that failed can hide.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

import t, { type Test } from 'tap'

function count(t: Test, ...reports: string[]): { readonly line: string | undefined; readonly status: number | null } {
  const folder = t.testdir(Object.fromEntries(reports.map((text, index) => [`${index}.tap`, text])))
  const files = reports.map((_, index) => join(folder, `${index}.tap`))
  const { stdout, status } = spawnSync(process.execPath, [COUNT, ...files], { encoding: 'utf8' })
  return { line: stdout.trim().split('\n').at(-1), status }
}

const COUNT = join(import.meta.dirname, 'count.ts')
const PASSING =
  '# Subtest: a.test.ts\n    # Subtest: one\n        ok 1 - x\n        ok 2 - y\n        1..2\n    ok 1 - one # time=3ms\n    \n    1..1\nok 1 - a.test.ts\n1..1\n'

t.test('reports are added up, innermost points alone', async (t) => {
  t.same(count(t, PASSING, PASSING), { line: '4 passed, 0 failed', status: 0 })
})

t.test('a failed point is one failure, however many subtests it is in', async (t) => {
  const failing = PASSING.replace('ok 2 - y', 'not ok 2 - y').replace('ok 1 - one', 'not ok 1 - one').replace('ok 1 - a', 'not ok 1 - a')
  t.same(count(t, failing), { line: '1 passed, 1 failed', status: 1 })
  const { stdout } = spawnSync(process.execPath, [COUNT, join(t.testdirName, '0.tap')], { encoding: 'utf8' })
  t.match(stdout, 'FAILED: a.test.ts > one > not ok 2 - y\n')
})

t.test('a file that fails though all its points passed, as by a timeout, is a failure', async (t) => {
  t.same(count(t, PASSING.replace('ok 1 - a', 'not ok 1 - a')), { line: '2 passed, 1 failed', status: 1 })
})

t.test('skipped tests are counted apart', async (t) => {
  t.same(count(t, PASSING.replace('ok 2 - y', 'ok 2 - y # SKIP go not found')), { line: '1 passed, 0 failed, 1 skipped', status: 0 })
})

t.test('a report without tests, or none at all, is a failure', async (t) => {
  t.same(count(t, PASSING, '1..0\n'), { line: '2 passed, 1 failed', status: 1 })
  const { stdout } = spawnSync(process.execPath, [COUNT, 'missing.tap'], { encoding: 'utf8' })
  t.match(stdout, /missing\.tap: no test was run\n0 passed, 1 failed\n$/)
})
