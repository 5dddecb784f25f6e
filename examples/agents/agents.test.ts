import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { createClient } from 'millrace/client'
import { httpBackend, type Backend } from '../../test/backend.ts'
import { running } from '../../test/program.ts'
import { type Model, runAgent } from './agent-loop.ts'
import { runPlan } from './plan.ts'

/** In a clone `millrace/client` is the sources. */
const HOOK = join(import.meta.dirname, '../../test/resolve-millrace.ts')

interface Place {
  readonly url: string
  readonly backend: Backend
}

async function millrace(t: Test): Promise<Place> {
  const backend = await httpBackend(t)
  const program = await running(
    t,
    `receivers: { mplp: { endpoint: "127.0.0.1:0" } }
exporters: { otlp_http: { endpoint: "http://${backend.address}" } }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [mplp], exporters: [otlp_http] }
    metrics: { receivers: [mplp], exporters: [otlp_http] }
    logs: { receivers: [mplp], exporters: [otlp_http] }
`,
  )
  return { url: program.url('receivers.mplp'), backend }
}

// oxlint-disable-next-line typescript/no-explicit-any -- spans in the plain form of the tests
const spansOf = ({ taken }: Backend): readonly any[] => taken.items('traces')

t.test('a plan is a trace with a span for each task', async (t) => {
  const { url, backend } = await millrace(t)
  const client = createClient({ url, service: 'planner' })
  const failing = runPlan(client, 'plan', [
    { name: 'a', work: async () => ({ legs: 2 }) },
    { name: 'b', after: ['a'], work: () => Promise.reject(new Error('no price')) },
    { name: 'c', after: ['a'], work: async () => 1 },
  ])
  await t.rejects(failing, { message: 'no price' })
  await client.close()
  t.equal(client.counts.accepted, client.counts.made)
  const spans = spansOf(backend)
  const plan = spans.find(({ name }) => name === 'plan')
  t.same(spans.map(({ name }) => name as string).sort(), ['a', 'b', 'c', 'plan'])
  t.match(plan, { statusCode: 2, attributes: { 'mplp.status': 'failed', 'mplp.result.done': 2n } })
  for (const span of spans.filter(({ name }) => name !== 'plan')) t.match(span, { traceId: plan.traceId, parentSpanId: plan.spanId })
})

t.test('an agent is a trace with a span for each thought and each tool', async (t) => {
  const { url, backend } = await millrace(t)
  const client = createClient({ url, service: 'navigator' })
  const model: Model = async (history) =>
    history.length < 3 ? { tokens: 7, tool: history.length === 1 ? 'none' : 'tide' } : { tokens: 7, answer: String(history[2]) }
  let headers: Record<string, string> = {}
  const answer = await runAgent(client, 'when', model, { tide: async (_, given) => ((headers = given), '06:12') })
  await client.close()
  t.equal(answer, '06:12')
  const spans = spansOf(backend)
  t.same(spans.map(({ name }) => name as string).sort(), ['agent', 'think', 'think', 'think', 'tool none', 'tool tide'])
  const tide = spans.find(({ name }) => name === 'tool tide')
  t.match(headers['traceparent'], tide.spanId)
  t.ok(backend.taken.count('metrics') > 0)
})

for (const file of ['plan.ts', 'agent-loop.ts']) {
  t.test(`${file} runs as it stands`, async (t) => {
    const { url, backend } = await millrace(t)
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', HOOK, join(import.meta.dirname, file)], {
      env: { ...process.env, MILLRACE_URL: url },
    })
    t.match(stdout, /dropped: 0, pending: 0/)
    t.equal(/made: (\d+)/.exec(stdout)![1], /accepted: (\d+)/.exec(stdout)![1])
    t.ok(spansOf(backend).length >= 5)
  })
}
