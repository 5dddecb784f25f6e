// The buckets that durations of spans are counted in where nobody says otherwise: those of the Collector. Schemas of connectors have them.

export const LATENCY_BUCKETS: readonly string[] = [
  '2ms',
  '4ms',
  '6ms',
  '8ms',
  '10ms',
  '50ms',
  '100ms',
  '200ms',
  '400ms',
  '800ms',
  '1s',
  '1400ms',
  '2s',
  '5s',
  '10s',
  '15s',
]

/* oxlint-disable typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone */
/** Put into a connector's `properties`. */
export const latencyBucketsSchema = {
  type: 'array',
  minItems: 1,
  maxItems: 1000,
  items: { type: 'string', format: 'duration' },
  default: LATENCY_BUCKETS as typeof LATENCY_BUCKETS,
  description: 'The upper ends of the buckets, ascending.',
} as const
/* oxlint-enable typescript/no-unnecessary-type-assertion */
