// Connector `service_graph`: which service calls which, how often and how long, from the spans of both. Its schema, and nothing else until a
// pipeline uses it.

import {
  ascendingFaults,
  type ConfigFault,
  type ConnectorFactory,
  defineConnector,
  LATENCY_BUCKETS,
  zeroFaults,
} from '../../core/factory.ts'
import { type Config, schema } from './schema.ts'

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
  const faults: ConfigFault[] = [
    ...ascendingFaults(['latency_histogram_buckets'], buckets),
    ...zeroFaults(['metrics_flush_interval'], config.metrics_flush_interval, '60s'),
    ...zeroFaults(['store', 'ttl'], config.store.ttl, '10s'),
  ]
  if (config.exponential_histogram_max_size > 0 && buckets.join() !== LATENCY_BUCKETS.join()) {
    const message = 'is set, and latency_histogram_buckets too; accepted: one of them'
    faults.push({ path: ['exponential_histogram_max_size'], message })
  }
  for (const [i, name] of dimensions.entries())
    if (dimensions.indexOf(name) < i) faults.push({ path: ['dimensions', i], message: `is ${name} a second time; accepted: each once` })
  return faults
}
