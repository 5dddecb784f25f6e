// Connector `anomaly`: makes a log record of every span that was found to be unlike the others. Its schema, and nothing else until a pipeline uses it.

import { type ConfigFault, type ConfigOf, type ConnectorFactory, defineConnector } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  properties: {
    min_score: {
      type: 'number',
      minimum: 0,
      maximum: 1,
      default: 0,
      description: 'Anomalies with a lower score make no record; 0: what is over the bound of the model, which is all that are found.',
    },
    severity: {
      type: 'object',
      default: {},
      description: 'From which score on an anomaly is more than `low`.',
      properties: {
        medium: { type: 'number', minimum: 0, maximum: 1, default: 0.35, description: 'A warning.' },
        high: { type: 'number', minimum: 0, maximum: 1, default: 0.45, description: 'An error.' },
        critical: { type: 'number', minimum: 0, maximum: 1, default: 0.6, description: 'What somebody should be woken for.' },
      },
    },
  },
} as const

export type AnomalyConfig = ConfigOf<typeof schema>

function check({ severity: { medium, high, critical } }: AnomalyConfig): readonly ConfigFault[] {
  if (medium <= high && high <= critical) return []
  const message = `found medium ${medium}, high ${high}, critical ${critical}; accepted: each at least as large as the one before`
  return [{ path: ['severity'], message }]
}

export const factory: ConnectorFactory<typeof schema> = defineConnector({
  type: 'anomaly',
  signals: ['traces'],
  routes: { traces: ['logs'] },
  stability: 'alpha',
  schema,
  check,
  async create(config, next, settings) {
    const { AnomalyConnector } = await import('./anomaly-connector.ts')
    return new AnomalyConnector(config, next, settings)
  },
})
