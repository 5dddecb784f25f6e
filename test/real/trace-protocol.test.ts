// The trace protocol through Millrace to a real Jaeger: the commands of docs/trace-protocol-to-jaeger.md as they stand there, and all nine kinds of
// message, as Jaeger gives them back.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'

import { lacks } from './servers/cache.ts'
import { type Jaeger, startJaeger } from './servers/jaeger.ts'
import { startMillrace } from './millrace.ts'

const ROOT = join(import.meta.dirname, '../..')
const PAGE = readFileSync(join(ROOT, 'docs/trace-protocol-to-jaeger.md'), 'utf8')
const FIXTURES = join(ROOT, 'core/mplp/fixtures')
const commands = [...PAGE.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1]!)

interface JaegerSpan {
  readonly operationName: string
  readonly startTime: number
  readonly duration: number
  readonly references: readonly { readonly refType: string; readonly spanID: string }[]
  readonly spanID: string
  readonly tags: readonly { readonly key: string; readonly value: unknown }[]
  readonly logs: readonly { readonly fields: readonly { readonly key: string; readonly value: unknown }[] }[]
  readonly processID: string
}
interface JaegerTrace {
  readonly spans: readonly JaegerSpan[]
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>
}

async function tracesOf(jaeger: Jaeger, service: string, spans: number): Promise<readonly JaegerTrace[]> {
  for (let attempt = 0; ; attempt++) {
    const answer = await fetch(`${jaeger.query}/api/traces?service=${service}&lookback=custom&start=0&limit=100`)
    const { data } = (await answer.json()) as { readonly data: readonly JaegerTrace[] }
    const found = data.reduce((sum, trace) => sum + trace.spans.length, 0)
    if (found >= spans) return data
    if (attempt === 100) throw new Error(`Jaeger has ${found} spans of ${service}, not ${spans}`)
    await sleep(50)
  }
}

const tag = ({ tags }: JaegerSpan, key: string): unknown => tags.find((one) => one.key === key)?.value

t.test('the trace protocol → Millrace → Jaeger', { skip: lacks('go') }, async (t) => {
  const jaeger = await startJaeger()
  t.teardown(() => jaeger.stop())
  const yaml = readFileSync(join(ROOT, 'configs/trace-protocol.yaml'), 'utf8')
  const folder = mkdtempSync(join(tmpdir(), 'millrace-protocol-'))
  const millrace = await startMillrace(yaml, { MPLP_PORT: '0', BACKEND: jaeger.otlpHttp, STORAGE_DIRECTORY: join(folder, 'storage') })
  t.teardown(() => millrace.stop())
  const url = `http://${/receivers\.mplp \(http\) on (\S+)/.exec(millrace.output())![1]!}`

  await t.test('the page, command by command', async (t) => {
    const run = (command: string): string =>
      execFileSync('sh', ['-c', command.replaceAll('http://127.0.0.1:4320', url).replaceAll('http://127.0.0.1:16686', jaeger.query)], {
        encoding: 'utf8',
      })
    const [begin, list, middle, end, look, ...more] = commands
    t.same(more, [])
    t.match(run(begin!), /"status":"accepted"/)
    t.match(run(list!), /"operation_name":"plan_route"/)
    t.equal(run(middle!).match(/"status":"accepted"/g)?.length, 3)
    t.match(run(end!), /"status":"accepted"/)
    const [trace] = await tracesOf(jaeger, 'planner', 2)
    t.match(run(look!), /plan_route/)
    const [plan, price] = ['plan_route', 'price_legs'].map((name) => trace!.spans.find(({ operationName }) => operationName === name)!)
    t.equal(plan!.duration, 3_000_000)
    t.equal(trace!.processes[plan!.processID]?.serviceName, 'planner')
    t.match(plan!.logs, [
      {
        fields: [
          { key: 'event', value: 'leg_planned' },
          { key: 'leg', value: 1 },
        ],
      },
    ])
    t.equal(tag(plan!, 'mplp.progress'), 40)
    t.equal(tag(plan!, 'mplp.trace_id'), 'order-512')
    t.match(price!.references, [{ refType: 'CHILD_OF', spanID: plan!.spanID }])
    t.equal(tag(price!, 'error'), true)
    t.equal(tag(price!, 'otel.status_description'), 'no price for leg 2')
  })

  await t.test('both dialects', async (t) => {
    const names = ['flat-start', 'flat-update', 'flat-metrics', 'flat-anomaly', 'flat-finish', 'envelope-start', 'envelope-update', 'envelope-metrics', 'envelope-finish'] // prettier-ignore
    const body = JSON.stringify(names.map((name) => JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8')) as unknown))
    const answer = await fetch(`${url}/v1/messages`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    t.equal(answer.status, 202)
    t.same(new Set(((await answer.json()) as { readonly status: string }[]).map(({ status }) => status)), new Set(['accepted']))
    for (const [dialect, service] of Object.entries({ flat: serviceOf('flat-start'), envelope: serviceOf('envelope-start') })) {
      const [trace] = await tracesOf(jaeger, service, 1)
      const [span] = trace!.spans
      const events = span!.logs.filter(({ fields }) => fields.some(({ value }) => value !== 'mplp.replaced' && value !== undefined))
      t.ok(events.length > 0, `${dialect}: it has its events`)
      t.ok(tag(span!, 'mplp.status') !== undefined, `${dialect}: and how it ended`)
    }
  })
})

/** What the resource of a fixture's execution is called. */
function serviceOf(name: string): string {
  const message: any = JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8'))
  const { service_name, resource, resource_attributes } = message.payload?.trace_start ?? message
  return String((resource ?? resource_attributes)?.['service.name'] ?? service_name)
}
