// docs/client.md: its programs run as they stand, and its table has every option there is.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { httpBackend } from './backend.ts'
import { running } from './program.ts'

const ROOT = join(import.meta.dirname, '..')
const PAGE = readFileSync(join(ROOT, 'docs/client.md'), 'utf8')
const HOOK = join(import.meta.dirname, 'resolve-millrace.ts')

t.test('its programs run', async (t) => {
  const backend = await httpBackend(t)
  const program = await running(
    t,
    `receivers: { mplp: { endpoint: "127.0.0.1:0", websocket: { endpoint: "127.0.0.1:0" }, grpc: { endpoint: "127.0.0.1:0" } } }
exporters: { otlp_http: { endpoint: "http://${backend.address}" } }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [mplp], exporters: [otlp_http] }
    metrics: { receivers: [mplp], exporters: [otlp_http] }
    logs: { receivers: [mplp], exporters: [otlp_http] }
`,
  )
  const programs = [...PAGE.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]!)
  const at = (protocol: string): string => program.address('receivers.mplp', protocol)
  const places = { '127.0.0.1:4320': at('http'), '127.0.0.1:4321': at('websocket'), '127.0.0.1:4322': at('grpc') }
  const said: string[] = []
  for (const [i, text] of programs.entries()) {
    const file = join(
      t.testdir({ 'program.ts': Object.entries(places).reduce((all, [from, to]) => all.replaceAll(from, to), text) }),
      'program.ts',
    )
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', HOOK, file])
    t.equal(stderr, '', `program ${i + 1} has nothing to complain of`)
    said.push(stdout)
  }
  t.match(said, [/made: 7,\s+accepted: 7/, '', ''])
  // oxlint-disable-next-line typescript/no-explicit-any -- spans in the plain form of the tests
  const spans: readonly any[] = backend.taken.items('traces')
  t.same(spans.map(({ name }) => name as string).sort(), ['plan', 'plan', 'plan_route', 'price', 'price_legs'])
  const [plan, price] = ['plan', 'price'].map((name) => spans.find((span) => span.name === name))
  t.match(price, { traceId: plan.traceId, parentSpanId: plan.spanId, attributes: { 'baggage.voyage': 'lisbon' } })
  t.equal(backend.taken.count('metrics'), 2)
  t.equal(backend.taken.count('logs'), 1)
})

t.test('its table has every option', (t) => {
  const [, body] = /export interface ClientOptions \{(.*?)^\}/ms.exec(readFileSync(join(ROOT, 'client/options.ts'), 'utf8'))!
  const options = [...body!.matchAll(/^ {2}readonly (\w+)\??:/gm)].map((match) => match[1]!)
  const table = PAGE.slice(PAGE.indexOf('## Options'), PAGE.indexOf('## In a browser'))
  const named = [...table.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell]) => [...cell!.matchAll(/`(\w+)`/g)].map((match) => match[1]!))
  t.ok(options.length > 10)
  t.same(named.sort(), options.sort())
  t.end()
})
