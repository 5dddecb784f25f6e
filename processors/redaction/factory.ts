// Processor `redaction`: the Collector's, for those who bring its configuration. Its schema, and nothing else until a pipeline uses it.

import { type ConfigFault, type ConfigOf, goPattern, type ProcessorFactory } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  properties: {
    allow_all_keys: {
      type: 'boolean',
      default: false,
      description: 'Whether attributes of all keys stay. Their values are looked at all the same.',
    },
    allowed_keys: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'Without `allow_all_keys`: the attributes that stay. All others are deleted; without this list, every one.',
    },
    ignored_keys: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'Attributes that are neither deleted nor looked at.',
    },
    ignored_key_patterns: { type: 'array', items: { type: 'string' }, default: [], description: 'The same by regular expressions.' },
    blocked_key_patterns: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'Regular expressions for keys: the whole values of these attributes are masked.',
    },
    blocked_values: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'Regular expressions for values: what one finds is masked by `****`, or hashed.',
    },
    allowed_values: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'Regular expressions: a value in which one finds something stays as it is.',
    },
    hash_function: {
      enum: ['', 'sha1', 'sha3', 'md5', 'hmac-sha256', 'hmac-sha512'],
      default: '',
      description: 'Instead of `****`: a hash, in hex. Only the last two resist whoever tries values.',
    },
    hmac_key: {
      type: 'string',
      secret: true,
      description: 'The key of `hmac-sha256`, of 32 bytes or more, or of `hmac-sha512`, of 64 or more.',
    },
    redact_all_types: {
      type: 'boolean',
      default: false,
      description:
        'Whether `blocked_values` are looked for in attributes that are no texts, too: in what they are as text, which then replaces them.',
    },
    summary: {
      enum: ['', 'silent', 'info', 'debug'],
      default: '',
      description:
        'Whether it is noted how many attributes were changed (`info`), and which (`debug`): in attributes `redaction.…` beside them.',
    },
  },
} as const

export type RedactionConfig = ConfigOf<typeof schema>

const PATTERNS = ['ignored_key_patterns', 'blocked_key_patterns', 'blocked_values', 'allowed_values'] as const
const KEY_BYTES: Readonly<Record<string, number>> = { 'hmac-sha256': 32, 'hmac-sha512': 64 }

function check(config: RedactionConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  for (const name of PATTERNS)
    for (const [i, pattern] of config[name].entries()) {
      const compiled = goPattern(pattern)
      if ('fault' in compiled) faults.push({ path: [name, i], message: compiled.fault })
    }
  const needed = KEY_BYTES[config.hash_function]
  const found = Buffer.byteLength(config.hmac_key ?? '')
  if (needed !== undefined && found < needed)
    faults.push({ path: ['hmac_key'], message: `found ${found} bytes; accepted with ${config.hash_function}: ${needed} or more` })
  return faults
}

export const factory: ProcessorFactory<typeof schema> = {
  type: 'redaction',
  signals: ['traces', 'metrics', 'logs'],
  stability: 'beta',
  masks: true,
  schema,
  check,
  async create(config, next, settings) {
    const { createRedaction } = await import('./redaction.ts')
    return createRedaction(config, next, settings)
  },
}
