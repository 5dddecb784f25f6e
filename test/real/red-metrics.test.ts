// docs/red-metrics.md as it stands there: its commands and its queries, against a real Prometheus.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import t from 'tap'

import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { freePort } from './servers/program.ts'
import { installPrometheus, type Prometheus, startPrometheus } from './servers/prometheus.ts'

const ROOT = join(import.meta.dirname, '../..')
const PAGE = readFileSync(join(ROOT, 'docs/red-metrics.md'), 'utf8')
const blocks = (language: string): string[] =>
  [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text]) => text!)

/** What a query came to: labels, and a number. */
interface Result {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}
const inWords = (results: readonly Result[]): [string, number][] =>
  results
    .map(({ metric, value }): [string, number] => [Object.values(metric).join(' '), Number(value[1])])
    .toSorted(([a], [b]) => (a < b ? -1 : 1))

/** Asks until the answer is that, for twenty seconds. */
async function comesTo(prometheus: Prometheus, query: string, wanted: number): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const found = await asked(prometheus, query)
    if (found[0]?.[1] === wanted) return
    if (attempt === 100) throw new Error(`after 20 s ${query} is ${JSON.stringify(found)}, not ${wanted}`)
    await sleep(200)
  }
}

async function asked(prometheus: Prometheus, query: string): Promise<[string, number][]> {
  return inWords(((await prometheus.ask('query', { query })) as { readonly result: readonly Result[] }).result)
}

const TOTAL = 'sum(traces_span_metrics_calls_total)'

t.test('RED metrics from traces, as the page has it', { skip: lacks('go') }, async (t) => {
  const prometheus = await startPrometheus({ command: await installPrometheus() })
  t.teardown(() => prometheus.stop())
  const yaml = readFileSync(join(ROOT, 'configs/span-metrics.yaml'), 'utf8')
  const environment = { OTLP_HTTP_PORT: '0', OTLP_GRPC_PORT: '0', PROMETHEUS: prometheus.url, FLUSH_INTERVAL: '2s' }
  const millrace = await startMillrace(yaml, environment)
  t.teardown(() => millrace.stop())
  const otlp = `http://${/receivers\.otlp \(http\) on (\S+)/.exec(millrace.output())![1]!}`
  const run = (command: string): string =>
    execFileSync('sh', ['-c', command.replaceAll('http://127.0.0.1:4318', otlp).replaceAll('http://127.0.0.1:9090', prometheus.url)], {
      encoding: 'utf8',
    })

  const [send, look, ...more] = blocks('sh')
  t.same(more, [])
  t.equal(run(send!), '{}'.repeat(9))

  const ask = (query: string): Promise<[string, number][]> => asked(prometheus, query)
  await comesTo(prometheus, TOTAL, 27)

  const { data } = JSON.parse(run(look!)) as { readonly data: { readonly result: readonly Result[] } }
  t.same(inWords(data.result), [
    ['bank POST /charge STATUS_CODE_ERROR', 1],
    ['bank POST /charge STATUS_CODE_UNSET', 8],
    ['shop POST /checkout STATUS_CODE_ERROR', 1],
    ['shop POST /checkout STATUS_CODE_UNSET', 8],
    ['shop POST STATUS_CODE_ERROR', 1],
    ['shop POST STATUS_CODE_UNSET', 8],
  ])

  const [rate, errors, duration, edges, failed, took, routes, ...others] = blocks('promql')
  t.same(others, [])
  const rates = await ask(rate!)
  t.same(
    rates.map(([who]) => who),
    ['bank POST /charge', 'shop POST /checkout'],
  )
  t.ok(
    rates.every(([, value]) => value > 0),
    'rates see what there was before a series was written for the first time',
  )
  const parts = await ask(errors!)
  t.equal(parts.length, 2)
  for (const [who, part] of parts) t.ok(part > 0.05 && part < 0.2, `${who}: ${part} failed`)
  const quantiles = await ask(duration!)
  t.equal(quantiles.length, 3)
  // They took from 10 to 90 ms.
  for (const [who, seconds] of quantiles) t.ok(seconds > 0.05 && seconds <= 0.1, `${who}: ${seconds} s`)
  t.same(await ask(edges!), [
    ['shop bank', 9],
    ['user virtual_node shop', 9],
  ])
  const [failures, times] = [await ask(failed!), await ask(took!)]
  t.same([failures.length, times.length], [2, 2])
  for (const [who, part] of failures) t.ok(part > 0.05 && part < 0.2, `${who}: ${part} failed`)
  for (const [who, seconds] of times) t.ok(seconds > 0.05 && seconds <= 0.1, `${who}: ${seconds} s`)
  t.same(await ask(routes!), [['/checkout', 9]])
})

