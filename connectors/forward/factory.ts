// Connector `forward`: ends one or more pipelines and begins others of the same signal, unchanged.

import { defineConnector, type ConnectorFactory } from '../../core/factory.ts'

const schema = { type: 'object', properties: {} } as const

export const factory: ConnectorFactory<typeof schema> = defineConnector({
  type: 'forward',
  signals: ['traces', 'metrics', 'logs'],
  routes: { traces: ['traces'], metrics: ['metrics'], logs: ['logs'] },
  stability: 'beta',
  schema,
  async create(_config, next) {
    const { Forward } = await import('./forward.ts')
    return new Forward(next)
  },
})
