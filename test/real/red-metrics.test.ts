// docs/red-metrics.md as it stands there: its commands and its queries, against a real Prometheus.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import t from 'tap'

import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { installPrometheus, startPrometheus } from './servers/prometheus.ts'

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

  const ask = async (query: string): Promise<[string, number][]> =>
    inWords(((await prometheus.ask('query', { query })) as { readonly result: readonly Result[] }).result)
  const total = 'sum(traces_span_metrics_calls_total)'
  for (let attempt = 0; (await ask(total))[0]?.[1] !== 27; attempt++) {
    if (attempt === 100) throw new Error(`after 20 s Prometheus has ${JSON.stringify(await ask(total))} calls, not 27`)
    await sleep(200)
  }

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
