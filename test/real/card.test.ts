// configs/card.yaml as it stands, between real clients and real servers: each of them gives back what it should, and personal data is in none.

import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import t from 'tap'

import { createClient } from '../../client/index.ts'
import { start } from '../program.ts'
import { sendWithPython } from './clients/python.ts'
import { lacks } from './servers/cache.ts'
import { startJaeger } from './servers/jaeger.ts'
import { installPrometheus, startPrometheus } from './servers/prometheus.ts'
import { startVersitygw } from './servers/versitygw.ts'

const CONFIG = join(import.meta.dirname, '../../configs/card.yaml')
const PERSONAL = /ada@example|4111[ -]?1111|078-05-1120/
const FAILED = '0af7651916cd43dd8448eb211c80319c'

t.test('agents and services to Jaeger, Prometheus and S3, from one file', { skip: lacks('go', 'python3') }, async (t) => {
  const [jaeger, prometheus, s3] = await Promise.all([
    startJaeger(),
    installPrometheus().then((command) => startPrometheus({ command })),
    startVersitygw(['traces']),
  ])
  t.teardown(() => Promise.all([jaeger.stop(), prometheus.stop(), s3.stop()]))
  const folder = mkdtempSync(join(tmpdir(), 'millrace-card-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const key = Buffer.alloc(32, 9).toString('base64')
  const env = {
    ...process.env,
    MILLRACE_DATA: folder,
    MILLRACE_STORAGE_KEY: key,
    MILLRACE_ARCHIVE_KEY: key,
    OTLP_GRPC_PORT: '0',
    OTLP_HTTP_PORT: '0',
    MPLP_PORT: '0',
    WEBSOCKET_PORT: '0',
    JAEGER: jaeger.otlpGrpc,
    PROMETHEUS: prometheus.url,
    ARCHIVE_ENDPOINT: s3.endpoint,
    ARCHIVE_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    FLUSH_INTERVAL: '1s',
    DECISION_WAIT: '3s',
    DECISION_WAIT_AFTER_ROOT: '1s',
    ARCHIVE_AGE: '1s',
  }
  const program = start(t, ['run', '--config', CONFIG], { env })
  await program.says(/^ready in/m)

  // A service, over OTLP/HTTP: an error, with everything that must not get through.
  const text = (key: string, stringValue: string): object => ({ key, value: { stringValue } })
  const beganMs = Date.now()
  const span = {
    traceId: FAILED,
    spanId: 'b7ad6b7169203331',
    name: 'POST /orders',
    kind: 2,
    status: { code: 2, message: 'refused for ada@example.org' },
    startTimeUnixNano: `${beganMs}000000`,
    endTimeUnixNano: `${beganMs + 30}000000`,
    attributes: [text('user.email', 'ada@example.org'), text('note', 'card 4111 1111 1111 1111'), text('ssn', '078-05-1120')],
  }
  const body = JSON.stringify({
    resourceSpans: [{ resource: { attributes: [text('service.name', 'orders')] }, scopeSpans: [{ spans: [span] }] }],
  })
  const headers = { 'content-type': 'application/json' }
  t.equal((await fetch(`${program.url('receivers.otlp')}/v1/traces`, { method: 'POST', headers, body })).status, 200)
  // The SDK for Python.
  await sendWithPython('card run', [
    { protocol: 'grpc', endpoint: `http://${program.address('receivers.otlp', 'grpc')}`, compression: 'gzip' },
  ])
  // Agents, over WebSocket and over HTTP.
  for (const url of [`ws://${program.address('receivers.websocket', 'websocket')}`, program.url('receivers.mplp')]) {
    const client = createClient({ url, service: `agent-${url.slice(0, 2)}` })
    const plan = client.start('plan', { attributes: { 'asked.by': 'ada@example.org' } })
    plan.recordMetric('tokens', 42)
    plan.child('task', { attributes: { note: 'to 4111-1111-1111-1111' } }).complete()
    plan.complete()
    await client.close()
    t.match(client.counts, { accepted: 5, rejected: 0, dropped: 0 }, url)
  }

  const until = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
    for (let attempt = 0; attempt < 150; attempt++) {
      const found = await look()
      if (found !== undefined) return found
      await sleep(200)
    }
    throw new Error(`not there after 30 s: ${what}\n${program.said()}`)
  }
  const atJaeger = async (path: string): Promise<string> => (await fetch(`${jaeger.query}${path}`)).text()

  await t.test('Jaeger has every trace, masked', async (t) => {
    const services = ['orders', 'agent-ws', 'agent-ht']
    for (const service of services) {
      const found = await until(service, async () => {
        const answer = await atJaeger(`/api/traces?service=${service}&lookback=1h`)
        return (JSON.parse(answer) as { readonly data: readonly unknown[] }).data.length > 0 ? answer : undefined
      })
      t.match(found, service === 'orders' ? /POST \/orders/ : /"operationName":"task"/)
      t.notMatch(found, PERSONAL)
    }
    t.match(await atJaeger('/api/services'), /python/)
  })

  await t.test('Prometheus has calls, errors and durations of all of them, and what agents measured', async (t) => {
    const value = async (query: string, least: number): Promise<number> =>
      until(query, async () => {
        const { result } = (await prometheus.ask('query', { query })) as {
          readonly result: readonly { readonly value: readonly [number, string] }[]
        }
        const found = Number(result[0]?.value[1] ?? 0)
        return found >= least ? found : undefined
      })
    t.equal(await value('sum(traces_span_metrics_calls_total{service_name="orders",status_code="STATUS_CODE_ERROR"})', 1), 1)
    t.equal(await value('sum(traces_span_metrics_calls_total{service_name=~"agent-.*"})', 4), 4)
    t.equal(await value('max({__name__=~".*tokens.*"})', 42), 42)
    const series = JSON.stringify(await prometheus.ask('series', { 'match[]': '{__name__=~".+"}' }))
    t.notMatch(series, PERSONAL)
  })

  await t.test('the archive has them, encrypted and masked', async (t) => {
    const archive = async (...words: readonly string[]): Promise<string> => {
      const command = start(t, ['archive', ...words, '-c', CONFIG], { env })
      await command.ended
      return command.said()
    }
    const found = await until('the archive', async () => {
      const answer = await archive('get', FAILED)
      return answer.includes('resourceSpans') ? answer : undefined
    })
    t.match(found, /"name":"POST \/orders"/)
    t.notMatch(found, PERSONAL)
    t.match(await archive('verify'), /^\d+ objects are as they were written$/m)
  })

  program.child.kill('SIGTERM')
  t.equal(await program.ended, 0)
  t.notMatch(program.said(), PERSONAL, 'nor does the program say it')
  for (const place of [folder, s3.folderOf('traces')]) {
    const files = globSync('**/*', { cwd: place, withFileTypes: true }).filter((entry) => entry.isFile())
    t.ok(files.length > 0)
    for (const file of files) t.notMatch(readFileSync(join(file.parentPath, file.name), 'latin1'), PERSONAL, file.name)
  }
})
