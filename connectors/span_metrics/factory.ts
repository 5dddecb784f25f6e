// Connector `span_metrics`: calls, errors and durations, counted from the spans of traces. Its schema, and nothing else until a pipeline uses it.

import { type ConnectorFactory, defineConnector } from '../../core/factory.ts'
import { faultsOf } from './faults.ts'
import { schema } from './schema.ts'

export const factory: ConnectorFactory<typeof schema> = defineConnector({
  type: 'span_metrics',
  aliases: ['spanmetrics'],
  signals: ['traces'],
  routes: { traces: ['metrics'] },
  answersEarly: true,
  stability: 'beta',
  schema,
  check: faultsOf,
  async create(config, next, settings) {
    const { SpanMetrics } = await import('./span-metrics.ts')
    return new SpanMetrics(config, next.metrics!, settings)
  },
})
