// Metrics of every kind go through Millrace to real Prometheus servers, which are then asked for what they have, value by value. And one that
// is killed, comes back, hangs and is refused by what stands before it has everything in the end, in its order.

import { randomUUID } from 'node:crypto'
import { createServer, request as httpRequest } from 'node:http'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { attributes, otlpRequest } from '../../core/prometheus/fixtures/otlp.ts'
import { startMillrace } from './millrace.ts'
import { casesAt, exemplarsOf, histogramsOf, samplesOf } from './prometheus-cases.ts'
import { lacks } from './servers/cache.ts'
import { freePort } from './servers/program.ts'
import { installOldPrometheus, installPrometheus, type Prometheus, startPrometheus } from './servers/prometheus.ts'

async function started(t: Test, options: Parameters<typeof startPrometheus>[0]): Promise<Prometheus> {
  const prometheus = await startPrometheus(options)
  t.teardown(() => prometheus.stop())
  return prometheus
}

async function send(port: number, body: Buffer): Promise<Response> {
  const headers = { 'content-type': 'application/x-protobuf' }
  return fetch(`http://127.0.0.1:${port}/v1/metrics`, { method: 'POST', headers, body: new Uint8Array(body) })
}

/** A millrace with one exporter for each destination. */
async function millraceTo(t: Test, exporters: readonly string[], more = ''): Promise<number> {
  const port = await freePort()
  const ids = exporters.map((_, i) => `prometheus_remote_write/${i}`)
  const millrace = await startMillrace(`
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
exporters:
${ids.map((id, i) => `  ${id}: ${exporters[i]}`).join('\n')}
service:
  telemetry: { metrics: { level: none } }
  pipelines: { metrics: { receivers: [otlp], exporters: [${ids.join(', ')}] } }
${more}`)
  t.teardown(() => millrace.stop())
  return port
}

t.test('every kind of metric stands in Prometheus as it was sent', { skip: lacks('go', 'apt-get', 'dpkg') }, async (t) => {
  const command = await installPrometheus()
  const servers = {
    '3.15 over 2.0': await started(t, { command }),
    '3.15 over 1.0': await started(t, { command }),
    '2.42 over 1.0, found out': await started(t, { command: await installOldPrometheus() }),
  }
  const messages = ['v2', 'v1', 'auto']
  const exporters = Object.values(servers).map(
    ({ write }, i) => `{ endpoint: "${write}", protobuf_message: ${messages[i]}, disable_scope_info: true }`,
  )
  const port = await millraceTo(t, exporters)
  const job = randomUUID()
  const now = Date.now()
  const cases = casesAt(job, [now - 20_000, now - 5000])
  t.equal((await send(port, cases.request)).status, 200)
  for (const [name, server] of Object.entries(servers)) {
    await t.test(name, async (t) => {
      const data = await server.ask('query', { query: `{job="${job}"}[5m]`, time: String(now / 1000) })
      t.same(samplesOf(data), cases.samples)
      t.same(histogramsOf(data), cases.histograms)
      const range = { start: String(now / 1000 - 60), end: String(now / 1000) }
      t.same(exemplarsOf(await server.ask('query_exemplars', { query: `{job="${job}"}`, ...range })), cases.exemplars)
    })
  }

  await t.test('a series that ends is stale at once', async (t) => {
    const resource = { 'service.name': job }
    const gauge = (ms: number, more: object): Buffer =>
      otlpRequest([{ name: 'ends', gauge: { dataPoints: [{ timeUnixNano: `${BigInt(ms) * 1_000_000n}`, ...more }] } }], { resource })
    await send(port, gauge(now - 3000, { asInt: 1 }))
    await send(port, gauge(now - 2000, { flags: 1 }))
    for (const server of Object.values(servers)) {
      const at = async (ms: number): Promise<number> =>
        ((await server.ask('query', { query: `ends{job="${job}"}`, time: String(ms / 1000) })) as { readonly result: unknown[] }).result
          .length
      t.same([await at(now - 2500), await at(now - 1500)], [1, 0])
    }
  })
})

