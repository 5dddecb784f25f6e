// Connector `service_graph`: which service calls which, how often and how long, from the spans of both. Its schema, and nothing else until a
// pipeline uses it.

import { type ConfigFault, type ConnectorFactory, defineConnector, parseDuration } from '../../core/factory.ts'
import { type Config, DEFAULT_BUCKETS, schema } from './schema.ts'

export const factory: ConnectorFactory<typeof schema> = defineConnector({
  type: 'service_graph',
  aliases: ['servicegraph'],
  signals: ['traces'],
  routes: { traces: ['metrics'] },
  answersEarly: true,
  stability: 'beta',
  schema,
  check: faultsOf,
  async create(config, next, settings) {
    const { ServiceGraph } = await import('./service-graph.ts')
    return new ServiceGraph(config, next.metrics!, settings)
  },
})

function faultsOf(config: Config): readonly ConfigFault[] {
  const { latency_histogram_buckets: buckets, dimensions } = config
  const faults: ConfigFault[] = []
  const bounds = buckets.map((bucket) => parseDuration(bucket))
  const at = bounds.findIndex((bound, i) => i > 0 && bound <= bounds[i - 1]!)
  if (at >= 0) {
    const message = `is ${buckets[at]}, behind ${buckets[at - 1]}; accepted: durations that ascend`
    faults.push({ path: ['latency_histogram_buckets', at], message })
  }
  if (config.exponential_histogram_max_size > 0 && buckets.join() !== DEFAULT_BUCKETS.join()) {
    const message = 'is set, and latency_histogram_buckets too; accepted: one of them'
    faults.push({ path: ['exponential_histogram_max_size'], message })
  }
  for (const [i, name] of dimensions.entries())
    if (dimensions.indexOf(name) < i) faults.push({ path: ['dimensions', i], message: `is ${name} a second time; accepted: each once` })
  for (const [path, duration] of [
    [['metrics_flush_interval'], config.metrics_flush_interval],
    [['store', 'ttl'], config.store.ttl],
  ] as const)
    if (parseDuration(duration) === 0) faults.push({ path, message: 'is 0; accepted: a duration above 0, such as 10s' })
  return faults
}
