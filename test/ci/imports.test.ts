// Who may import whom, as .oxlintrc.json says it: each rule is seen to refuse what it is there for, and nothing else.

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'

const ROOT = join(import.meta.dirname, '../..')
const OXLINT = join(ROOT, 'node_modules/oxlint/bin/oxlint')

/** What the linter refuses of these imports in a file of this name, in their order. */
function refused(t: Test, file: string, imports: readonly string[]): readonly string[] {
  const lines = imports.map((from) => (from.startsWith('await ') ? `await import('${from.slice(6)}')` : `import '${from}'`))
  // Outside the clone: the linter keeps away from what git ignores, as it does the folders of tests.
  const folder = mkdtempSync(join(tmpdir(), 'imports-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, dirname(file)), { recursive: true })
  writeFileSync(join(folder, file), `${lines.join('\n')}\n`)
  cpSync(join(ROOT, '.oxlintrc.json'), join(folder, '.oxlintrc.json'))
  // Not with what tap wants loaded into every process of Node: it cannot load a program in ESM without an extension.
  const command = ['-u', 'NODE_OPTIONS', process.execPath, OXLINT, '--format=json', '.']
  const { stdout, stderr } = spawnSync('env', command, { cwd: folder })
  const found = JSON.parse(stdout.toString() || '{}') as { diagnostics?: { code: string; labels: { span: { line: number } }[] }[] }
  if (found.diagnostics === undefined) throw new Error(stderr.toString() + stdout.toString())
  const ours = found.diagnostics.filter(({ code }) => code === 'eslint(no-restricted-imports)')
  return ours.map(({ labels }) => imports[labels[0]!.span.line - 1]!).toSorted((a, b) => imports.indexOf(a) - imports.indexOf(b))
}

t.test('a component imports doors of core, and no sibling', async (t) => {
  const good = ['./x.ts', 'undici', 'node:fs', '../../core/index.ts', '../../core/factory.ts', '../../core/archive/index.ts']
  const wrong = [
    '../../core/archive/archiver.ts',
    '../../core/batch.ts',
    '../../core/testing/index.ts',
    '../nop/factory.ts',
    '../../exporters/nop/factory.ts',
    '../../main.ts',
  ]
  for (const kind of ['receivers', 'processors', 'exporters', 'connectors', 'extensions'])
    t.same(refused(t, `${kind}/mine/a.ts`, [...good, ...wrong]), wrong, kind)
})

t.test('its tests may also import what is there for tests', async (t) => {
  const good = ['../../core/index.ts', '../../core/testing/index.ts', '../../core/mplp/fixtures/shown.ts', './fixtures/a.ts']
  const wrong = ['../../core/archive/archiver.ts', '../nop/factory.ts', '../../exporters/nop/factory.ts']
  t.same(refused(t, 'exporters/mine/a.test.ts', [...good, ...wrong]), wrong)
  const deeper = (path: string): string => (path.startsWith('../..') ? `../${path}` : path)
  t.same(
    refused(t, 'exporters/mine/fixtures/a.ts', [...good, '../b.ts', ...wrong.filter((path) => path.startsWith('../..'))].map(deeper)),
    ['../../../core/archive/archiver.ts', '../../../exporters/nop/factory.ts'],
  )
})

t.test('a factory imports the light door alone', async (t) => {
  const wrong = ['../../core/index.ts', '../../core/client/index.ts', '../nop/factory.ts']
  t.same(refused(t, 'exporters/mine/factory.ts', ['../../core/factory.ts', './schema.ts', 'await ./mine.ts', ...wrong]), wrong)
})

t.test('core imports no component', async (t) => {
  const wrong = ['../../exporters/nop/factory.ts', '../../bench/start-up.ts']
  t.same(refused(t, 'core/mine/a.ts', ['../index.ts', './b.ts', 'undici', ...wrong]), wrong)
})

t.test('the client imports itself, and one file that needs no Node', async (t) => {
  const wrong = ['../core/index.ts', 'node:fs', 'undici']
  t.same(refused(t, 'client/a.ts', ['./b.ts', '../core/trust/sign-message-web.ts', ...wrong]), wrong)
})
