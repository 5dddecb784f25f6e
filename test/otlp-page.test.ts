// docs/otlp.md says which test shows each line of OTLP: every test that it names exists.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')
const rows = readFileSync(join(ROOT, 'docs/otlp.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && line !== '| what | test |')

t.test('every test that it names exists', async (t) => {
  t.ok(rows.length > 40, 'there are rows')
  for (const row of rows) {
    const [, what, cell] = /^\| (.*?) \| (.*) \|$/.exec(row)!
    const named = [...cell!.matchAll(/`([^`]+\.test\.ts)`: ((?:“[^”]+”(?:, )?)+)/g)]
    t.equal(named.map(([text]) => text).join('<br>'), cell, `${what}: the cell holds files and tests, nothing else`)
    for (const [, file, names] of named) {
      const path = join(ROOT, file!)
      // Test names begin a call, or stand in a table of such; those of several signals have a signal before them.
      const source = existsSync(path) ? readFileSync(path, 'utf8') : ''
      for (const [, name] of names!.matchAll(/“([^”]+)”/g)) t.ok(isNamed(source, name!), `${file}: ${name}`)
    }
  }
})

/** In quotes of any kind, perhaps behind `${…}`. */
function isNamed(source: string, name: string): boolean {
  const text = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`\\bt\\.test\\(\\s*["'\`](\\$\\{\\w+\\}:? )?${text}`).test(source)
}
