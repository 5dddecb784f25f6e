// What our `span_metrics` makes of spans, against what the Collector's makes of them: same settings, same request, same metrics.

import t from 'tap'

import { eventually, type Inlet, startCollectorBackend } from './backends.ts'
import { sorted, type SeenItem } from './items.ts'
import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { startCollector } from './servers/collector.ts'
import { freePort } from './servers/program.ts'
import { request, SETTINGS } from './span-metrics-cases.ts'

const INTERVAL = '1s'
/** Cumulative metrics stand still from then on: a new series of calls is 0 at first. */
const ROUNDS = 3

t.test('metrics of spans are those of the Collector', { skip: lacks('go') }, async (t) => {
  const backend = await startCollectorBackend(['theirs', 'ours'])
  t.teardown(() => backend.stop())
  const { theirs, ours } = backend.inlets
  const [theirPort, ourPort] = [await freePort(), await freePort()]
  const collector = await startCollector(configuration(theirPort, theirs), theirPort)
  t.teardown(() => collector.stop())
  const millrace = await startMillrace(configuration(ourPort, ours))
  t.teardown(() => millrace.stop())

  const body = JSON.stringify(request())
  for (const port of [theirPort, ourPort]) {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    t.equal(answer.status, 200)
  }
  const seen = (inlet: Inlet): Map<string, SeenItem[]> => Map.groupBy(inlet.items(), (item) => caseOf(item))
  const rounds = (of: Map<string, SeenItem[]>): number => new Set(of.get('plain')?.map((item) => item['timeUnixNano'])).size
  const [expected, found] = [
    await eventually(
      () => seen(theirs),
      (all) => rounds(all) >= ROUNDS,
    ),
    await eventually(
      () => seen(ours),
      (all) => rounds(all) >= ROUNDS,
    ),
  ]
  for (const name of Object.keys(SETTINGS)) {
    const wanted = statesOf(expected.get(name)!)
    t.same(statesOf(found.get(name) ?? []), wanted, name)
    t.ok(wanted.length > 2, `${name} has ${wanted.length} series`)
  }
})

function configuration(port: number, inlet: Inlet): string {
  const connectors = Object.entries(SETTINGS).map(
    ([name, settings]) => `  span_metrics/${name}: ${JSON.stringify({ ...settings, namespace: name, metrics_flush_interval: INTERVAL })}`,
  )
  const ids = Object.keys(SETTINGS).map((name) => `span_metrics/${name}`)
  return `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
exporters: { otlp_http: { endpoint: http://127.0.0.1:${inlet.http}, sending_queue: { enabled: false } } }
connectors:
${connectors.join('\n')}
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
    traces: { receivers: [otlp], exporters: [${ids.join(', ')}] }
    metrics: { receivers: [${ids.join(', ')}], exporters: [otlp_http] }
`
}

function caseOf(item: SeenItem): string {
  const { name } = item['metric'] as { readonly name: string }
  return name.slice(0, name.lastIndexOf('.'))
}

/** What each series says last, without times; with all exemplars that it ever had, for they come once. Of deltas the sum of all. */
function statesOf(points: readonly SeenItem[]): SeenItem[] {
  const series = Map.groupBy(points.map(withoutInstance), (point) =>
    JSON.stringify([point['metric'], point['attributes'], point['resource']]),
  )
  const states = [...series.values()].map((all) => {
    const { timeUnixNano: _, startTimeUnixNano: __, ...last } = all.at(-1)!
    const exemplars = all
      .flatMap((point) => point['exemplars'] as Readonly<Record<string, unknown>>[])
      .map(({ timeUnixNano: ___, ...one }) => one)
    const isDelta = last['aggregationTemporality'] === '1'
    return { ...last, exemplars: sorted(exemplars), ...(isDelta ? { points: all.length } : {}) }
  })
  return sorted(states)
}

function withoutInstance(point: SeenItem): SeenItem {
  const attributes = { ...(point['attributes'] as Readonly<Record<string, string>>) }
  if (attributes['collector.instance.id'] !== undefined) attributes['collector.instance.id'] = 'some process'
  return { ...point, attributes }
}
