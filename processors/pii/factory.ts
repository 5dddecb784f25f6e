// Processor `pii`: masks personal data and secrets. Its schema, and nothing else until a pipeline uses it.

import { type ConfigFault, type ConfigOf, DETECTOR_NAMES, goPattern, type ProcessorFactory } from '../../core/factory.ts'

const actionSchema = {
  enum: ['replace', 'mask', 'hash', 'delete'],
  description: 'What becomes of what this detector finds.',
} as const
const keepSchema = {
  type: 'integer',
  minimum: 0,
  maximum: 8,
  default: 0,
  description: 'For `mask`: how many characters at the end stay, at most a third of them.',
} as const

export const schema = {
  type: 'object',
  properties: {
    detectors: {
      type: 'array',
      minItems: 1,
      // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone
      items: { enum: DETECTOR_NAMES as typeof DETECTOR_NAMES },
      // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone
      default: DETECTOR_NAMES as typeof DETECTOR_NAMES,
      description: 'What is looked for.',
    },
    phone_countries: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'ISO codes of the countries whose phone numbers are found without the country in front, such as `DE`.',
    },
    patterns: {
      type: 'array',
      default: [],
      description: 'Detectors of your own.',
      items: {
        type: 'object',
        required: ['name', 'pattern'],
        properties: {
          name: {
            type: 'string',
            pattern: '^[a-z][a-z0-9_]*$',
            examples: ['order_number'],
            description: 'As `actions` and metrics name it; it is replaced by it, too.',
          },
          pattern: {
            type: 'string',
            minLength: 1,
            description:
              'A regular expression; what it matches is the finding. Quick where every match has some text in common, such as `ORD-`. One that could take forever on some text is refused.',
          },
        },
      },
    },
    action: {
      enum: ['replace', 'mask', 'hash', 'delete'],
      default: 'replace',
      description:
        'What becomes of a finding. `replace`: by the name of what was found, `[EMAIL]`. `mask`: a `*` for each character. `hash`: HMAC-SHA-256 with `hash_key`, in hex. `delete` the attribute it is in; elsewhere it is replaced.',
    },
    // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone
    keep_last: keepSchema as typeof keepSchema,
    actions: {
      type: 'object',
      description: 'By detector, or pattern: what becomes of what it finds, where that is not `action`.',
      additionalProperties: {
        type: 'object',
        required: ['action'],
        properties: {
          // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone
          action: actionSchema as typeof actionSchema,
          // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone
          keep_last: keepSchema as typeof keepSchema,
        },
      },
    },
    hash_key: {
      type: 'string',
      secret: true,
      minLength: 32,
      description: 'The key of `hash`, of 32 characters or more: who has it can try values. With one key the same value has the same hash.',
    },
    key_rules: {
      type: 'array',
      default: [],
      description: 'Attributes, and entries of maps, whose values go for their keys alone.',
      items: {
        type: 'object',
        required: ['keys'],
        properties: {
          keys: {
            type: 'array',
            minItems: 1,
            items: { type: 'string', minLength: 1 },
            description: 'Names, in any case; `*` stands for any characters: `password`, `*token*`.',
          },
          action: {
            enum: ['replace', 'mask', 'hash', 'delete'],
            default: 'delete',
            description: 'What becomes of the values of these attributes: `replace` is by `[REDACTED]`.',
          },
          // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone
          keep_last: keepSchema as typeof keepSchema,
        },
      },
    },
    allowed_keys: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      description:
        'If it is there, attributes with other keys are deleted; `*` stands for any characters. The values of allowed ones are searched all the same.',
    },
    classification: {
      type: 'object',
      description: 'Writes down of what kinds something was found.',
      properties: {
        on: { enum: ['item', 'resource'], default: 'item', description: 'Where: the span, data point or log record, or its resource.' },
        attribute: {
          type: 'string',
          minLength: 1,
          default: 'data.classification',
          description: 'The attribute: `financial`, `network`, `personal`, `secret`, several with a comma between them.',
        },
        counts_attribute: {
          type: 'string',
          minLength: 1,
          description: 'Another one: how much was found, by detector. Without this there is none.',
        },
      },
    },
  },
} as const

export type PiiConfig = ConfigOf<typeof schema>

/** What the built-in rules are called. */
const TAKEN: ReadonlySet<string> = new Set([...DETECTOR_NAMES, 'key', 'not_allowed'])

function check(config: PiiConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const active = new Set<string>(config.detectors)
  for (const [i, { name, pattern }] of config.patterns.entries()) {
    const compiled = goPattern(pattern)
    if ('fault' in compiled) faults.push({ path: ['patterns', i, 'pattern'], message: compiled.fault })
    if (TAKEN.has(name) || active.has(name))
      faults.push({ path: ['patterns', i, 'name'], message: `${name} is the name of another; accepted: one of its own` })
    active.add(name)
  }
  for (const name of Object.keys(config.actions ?? {}))
    if (!active.has(name))
      faults.push({ path: ['actions', name], message: `no detector of this name is on; accepted: ${[...active].join(', ')}` })
  if (config.hash_key === undefined) {
    const missing = 'hash needs hash_key, e.g. ${env:PII_HASH_KEY}'
    if (config.action === 'hash') faults.push({ path: ['action'], message: missing })
    for (const [name, { action }] of Object.entries(config.actions ?? {}))
      if (action === 'hash') faults.push({ path: ['actions', name, 'action'], message: missing })
    for (const [i, { action }] of config.key_rules.entries())
      if (action === 'hash') faults.push({ path: ['key_rules', i, 'action'], message: missing })
  }
  return faults
}

export const factory: ProcessorFactory<typeof schema> = {
  type: 'pii',
  signals: ['traces', 'metrics', 'logs'],
  stability: 'beta',
  masks: true,
  schema,
  check,
  async create(config, next, settings) {
    const { createPii } = await import('./pii.ts')
    return createPii(config, next, settings)
  },
}
