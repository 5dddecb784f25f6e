// One action on attributes, as users write it: the schema that processors put into theirs, and what it cannot say. actions.ts compiles it.
// Source: the Collector's attributes and resource processors, whose keys these are.

import type { ConfigFault } from '../component.ts'
import type { ConfigOf } from '../config/schema.ts'
import type { AttributeValue } from '../otlp/any-value.ts'
import { goPattern } from '../config/go-pattern.ts'

export const actionSchema = {
  type: 'object',
  required: ['action'],
  properties: {
    key: { type: 'string', minLength: 1, description: 'The attribute.' },
    action: {
      enum: ['insert', 'update', 'upsert', 'delete', 'hash', 'extract', 'convert'],
      description:
        '`insert` where the key is absent, `update` where it is there, `upsert` in both cases; `delete`; `hash` to the SHA-256 of the value, in hex; `extract` what the groups of a pattern find; `convert` to another type.',
    },
    value: {
      description: 'For insert, update and upsert: the value, a string, a number, a boolean or a list of such.',
    },
    from_attribute: {
      type: 'string',
      minLength: 1,
      description: 'Instead of `value`: the attribute whose value is taken; where it is absent, nothing happens.',
    },
    pattern: {
      type: 'string',
      minLength: 1,
      description:
        'For extract: a regular expression with named groups, such as `^(?P<scheme>[a-z]+)://`; each group that finds something sets the attribute of its name. For delete and hash: which attributes, by a regular expression on their keys.',
    },
    converted_type: {
      enum: ['int', 'double', 'string'],
      description: 'For convert. A value that cannot be converted stays as it is.',
    },
  },
} as const

export type ActionConfig = ConfigOf<typeof actionSchema>

/** What goes with an action, besides its key. */
const GOES_WITH: Readonly<Record<ActionConfig['action'], readonly (keyof ActionConfig)[]>> = {
  insert: ['value', 'from_attribute'],
  update: ['value', 'from_attribute'],
  upsert: ['value', 'from_attribute'],
  delete: ['pattern'],
  hash: ['pattern'],
  extract: ['pattern'],
  convert: ['converted_type'],
}
const SETS: ReadonlySet<string> = new Set(['insert', 'update', 'upsert'])

export function isValue(value: unknown): value is AttributeValue {
  return (
    ['string', 'number', 'bigint', 'boolean'].includes(typeof value) ||
    (Array.isArray(value) && value.every((one) => !Array.isArray(one) && isValue(one)))
  )
}

/** What is wrong with a list of actions that stands at `path`. */
export function actionFaults(path: ConfigFault['path'], actions: readonly ActionConfig[]): readonly ConfigFault[] {
  return actions.flatMap((action, i) => faultsOf(action).map((fault) => ({ path: [...path, i, ...fault.path], message: fault.message })))
}

function faultsOf(config: ActionConfig): readonly ConfigFault[] {
  const { action, key, pattern, value } = config
  const faults: ConfigFault[] = []
  const wanted = GOES_WITH[action]
  for (const given of ['value', 'from_attribute', 'pattern', 'converted_type'] as const)
    if (config[given] !== undefined && !wanted.includes(given))
      faults.push({ path: [given], message: `does not go with action ${action}, which takes ${wanted.join(' or ')}` })
  if (SETS.has(action) && (config.value === undefined) === (config.from_attribute === undefined))
    faults.push({ path: [], message: `action ${action} takes either value or from_attribute` })
  if (action === 'convert' && config.converted_type === undefined)
    faults.push({ path: [], message: 'action convert takes converted_type: int, double or string' })
  if (action === 'extract' && pattern === undefined) faults.push({ path: [], message: 'action extract takes a pattern with named groups' })
  if (key === undefined && !((action === 'delete' || action === 'hash') && pattern !== undefined))
    faults.push({
      path: [],
      message: `action ${action} takes a key${action === 'delete' || action === 'hash' ? ', a pattern, or both' : ''}`,
    })
  if (SETS.has(action) && value !== undefined && !isValue(value))
    faults.push({ path: ['value'], message: 'must be a string, a number, a boolean or a list of such' })
  if (pattern !== undefined && wanted.includes('pattern')) faults.push(...patternFaults(action, pattern))
  return faults
}

function patternFaults(action: string, pattern: string): readonly ConfigFault[] {
  const compiled = goPattern(pattern)
  if ('fault' in compiled) return [{ path: ['pattern'], message: compiled.fault }]
  if (action !== 'extract' || /\(\?<[A-Za-z]/.test(compiled.source)) return []
  return [{ path: ['pattern'], message: 'has no named group, such as (?P<scheme>[a-z]+): nothing would be extracted' }]
}