t.test('names that are not escaped are the same in Prometheus', { skip: lacks('go') }, async (t) => {
  const server = await started(t, { command: await installPrometheus() })
  const port = await millraceTo(t, [`{ endpoint: "${server.write}", protobuf_message: v2, translation_strategy: NoTranslation }`])
  const now = Date.now()
  const dataPoints = [
    { timeUnixNano: `${BigInt(now) * 1_000_000n}`, asInt: 5, attributes: attributes({ 'http.route': '/x', ünïcode: 'y' }) },
  ]
  await send(port, otlpRequest([{ name: 'my.metric/ß', unit: 'By', sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints } }]))
  const data = await server.ask('query', { query: '{"my.metric/ß"}[1m]', time: String(now / 1000 + 1) })
  t.same(samplesOf(data), [`my.metric/ß{http.route="/x",ünïcode="y"} 5 @${now}`])
})

t.test('increments are added up to what was counted', { skip: lacks('go') }, async (t) => {
  const server = await started(t, { command: await installPrometheus() })
  const port = await millraceTo(t, [`{ endpoint: "${server.write}", delta: convert }`])
  const now = Date.now()
  const ns = (ms: number): string => `${BigInt(ms) * 1_000_000n}`
  for (const [i, asInt] of [3, 4, 5].entries()) {
    const dataPoints = [{ timeUnixNano: ns(now - 3000 + i * 1000), startTimeUnixNano: ns(now - 4000 + i * 1000), asInt }]
    await send(port, otlpRequest([{ name: 'd', sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints } }]))
  }
  const data = await server.ask('query', { query: 'd_total[1m]', time: String(now / 1000) })
  t.same(samplesOf(data), [3, 7, 12].map((total, i) => `d_total{} ${total} @${now - 3000 + i * 1000}`).sort())
})

/** By the name of each in Prometheus' configuration. */
const PROTOCOLS = ['PrometheusProto', 'OpenMetricsText1.0.0', 'PrometheusText1.0.0', 'PrometheusText0.0.4'] as const

