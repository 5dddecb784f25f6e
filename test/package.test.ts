// The package as npm would publish it, in the hands of a user who has only that: the program, a plugin of his own, and its test.

import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { jsonSpan, postSpans, start } from './program.ts'

const ROOT = join(import.meta.dirname, '..')
// The user has nothing of what the test runner tells its own children; it puts NODE_OPTIONS into every one that it starts.
const { PATH, HOME } = process.env
const env = { PATH, HOME }
const AS_A_USER = ['env', '-u', 'NODE_OPTIONS'] as const
const node = [...AS_A_USER, process.execPath]
const run = async ([file, ...words]: readonly string[], cwd: string = ROOT): Promise<string> =>
  (await promisify(execFile)(file!, words, { cwd, env })).stdout
const { version, dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
}

// What `npm install millrace` makes, without a network: the tarball, and beside it what it depends on.
const project = t.testdir({ 'package.json': '{ "type": "module", "private": true }', node_modules: {} })
const installed = join(project, 'node_modules/millrace')
await run([...AS_A_USER, 'npm', 'pack', '--pack-destination', project])
await run(['tar', '-xzf', `millrace-${version}.tgz`], project)
renameSync(join(project, 'package'), installed)
// For a plugin's author, these beside them.
for (const name of [...Object.keys(dependencies), 'tap', '@types/node']) link(name)

const main = join(installed, 'dist/main.js')

