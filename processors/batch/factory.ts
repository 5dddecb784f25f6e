// The `batch` processor: merges what concurrent senders sent, and answers each when downstream has taken its own.

import { type ProcessorFactory, defineProcessor, parseDuration } from '../../core/factory.ts'

const schema = {
  type: 'object',
  properties: {
    send_batch_size: {
      type: 'integer',
      minimum: 1,
      default: 8192,
      description: 'Spans, data points or log records at which a batch leaves at once.',
    },
    send_batch_max_size: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: 'A larger batch is split, so that none that leaves exceeds this; 0: no limit.',
    },
    max_ack_delay: {
      type: 'string',
      format: 'duration',
      default: '5ms',
      description: 'How long a batch may wait for company while its sender waits for the answer.',
    },
    timeout: {
      type: 'string',
      format: 'duration',
      default: '200ms',
      description: 'How long a batch may wait for company where no sender waits: behind a component that has taken responsibility.',
    },
  },
} as const

/** The buckets of the Collector's histogram. */
const SIZES = [
  10, 25, 50, 75, 100, 250, 500, 750, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000, 20_000, 30_000, 50_000, 100_000,
]

export const factory: ProcessorFactory<typeof schema> = defineProcessor({
  type: 'batch',
  signals: ['traces', 'metrics', 'logs'],
  stability: 'beta',
  schema,
  check({ send_batch_size: size, send_batch_max_size: max }) {
    if (max === 0 || max >= size) return []
    return [{ path: ['send_batch_max_size'], message: `is ${max}, but must be 0 or at least send_batch_size, which is ${size}` }]
  },
  async create(config, next, settings) {
    // oxlint-disable-next-line no-restricted-imports -- a door of core, loaded when it is used
    const { Batcher } = await import('../../core/index.ts')
    const { meter } = settings
    const size = meter.histogram('otelcol_processor_batch_batch_send_size', '{item}', 'Number of items in a batch that left.', SIZES)
    const full = meter.counter(
      'otelcol_processor_batch_batch_size_trigger_send',
      '{batch}',
      'Number of batches that left because they were full.',
    )
    const due = meter.counter(
      'otelcol_processor_batch_timeout_trigger_send',
      '{batch}',
      'Number of batches that left because they had waited.',
    )
    return new Batcher(
      {
        sendBatchSize: config.send_batch_size,
        sendBatchMaxSize: config.send_batch_max_size,
        timeoutMs: parseDuration(config.timeout),
        maxAckDelayMs: parseDuration(config.max_ack_delay),
      },
      next,
      settings.clock,
      (count, trigger) => {
        size(count)
        if (trigger === 'size') full(1)
        else due(1)
      },
    )
  },
})