t.test('a program that is killed and starts anew makes no rates that there were not', { skip: lacks('go') }, async (t) => {
  const prometheus = await startPrometheus({ command: await installPrometheus() })
  t.teardown(() => prometheus.stop())
  const yaml = readFileSync(join(ROOT, 'configs/span-metrics.yaml'), 'utf8')
  const port = await freePort()
  const environment = { OTLP_HTTP_PORT: String(port), OTLP_GRPC_PORT: '0', PROMETHEUS: prometheus.url, FLUSH_INTERVAL: '1s' }
  const send = (): string =>
    execFileSync('sh', ['-c', blocks('sh')[0]!.replaceAll('http://127.0.0.1:4318', `http://127.0.0.1:${port}`)], { encoding: 'utf8' })
  const began = Date.now()

  const first = await startMillrace(yaml, environment)
  for (let i = 0; i < 3; i++) send()
  await comesTo(prometheus, TOTAL, 81)
  await first.kill()
  const second = await startMillrace(yaml, environment)
  t.teardown(() => second.stop())
  send()
  await comesTo(prometheus, TOTAL, 27)

  // `increase` goes on from the first sample of its window to the last, and a little beyond; what it must not do is count 81 twice, or less than there was.
  const seconds = Math.ceil((Date.now() - began) / 1000) + 5
  const [[, calls] = []] = await asked(prometheus, `sum(increase(traces_span_metrics_calls_total[${seconds}s]))`)
  t.ok(calls! > 90 && calls! < 140, `108 calls, and an increase of ${calls}`)
  const [[, durations] = []] = await asked(prometheus, `sum(increase(traces_span_metrics_duration_seconds_count[${seconds}s]))`)
  t.ok(durations! > 90 && durations! < 140, `108 durations, and an increase of ${durations}`)
})

t.test('with exponential histograms quantiles are finer', { skip: lacks('go') }, async (t) => {
  const prometheus = await startPrometheus({ command: await installPrometheus() })
  t.teardown(() => prometheus.stop())
  const yaml = readFileSync(join(ROOT, 'configs/span-metrics.yaml'), 'utf8').replace('unit: s', 'unit: s\n      exponential:')
  const port = await freePort()
  const environment = { OTLP_HTTP_PORT: String(port), OTLP_GRPC_PORT: '0', PROMETHEUS: prometheus.url, FLUSH_INTERVAL: '1s' }
  const millrace = await startMillrace(yaml, environment)
  t.teardown(() => millrace.stop())
  execFileSync('sh', ['-c', blocks('sh')[0]!.replaceAll('http://127.0.0.1:4318', `http://127.0.0.1:${port}`)])
  await comesTo(prometheus, 'sum(histogram_count(traces_span_metrics_duration_seconds))', 27)
  const quantile = 'histogram_quantile(0.95, sum by (service_name) (rate(traces_span_metrics_duration_seconds[5m])))'
  const found = await asked(prometheus, quantile)
  t.same(
    found.map(([who]) => who),
    ['bank', 'shop'],
  )
  // They took 10, 20, … 90 ms; classic buckets only know that it is between 50 and 100.
  for (const [who, seconds] of found) t.ok(seconds > 0.084 && seconds < 0.091, `${who}: ${seconds} s`)
})
