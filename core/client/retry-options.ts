// `retry_on_failure`, as exporters put it into their schemas: the Collector's keys, and what they come to.

import type { ConfigOf } from '../config/schema.ts'
import { parseDuration } from '../config/duration.ts'

export const retrySchema = {
  type: 'object',
  default: {},
  description: 'Sending again after a failure that may pass. It always ends when nobody waits for the answer any more.',
  properties: {
    enabled: { type: 'boolean', default: true, description: 'Whether to send again at all.' },
    initial_interval: {
      type: 'string',
      format: 'duration',
      default: '500ms',
      description: 'The pause before the second attempt. Short, because a sender without a queue waits 8s only.',
    },
    max_interval: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description: 'The longest pause, whatever the multiplier says. While a sender waits for the answer none grows past 1s.',
    },
    multiplier: { type: 'number', minimum: 1, default: 1.5, description: 'By how much each pause is longer than the one before.' },
    randomization_factor: {
      type: 'number',
      minimum: 0,
      maximum: 1,
      default: 0.5,
      description: 'How far a pause may be from its value, so that many senders do not come back at once.',
    },
    max_elapsed_time: {
      type: 'string',
      format: 'duration',
      default: '0s',
      description:
        'After this long the batch is given back; behind a queue in memory that means lost, behind one on disk the dead letters have it. 0 is without limit: until the sender stops waiting, or for as long as the queue has room.',
    },
  },
} as const

export interface RetryOptions {
  readonly enabled: boolean
  readonly initialIntervalMs: number
  readonly maxIntervalMs: number
  readonly multiplier: number
  readonly randomizationFactor: number
  /** Infinity is without limit. */
  readonly maxElapsedMs: number
}

export function retryOptionsOf(config: ConfigOf<typeof retrySchema>): RetryOptions {
  return {
    enabled: config.enabled,
    initialIntervalMs: parseDuration(config.initial_interval),
    maxIntervalMs: parseDuration(config.max_interval),
    multiplier: config.multiplier,
    randomizationFactor: config.randomization_factor,
    maxElapsedMs: parseDuration(config.max_elapsed_time) || Infinity,
  }
}
