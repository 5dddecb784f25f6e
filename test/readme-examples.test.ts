// Every YAML example on a page is one that the program takes: whole files, and parts of files beside whatever they leave out.

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Factories } from '../core/component.ts'
import { ConfigError, renderFault } from '../core/config/fault.ts'
import { loadSources } from '../core/config/load.ts'
import { SECTIONS } from '../core/config/registry.ts'

const ROOT = join(import.meta.dirname, '..')

/** What a part of a file may leave out: the service, and what its pipelines refer to. */
const LEFT_OUT =
  /^[^ ]+ (?:processors\.script\.file: there is no file|missing key "service"|service: missing key "pipelines"|service\.pipelines\S*: (?:no \w+ "\S+" is defined|missing key))/

async function factories(): Promise<Factories> {
  const all = await Promise.all(
    SECTIONS.map(async (section) => {
      const modules = globSync(`${section}/*/factory.ts`, { cwd: ROOT })
      return [section, await Promise.all(modules.map(async (file) => (await import(join(ROOT, file))).factory))] as const
    }),
  )
  return Object.fromEntries(all) as unknown as Factories
}

t.test('examples on pages are valid', async (t) => {
  const builtIn = await factories()
  let count = 0
  for (const page of globSync(['*.md', 'docs/**/*.md', ...SECTIONS.map((section) => `${section}/*/README.md`)], { cwd: ROOT })) {
    const text = readFileSync(join(ROOT, page), 'utf8')
    for (const match of text.matchAll(/^```yaml\n(.*?)^```$/gms)) {
      const line = text.slice(0, match.index).split('\n').length
      // Plugins are not here to be loaded; examples/ has one that is.
      if (/^plugins:/m.test(match[1]!)) continue
      count++
      t.same(await faultsIn(match[1]!, builtIn), [], `${page}:${line}`)
    }
  }
  t.ok(count > 5, 'there are examples')
})

async function faultsIn(text: string, builtIn: Factories): Promise<readonly string[]> {
  try {
    await loadSources([{ file: 'example', text }], builtIn, {})
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const isWhole = ['receivers', 'exporters', 'service'].every((key) => new RegExp(`^${key}:`, 'm').test(text))
    return error.faults.map(renderFault).filter((fault) => isWhole || !LEFT_OUT.test(fault))
  }
}
