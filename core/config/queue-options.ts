// `sending_queue`, as exporters put it into their schemas: the Collector's keys, and what they come to. Core makes the queue.

import { type RetryOptions, retryOptionsOf, type retrySchema } from '../client/retry-options.ts'
import type { ConfigOf, ConfigSchema } from './schema.ts'

/**
 * An exporter whose schema has `sending_queue: queueSchema` can have a queue in front of it: core reads the setting, answers senders from
 * the queue, and calls the exporter's `consume` with a deadline of Infinity. The exporter itself has nothing to do.
 */
export const queueSchema = {
  type: 'object',
  default: {},
  description:
    'A queue in front of the destination. Senders are answered as soon as it has taken their data: in memory, where a crash loses what waits, or with `storage` on disk, synced.',
  properties: {
    enabled: { type: 'boolean', default: false, description: 'Whether there is a queue. Without one, senders wait for the destination.' },
    storage: {
      type: 'string',
      minLength: 1,
      extension: 'storage',
      examples: ['file_storage'],
      description:
        'The extension that keeps the queue on disk: what was answered survives a crash, and waits there for as long as it must.',
    },
    num_consumers: { type: 'integer', minimum: 1, maximum: 10_000, default: 10, description: 'How many batches are on their way at once.' },
    queue_size: {
      type: 'integer',
      minimum: 1,
      description: 'How much may wait, in the unit of `sizer`: 1000 where this is not set, and with `storage` as much as that holds.',
    },
    sizer: {
      enum: ['requests', 'items', 'bytes'],
      default: 'requests',
      description: 'What `queue_size` counts: batches, items (spans, data points, log records), or bytes before compression.',
    },
    max_bytes: {
      type: 'integer',
      format: 'bytes',
      minimum: 1,
      description:
        'The most memory that what waits may take, whatever `queue_size` allows: 256 MiB where this is not set. With `storage`, 64 MiB: what is beyond lies on disk alone.',
    },
    wait_for_result: { enum: [false], description: 'As in the Collector; to wait for the destination is to have no queue.' },
    block_on_overflow: {
      type: 'boolean',
      default: false,
      description: 'Whether senders wait for room in a full queue, as long as their deadline allows, instead of being told to come back.',
    },
  },
} as const

export interface QueueOptions {
  readonly consumers: number
  /** Infinity where only the storage bounds it. */
  readonly size: number
  readonly sizer: 'requests' | 'items' | 'bytes'
  readonly maxBytes: number
  readonly blockOnOverflow: boolean
  /** The id of the extension that keeps it. */
  readonly storage: string | undefined
  /** How it offers again what the destination does not take now. */
  readonly retry: RetryOptions
}

/** For exporters without `retry_on_failure`. */
const DEFAULT_RETRY: RetryOptions = {
  enabled: true,
  initialIntervalMs: 1000,
  maxIntervalMs: 30_000,
  multiplier: 2,
  randomizationFactor: 0.5,
  maxElapsedMs: Infinity,
}
const DEFAULT_SIZE = 1000
const DEFAULT_MEMORY_BYTES = 256 * 1024 * 1024
const DEFAULT_WINDOW_BYTES = 64 * 1024 * 1024

/** What an exporter's settings say of a queue; undefined where there is none. */
export function queueOptionsOf(schema: ConfigSchema, config: unknown): QueueOptions | undefined {
  if (schema.properties?.['sending_queue'] !== queueSchema) return undefined
  const { sending_queue: queue, retry_on_failure: retry } = config as {
    readonly sending_queue: ConfigOf<typeof queueSchema>
    readonly retry_on_failure?: ConfigOf<typeof retrySchema>
  }
  if (!queue.enabled) return undefined
  const { storage } = queue
  return {
    consumers: queue.num_consumers,
    size: queue.queue_size ?? (storage === undefined ? DEFAULT_SIZE : Infinity),
    sizer: queue.sizer,
    maxBytes: queue.max_bytes ?? (storage === undefined ? DEFAULT_MEMORY_BYTES : DEFAULT_WINDOW_BYTES),
    storage,
    blockOnOverflow: queue.block_on_overflow,
    retry: retry === undefined ? DEFAULT_RETRY : retryOptionsOf(retry),
  }
}
