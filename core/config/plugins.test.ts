import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { PermanentError } from '../index.ts'
import { factories } from './fixtures/factories.ts'
import { around, faultsIn } from './fixtures/loading.ts'
import { loadSources } from './load.ts'
import { admits } from './version-range.ts'

/** A file of this folder, so that `./fixtures/…` are paths beside it. */
const FILE = join(import.meta.dirname, 'a.yaml')
const plugin = (name: string): string => `./fixtures/plugins/${name}.ts`

async function faultsOf(plugins: readonly string[], lines: string = '', file: string = FILE): Promise<readonly string[]> {
  const faults = await faultsIn([{ file, text: around(`plugins: ${JSON.stringify(plugins)}\n${lines}`) }])
  return faults.map((fault) => fault.replace(`${file}:`, ''))
}

t.test('a plugin adds its factories, and its millrace is this one', async (t) => {
  const text = around(`plugins: ["${plugin('region')}"]\nprocessors:\n  acme_region: { region: a }`)
    .replace('debug:', 'acmeout:')
    .replace('exporters: [debug]', 'processors: [acme_region], exporters: [acme_out]')
  const { config } = await loadSources([{ file: FILE, text }], factories, {})
  const region = config.processors.get('acme_region')!
  t.same(region.config, { region: 'a' })
  t.same([...config.exporters.keys()], ['acmeout'])
  const create = async (): Promise<unknown> => region.factory.create({}, undefined as never, undefined as never)
  await t.rejects(create(), PermanentError, 'the error class is the same, so core knows what it means')
})

t.test("a plugin's settings are checked like others", async (t) => {
  t.same(await faultsOf([plugin('region')], 'processors:\n  acme_region: { regoin: a }\n  acme_regoin:'), [
    '7:3: processors.acme_region: missing key "region"; accepted: text',
    '7:18: processors.acme_region: unknown key "regoin"; accepted here: region; did you mean "region"?',
    '8:3: processors.acme_regoin: unknown type "acme_regoin"; accepted here: batch, attributes, acme_region; did you mean "acme_region"?',
  ])
})

t.test('a plugin that does not load is a fault at its entry, and its types are not faults too', async (t) => {
  t.same(await faultsOf([plugin('throws'), plugin('nothing'), plugin('missing')], 'processors:\n  perhaps_from_there:'), [
    '5:11: plugins[0]: plugin "./fixtures/plugins/throws.ts" failed to load: Error: no licence\\nfound',
    '5:42: plugins[1]: plugin "./fixtures/plugins/nothing.ts": found nothing as its default export; accepted: a default export that is a factory, or a list of them, made by eachSpan, defineProcessor, defineExporter or another define function',
    `5:74: plugins[2]: plugin "./fixtures/plugins/missing.ts": there is no file "${join(import.meta.dirname, 'fixtures/plugins/missing.ts')}"`,
  ])
})

t.test('what is no factory', async (t) => {
  const faults = await faultsOf([plugin('wrong')])
  t.same(
    faults.map((fault) => fault.replace(/^.*wrong\.ts": /, '').replace(/, made by.*/, '')),
    [
      'found a function as its default export; accepted: a default export that is a factory, or a list of them',
      'found null as its default export; accepted: a default export that is a factory, or a list of them',
      'its factory\'s "type" is "Not-Snake"; accepted: lower_snake_case',
      'the "kind" of factory "fine" is missing; accepted: receiver, processor, exporter, connector, extension, which defineProcessor and its like fill in',
      'the "kind" of factory "fine" is "sink"; accepted: receiver, processor, exporter, connector, extension, which defineProcessor and its like fill in',
      'the "signals" of factory "fine" is "traces"; accepted: a list of traces, metrics, logs',
      'the "aliases" of factory "fine" is a list; accepted: a list of other spellings, as text',
      'the "schema" of factory "fine" is missing; accepted: a JSON Schema',
      'the "create" of factory "fine" is missing; accepted: a function',
      'the "routes" of factory "fine" is missing; accepted: the signals that go out, by signal that comes in',
    ],
  )
})

t.test('a type that is taken, and a schema that is none', async (t) => {
  t.same(await faultsOf([plugin('region'), plugin('twice')]), [
    '5:42: plugins[1]: plugin "./fixtures/plugins/twice.ts": there are two processors of type "batch": this one and one that is built in; accepted: one of a type',
    '5:42: plugins[1]: plugin "./fixtures/plugins/twice.ts": there are two exporters of type "acmeout": this one and one that is in plugin "./fixtures/plugins/region.ts"; accepted: one of a type',
  ])
  t.match(await faultsOf([plugin('bad-schema')], 'processors:\n  bad_schema:'), [
    /^7:3: processors\.bad_schema: the settings of type "bad_schema" cannot be checked: Error: schema is invalid/,
  ])
})

t.test('packages are found from the folder of the file, and made for a version', async (t) => {
  const folder = t.testdir()
  const install = (name: string, range: string): void => {
    const at = join(folder, 'node_modules', name)
    mkdirSync(at, { recursive: true })
    const peerDependencies = { millrace: range }
    writeFileSync(join(at, 'package.json'), JSON.stringify({ name, type: 'module', exports: './index.js', peerDependencies }))
    writeFileSync(
      join(at, 'index.js'),
      `import { defineProcessor } from 'millrace'
      export default defineProcessor({ type: 'far', signals: ['traces'], stability: 'beta', schema: { type: 'object', properties: {} }, create() {} })`,
    )
  }
  install('millrace-processor-far', '*')
  install('millrace-processor-future', '^99.0.0')
  const file = join(folder, 'a b.yaml')
  t.same(await faultsOf(['millrace-processor-far'], 'processors:\n  far:', file), [])
  t.match(await faultsOf(['millrace-processor-future', 'millrace-processor-none'], '', file), [
    /plugins\[0\]: plugin "millrace-processor-future" was made for millrace \^99\.0\.0; this is \d.*\. Install a version of it/,
    /plugins\[1\]: plugin "millrace-processor-none" is not installed: no such package can be found from ".*"; accepted: the name of an installed/,
  ])
})

t.test('ranges of versions', async (t) => {
  const cases: readonly (readonly [range: string, version: string, admitted: boolean | undefined])[] = [
    ['^1', '1.9.3', true],
    ['^1.2.3', '1.2.2', false],
    ['^1.2.3', '2.0.0', false],
    ['^0.1', '0.1.7', true],
    ['^0.1', '0.2.0', false],
    ['^0.0.3', '0.0.4', false],
    ['~1.2', '1.3.0', false],
    ['1.x', '1.5.0', true],
    ['1', '2.0.0', false],
    ['*', '0.1.0', true],
    ['', '0.1.0', true],
    ['>=1 <3', '2.9.9', true],
    ['>= 1 < 3', '3.0.0', false],
    ['>1.2', '1.2.9', false],
    ['<=1.2', '1.2.9', true],
    ['^1 || ^2', '2.1.0', true],
    ['1.2.3', '1.2.3-beta.1', true],
    ['latest', '1.0.0', undefined],
    ['file:../x', '1.0.0', undefined],
  ]
  for (const [range, version, admitted] of cases) t.equal(admits(range, version), admitted, `${version} in ${range}`)
})
