// Processor `resource`: changes the attributes of resources. Its schema, and nothing else until a pipeline uses it.

import { actionFaults, actionSchema, type ConfigOf, type ProcessorFactory } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  required: ['attributes'],
  properties: {
    attributes: {
      type: 'array',
      minItems: 1,
      description: 'What to do with each resource, in this order.',
      // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone
      items: actionSchema as typeof actionSchema,
    },
  },
} as const

export type ResourceConfig = ConfigOf<typeof schema>

export const factory: ProcessorFactory<typeof schema> = {
  type: 'resource',
  signals: ['traces', 'metrics', 'logs'],
  stability: 'alpha',
  schema,
  check: ({ attributes }) => actionFaults(['attributes'], attributes),
  async create(config, next, settings) {
    const { ResourceProcessor } = await import('./resource.ts')
    return new ResourceProcessor(config, next, settings)
  },
}