function link(name: string): void {
  const at = join(project, 'node_modules', name)
  mkdirSync(dirname(at), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules', name), at)
}

function write(file: string, text: string): string {
  const path = join(project, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

const pipeline = (plugin: string, processor: string): string => `plugins: [${plugin}]
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
processors: { ${processor} }
exporters: { debug: { verbosity: detailed } }
service: { pipelines: { traces: { receivers: [otlp], processors: [${processor.split(':')[0]}], exporters: [debug] } } }
`

t.test('it holds the program, its types and its configurations, and nothing of the tests', async (t) => {
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1))
  const top = new Set(files.map((file) => file.split('/')[0]))
  t.same(
    [...top].toSorted((a, b) => (a! < b! ? -1 : 1)),
    ['LICENSE', 'README.md', 'configs', 'dist', 'package.json', 'proto'],
  )
  t.same(files.filter((file) => /\.test\.|fixtures|\.map$|(?<!\.d)\.ts$/.test(file)).sort(), [])
  t.same(
    files.filter((file) => file.endsWith('.js') && !files.includes(file.replace(/\.js$/, '.d.ts'))),
    [],
    'every module has its types',
  )
  const published = readdirSync(join(ROOT, 'configs')).filter((name) => name !== 'plugin.yaml')
  t.same(files.filter((file) => file.startsWith('configs')).sort(), published.map((name) => `configs/${name}`).sort())
})

t.test('the program tells its version and validates', async (t) => {
  t.equal(await run([...node, main, '--version']), `millrace ${version}\n`)
  const stdout = await run([...node, main, 'validate', '--config', join(installed, 'configs/forward.yaml')])
  t.match(stdout, /forward\.yaml: valid\n +traces +otlp → attributes → batch → otlp_http\n/)
})

t.test('the quickstart shows a trace', async (t) => {
  const { child, says, url, ended } = start(t, ['quickstart'], { node, main, env: { ...env, OTLP_HTTP_PORT: '0', OTLP_GRPC_PORT: '0' } })
  await says(/Ctrl-C ends it/)
  t.equal(await postSpans(url('receivers.otlp'), [jsonSpan('GET /orders')]), 200)
  await says(/^└─ GET \/orders/m)
  child.kill('SIGTERM')
  t.equal(await ended, 0)
})

t.test('a plugin in JavaScript changes spans', async (t) => {
  write(
    'shout.js',
    `import { eachSpan } from 'millrace'
export default eachSpan({
  type: 'shout', stability: 'beta', schema: { type: 'object', properties: {} },
  each(span) { span.name = span.name.toUpperCase() },
})
`,
  )
  const config = write('shout.yaml', pipeline('./shout.js', 'shout: {}'))
  const { says, url } = start(t, ['run', '--config', config], { node, main, env })
  await says(/^ready in/m)
  t.equal(await postSpans(url('receivers.otlp'), [jsonSpan('quiet')]), 200)
  await says(/^└─ QUIET/m)
})

t.test('a plugin in TypeScript is checked against the published types, built, tested, installed by name and run', async (t) => {
  cpSync(join(ROOT, 'examples/region'), join(project, 'region'), { recursive: true })
  write('region/types.ts', `export * from 'millrace/testing'\nexport { default } from './region.ts'\n`)
  const compile = async (files: readonly string[], skipLibCheck: boolean): Promise<void> => {
    const compilerOptions = {
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable'],
      module: 'nodenext',
      types: ['node'],
      strict: true,
      rewriteRelativeImportExtensions: true,
      skipLibCheck,
      outDir: '../node_modules/millrace-processor-region',
    }
    write('region/tsconfig.json', JSON.stringify({ compilerOptions, files }))
    await run([...node, join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'region'], project)
  }
  await compile(['types.ts'], false)
  // Not so strictly, because of the types of tap.
  await compile(['region.ts', 'region.test.ts'], true)
  const home = 'node_modules/millrace-processor-region'
  const manifest = readFileSync(join(ROOT, 'examples/region/package.json'), 'utf8').replace('./region.ts', './region.js')
  write(`${home}/package.json`, manifest)

  const stdout = await run([...node, `${home}/region.test.js`], project)
  t.match(stdout, /^ok \d+ - stamps the region and leaves out probes/m)
  t.notMatch(stdout, /^\s*not ok/m)

  const config = write('region.yaml', pipeline('millrace-processor-region', 'acme_region: { region: eu-west-1 }'))
  const { says, url } = start(t, ['run', '--config', config], { node, main, env })
  await says(/^ready in/m)
  t.equal(await postSpans(url('receivers.otlp'), [jsonSpan('GET /orders')]), 200)
  await says(/cloud\.region: "eu-west-1"/)
})

t.test(
  'a program reports its executions through millrace/client, whose types need nothing of Node, and which loads nothing but itself',
  async (t) => {
    write(
      'report/report.ts',
      `import { type ClientOptions, createClient, extract } from 'millrace/client'
const options: ClientOptions = { url: process.argv[2]!, service: 'planner' }
declare const process: { readonly argv: readonly string[] }
const client = createClient(options)
const plan = client.start('plan', { parent: extract(new Headers({ traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' })) })
plan.complete({ result: { ok: true } })
await client.close()
console.log(JSON.stringify(client.counts))
`,
    )
    const compilerOptions = {
      target: 'es2024',
      lib: ['es2024', 'dom'],
      module: 'nodenext',
      types: [],
      strict: true,
      rewriteRelativeImportExtensions: true,
    }
    write('report/tsconfig.json', JSON.stringify({ compilerOptions, files: ['report.ts'] }))
    await run([...node, join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'report'], project)
    const config = write(
      'report.yaml',
      `receivers: { mplp: { endpoint: "127.0.0.1:0", websocket: { endpoint: "127.0.0.1:0" }, grpc: { endpoint: "127.0.0.1:0" } } }
exporters: { debug: { verbosity: detailed } }
service: { pipelines: { traces: { receivers: [mplp], exporters: [debug] } } }
`,
    )
    const { says, address } = start(t, ['run', '--config', config], { node, main, env })
    await says(/^ready in/m)
    for (const [protocol, scheme] of [
      ['http', 'http'],
      ['websocket', 'ws'],
    ] as const) {
      const stdout = await run([...node, 'report/report.js', `${scheme}://${address('receivers.mplp', protocol)}`], project)
      t.same(JSON.parse(stdout), { made: 2, accepted: 2, rejected: 0, dropped: 0, pending: 0 }, protocol)
    }
    await says(/plan {2}planner/)
    t.same(importsFrom(join(installed, 'dist/client/index.js')), ['node:http2'], 'and that one module only for gRPC')
  },
)

/** What a module and those that it loads import from elsewhere. */
function importsFrom(file: string, seen: Set<string> = new Set()): readonly string[] {
  if (seen.has(file)) return []
  seen.add(file)
  const found = [...readFileSync(file, 'utf8').matchAll(/(?:\bfrom |\bimport\()'([^']+)'/g)].map((match) => match[1]!)
  return found.flatMap((name) => (name.startsWith('.') ? importsFrom(join(dirname(file), name), seen) : [name]))
}
