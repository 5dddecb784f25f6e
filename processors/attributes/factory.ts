// The `attributes` processor: sets, deletes, hashes and converts attributes of spans. Keys mean what they mean in the Collector.

import { type ConfigFault, type ProcessorFactory, defineProcessor } from '../../core/factory.ts'
import { type ActionConfig, isValue } from './action-config.ts'

const schema = {
  type: 'object',
  required: ['actions'],
  properties: {
    actions: {
      type: 'array',
      minItems: 1,
      description: 'What to do with each span, in this order.',
      items: {
        type: 'object',
        required: ['key', 'action'],
        properties: {
          key: { type: 'string', minLength: 1, description: 'The attribute.' },
          action: {
            enum: ['insert', 'update', 'upsert', 'delete', 'hash', 'convert'],
            description:
              '`insert` where the key is absent, `update` where it is there, `upsert` in both cases; `delete`; `hash` to the SHA-256 of the value, in hex; `convert` to another type.',
          },
          value: {
            description: 'For insert, update and upsert: the value, a string, a number, a boolean or a list of such.',
          },
          from_attribute: {
            type: 'string',
            minLength: 1,
            description: 'Instead of `value`: the attribute whose value is taken; where it is absent, nothing happens.',
          },
          converted_type: {
            enum: ['int', 'double', 'string'],
            description: 'For convert. A value that cannot be converted stays as it is.',
          },
        },
      },
    },
  },
} as const

export const factory: ProcessorFactory<typeof schema> = defineProcessor({
  type: 'attributes',
  signals: ['traces'],
  stability: 'beta',
  schema,
  check: ({ actions }) =>
    actions.flatMap((action, i) => faultsOf(action).map(({ path, message }) => ({ path: ['actions', i, ...path], message }))),
  async create({ actions }, next, settings) {
    const { AttributesProcessor } = await import('./attributes.ts')
    return new AttributesProcessor(actions, next, settings)
  },
})

function faultsOf(action: ActionConfig): ConfigFault[] {
  const faults: ConfigFault[] = []
  const sets = action.action === 'insert' || action.action === 'update' || action.action === 'upsert'
  const given = (['value', 'from_attribute', 'converted_type'] as const).filter((key) => action[key] !== undefined)
  const wanted = sets ? ['value', 'from_attribute'] : action.action === 'convert' ? ['converted_type'] : []
  for (const key of given)
    if (!wanted.includes(key))
      faults.push({
        path: [key],
        message: `does not go with action ${action.action}, which takes ${wanted.join(' or ') || 'neither value nor source'}`,
      })
  if (sets && given.filter((key) => key !== 'converted_type').length !== 1)
    faults.push({ path: [], message: `action ${action.action} takes either value or from_attribute` })
  if (action.action === 'convert' && action.converted_type === undefined)
    faults.push({ path: [], message: 'action convert takes converted_type: int, double or string' })
  if (sets && action.value !== undefined && !isValue(action.value))
    faults.push({ path: ['value'], message: 'must be a string, a number, a boolean or a list of such' })
  return faults
}