t.test('what Prometheus scrapes is what was sent, in every format that it asks for', { skip: lacks('go') }, async (t) => {
  const [inlet, page] = [await freePort(), await freePort()]
  const millrace = await startMillrace(`
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${inlet} } } } }
exporters: { prometheus: { endpoint: 127.0.0.1:${page}, disable_scope_info: true } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { metrics: { receivers: [otlp], exporters: [prometheus] } }
`)
  t.teardown(() => millrace.stop())
  const job = randomUUID()
  const now = Date.now()
  const cases = casesAt(job, [now - 2000, now - 1000])
  t.equal((await send(inlet, cases.request)).status, 200)
  const scrapes = PROTOCOLS.map((protocol) => ({
    job_name: protocol,
    scrape_interval: '200ms',
    scrape_timeout: '200ms',
    honor_labels: true,
    scrape_native_histograms: true,
    scrape_protocols: [protocol],
    static_configs: [{ targets: [`127.0.0.1:${page}`], labels: { via: protocol } }],
  }))
  const server = await started(t, { command: await installPrometheus(), scrapes })
  /** The latest of each, without its time, as Prometheus keeps bounds that it scrapes. */
  const latest = (lines: readonly string[]): string[] =>
    lines
      .flatMap((line) => (line.endsWith(` @${now - 1000}`) ? [line.replace(/ @\d+$/, '').replace(/le="(\d+)"/, 'le="$1.0"')] : []))
      .sort()
  for (const protocol of PROTOCOLS) {
    await t.test(protocol, async (t) => {
      const ask = async (): Promise<unknown> => server.ask('query', { query: `{job="${job}",via="${protocol}"}` })
      let data = await ask()
      for (let wait = 0; wait < 100 && (data as { readonly result: readonly unknown[] }).result.length === 0; wait++) {
        await sleep(100)
        data = await ask()
      }
      const { result } = data as {
        readonly result: readonly { readonly metric: object; readonly value?: unknown; readonly histogram?: unknown }[]
      }
      const bare = {
        result: result.map(({ metric, value, histogram }) => ({
          metric: Object.fromEntries(Object.entries(metric).filter(([name]) => name !== 'via')),
          ...(value === undefined ? {} : { values: [value] }),
          ...(histogram === undefined ? {} : { histograms: [histogram] }),
        })),
      }
      const timeless = (lines: readonly string[]): string[] =>
        lines.map((line) => line.replace(/ @\d+$/, '')).filter((line) => !/_created\{/.test(line))
      const isNative = protocol === 'PrometheusProto'
      t.same(timeless(histogramsOf(bare)), isNative ? latest(cases.histograms) : [])
      const rest = timeless(samplesOf(bare)).filter((line) => !line.startsWith('native_'))
      t.same(rest, latest(cases.samples))
      if (isNative || protocol === 'OpenMetricsText1.0.0') {
        const range = { start: String(now / 1000 - 60), end: String(now / 1000 + 60) }
        const exemplars = exemplarsOf(await server.ask('query_exemplars', { query: `{job="${job}",via="${protocol}"}`, ...range }))
        t.same(
          exemplars,
          cases.exemplars.filter((line) => line.endsWith(` @${now - 1000}`)),
        )
      }
    })
  }
})

/** Stands before a Prometheus, and now and then answers in its place. */
async function moody(t: Test, port: number): Promise<{ readonly endpoint: string; readonly statuses: Map<number, number> }> {
  const statuses = new Map<number, number>()
  let nth = 0
  const server = createServer((request, response) => {
    const status = [0, 0, 503, 0, 429, 0, 500, 0][nth++ % 8]!
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    if (status !== 0) {
      request.resume()
      request.on('end', () => response.writeHead(status, status === 429 ? { 'Retry-After': '0' } : {}).end('not now'))
      return
    }
    const onward = httpRequest({ port, host: '127.0.0.1', path: request.url, method: 'POST', headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/write`, statuses }
}

t.test('a Prometheus that is killed, comes back, hangs and refuses has every sample in the end', { skip: lacks('go') }, async (t) => {
  const command = await installPrometheus()
  const folder = await mkdtemp(join(tmpdir(), 'millrace-prometheus-kept-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  let server = await startPrometheus({ command, folder, port })
  t.teardown(() => server.stop())
  const { endpoint, statuses } = await moody(t, port)
  const retry = 'retry_on_failure: { initial_interval: 20ms, max_interval: 200ms }, timeout: 500ms'
  const queue = 'sending_queue: { enabled: true, storage: file_storage, num_consumers: 20 }'
  const inlet = await millraceTo(
    t,
    [`{ endpoint: "${endpoint}", target_info: { enabled: false }, ${retry}, ${queue} }`],
    `  extensions: [file_storage]
extensions: { file_storage: { directory: ${join(folder, 'queue')}, create_directory: true } }
`,
  )
  const SERIES = 50
  const sent: number[] = []
  const over = new AbortController()
  const sending = (async (): Promise<void> => {
    for (let last = 0; !over.signal.aborted; await sleep(10)) {
      const ms = Math.max(Date.now(), last + 1)
      last = ms
      const dataPoints = Array.from({ length: SERIES }, (_, n) => ({
        timeUnixNano: `${BigInt(ms) * 1_000_000n}`,
        asDouble: ms + n,
        attributes: attributes({ n }),
      }))
      const answer = await send(inlet, otlpRequest([{ name: 'kept', gauge: { dataPoints } }], { resource: { 'service.name': 'moody' } }))
      if (answer.status === 200) sent.push(ms)
    }
  })()
  for (let outage = 0; outage < 3; outage++) {
    await sleep(1000)
    await server.kill()
    await sleep(600)
    server = await startPrometheus({ command, folder, port })
  }
  await sleep(800)
  process.kill(server.pid, 'SIGSTOP')
  await sleep(1500)
  process.kill(server.pid, 'SIGCONT')
  await sleep(800)
  over.abort()
  await sending
  const ask = async (): Promise<string[]> =>
    samplesOf(await server.ask('query', { query: 'kept[10m]', time: String(Date.now() / 1000 + 1) }))
  const expected = sent.flatMap((ms) => Array.from({ length: SERIES }, (_, n) => `kept{job="moody",n="${n}"} ${ms + n} @${ms}`)).sort()
  let has = await ask()
  for (let wait = 0; wait < 300 && has.length < expected.length; wait++) {
    await sleep(100)
    has = await ask()
  }
  t.ok(sent.length > 200, `${sent.length} requests, answers in its place: ${JSON.stringify([...statuses])}`)
  const there = new Set(has)
  t.same(expected.filter((line) => !there.has(line)).slice(0, 5), [], 'nothing is missing')
  t.equal(has.length, expected.length, 'and nothing is there that was not sent')
})
