// Extension `anomaly_model`: learns what traffic is usual, and scores what is not, in threads of its own.

import { type ConfigFault, type ConfigOf, defineExtension, type ExtensionFactory, parseDuration, quoted } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  properties: {
    threads: {
      type: 'integer',
      minimum: 0,
      maximum: 64,
      default: 0,
      description:
        'Threads that score; `0`: one fewer than the machine has processors, and at least one. Another one trains, now and then.',
    },
    timeout_ms: {
      type: 'integer',
      minimum: 1,
      maximum: 60_000,
      default: 100,
      description:
        'How long, in milliseconds, a batch waits for its scores; then it goes on without. A thread that takes that long, and at least 0.8 s, is replaced.',
    },
    max_heap_mb: {
      type: 'integer',
      minimum: 16,
      maximum: 4096,
      default: 64,
      description: 'The most that the heap of a thread may take, in MiB. One that wants more ends, and is replaced.',
    },
    warm_up: {
      type: 'integer',
      minimum: 256,
      maximum: 1_000_000,
      default: 2000,
      description:
        'After so many traces (or spans, where those are scored) the model is trained for the first time. Before, nothing has a score.',
    },
    min_samples: {
      type: 'integer',
      minimum: 10,
      maximum: 2000,
      default: 50,
      description: 'Spans of an operation after which it is known what is usual for it.',
    },
    max_operations: {
      type: 'integer',
      minimum: 10,
      maximum: 1_000_000,
      default: 5000,
      description: 'Operations whose usual values are kept, about 1 KiB each; one more, and the one seen longest ago is forgotten.',
    },
    reservoir_size: {
      type: 'integer',
      minimum: 256,
      maximum: 1_000_000,
      default: 8192,
      description: 'Traces (or spans) that the model is trained on: a sample of the last `window`.',
    },
    window: {
      type: 'string',
      format: 'duration',
      default: '1h',
      description: 'What came longer ago has mostly left the sample.',
    },
    retrain_interval: {
      type: 'string',
      format: 'duration',
      default: '10m',
      description: 'How often the model is trained anew. Where the traffic has become another, that happens at once.',
    },
    flagged_share: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 0.2,
      default: 0.002,
      description: 'The share of the usual traffic that scores over the bound: what scores higher is anomalous.',
    },
    features: {
      type: 'object',
      default: {},
      description: 'What is looked at. Whatever is `false` is not.',
      properties: {
        duration: { type: 'boolean', default: true, description: 'It took longer than the operation usually does.' },
        self_time: {
          type: 'boolean',
          default: true,
          description: 'A larger share of its time than usual was spent in the span itself, not in those it called.',
        },
        critical_path: {
          type: 'boolean',
          default: true,
          description: 'The trace waited for it for a larger share of its time than usual.',
        },
        children: { type: 'boolean', default: true, description: 'It called more, or fewer, spans than usual.' },
        repeats: { type: 'boolean', default: true, description: 'It called the same operation more often than usual, as retries do.' },
        fan_out: { type: 'boolean', default: true, description: 'More of those it called ran side by side than usual.' },
        gap: { type: 'boolean', default: true, description: 'It waited longer than usual between two calls.' },
        errors: {
          type: 'boolean',
          default: true,
          description: 'It has an error, where few spans of the operation have one; the more so the more of the last ones had.',
        },
        operation: { type: 'boolean', default: true, description: 'The operation was seen less than `min_samples` times.' },
        edge: { type: 'boolean', default: true, description: 'A known operation called one that it hardly ever calls.' },
        missing: { type: 'boolean', default: true, description: 'It did not call an operation that it nearly always calls.' },
        spans: {
          type: 'boolean',
          default: true,
          description: 'The trace has more, or fewer, spans than those that begin with the same operation. Of whole traces only.',
        },
      },
    },
    attributes: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      maxItems: 16,
      default: [],
      examples: [['db.response.returned_rows']],
      description: 'Numeric attributes of spans that are looked at, too: more or less than is usual for the operation.',
    },
    seed: {
      type: 'integer',
      minimum: 0,
      maximum: 2_147_483_647,
      default: 1,
      description: 'Of the random splits: the same traffic makes the same model.',
    },
    storage: {
      type: 'string',
      extension: 'storage',
      description:
        'A `file_storage` extension, which stands before this one: with it, what was learned survives a restart. No name or value of a span is written.',
    },
  },
} as const

export type AnomalyModelConfig = ConfigOf<typeof schema>

function check(config: AnomalyModelConfig): readonly ConfigFault[] {
  const { window, retrain_interval: interval, warm_up: warmUp, reservoir_size: size, features, attributes } = config
  const faults: ConfigFault[] = []
  for (const [key, value] of [
    ['window', window],
    ['retrain_interval', interval],
  ] as const)
    if (parseDuration(value) <= 0) faults.push({ path: [key], message: `found ${quoted(value)}; accepted: a time, such as 10m` })
  if (warmUp > size)
    faults.push({ path: ['warm_up'], message: `found ${warmUp}, more than reservoir_size (${size}) holds; accepted: as many at most` })
  if (attributes.length === 0 && Object.values(features).every((isOn) => !isOn))
    faults.push({
      path: ['features'],
      message: 'all of them are off, and nothing is left to look at; accepted: one at least, or attributes',
    })
  for (const [i, key] of attributes.entries())
    if (attributes.indexOf(key) < i) faults.push({ path: ['attributes', i], message: `${quoted(key)} stands there already` })
  return faults
}

export const factory: ExtensionFactory<typeof schema> = defineExtension({
  type: 'anomaly_model',
  signals: [],
  stability: 'alpha',
  schema,
  check,
  provides: () => ['anomaly_model'],
  async create(config, _service, settings) {
    const { ForestModel } = await import('./forest-model.ts')
    return new ForestModel(config, settings)
  },
})
