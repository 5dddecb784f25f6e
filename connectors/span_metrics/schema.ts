// The schema of `span_metrics`, and what its configuration is after it.

import { type ConfigOf, latencyBucketsSchema } from '../../core/factory.ts'

/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */
const dimension = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, description: 'The attribute: of the span, or else of its resource.' },
    default: { type: 'string', description: 'What it is where neither has it; without this the dimension is left out there.' },
    glob: {
      type: 'string',
      minLength: 1,
      description: 'Instead of `name`: every attribute whose key matches. `*` stays between dots, `**` does not.',
    },
  },
} as const

export const schema = {
  type: 'object',
  properties: {
    dimensions: {
      type: 'array',
      items: dimension as typeof dimension,
      default: [] as readonly never[],
      description:
        'Attributes that tell series apart, beside `service.name`, `span.name`, `span.kind`, `status.code` and `collector.instance.id`.',
    },
    calls_dimensions: {
      type: 'array',
      items: dimension as typeof dimension,
      default: [] as readonly never[],
      description: 'More of them for `calls` alone.',
      folded: true,
    },
    exclude_dimensions: {
      type: 'array',
      items: { type: 'string' },
      default: [] as readonly never[],
      description: 'Which of the five do not tell series apart.',
    },
    histogram: {
      type: 'object',
      default: {},
      properties: {
        disable: { type: 'boolean', default: false, description: 'Whether there is no `duration`.' },
        unit: { type: 'string', enum: ['ms', 's'], default: 'ms', description: 'The unit of durations.' },
        explicit: {
          type: 'object',
          description: 'A histogram with given bounds, which is what there is without this, too.',
          properties: {
            buckets: latencyBucketsSchema as typeof latencyBucketsSchema,
          },
        },
        exponential: {
          type: 'object',
          description: 'Instead: an exponential histogram.',
          properties: {
            max_size: { type: 'integer', minimum: 0, maximum: 16_384, default: 160, description: 'Its most buckets; `0` is 160.' },
          },
        },
        dimensions: {
          type: 'array',
          items: dimension as typeof dimension,
          default: [] as readonly never[],
          description: 'More of them for `duration` alone.',
          folded: true,
        },
      },
    },
    exemplars: {
      type: 'object',
      default: {},
      properties: {
        enabled: { type: 'boolean', default: false, description: 'Whether data points name spans that are in them.' },
        max_per_data_point: { type: 'integer', minimum: 0, default: 5, description: 'How many at most: the first that come.' },
      },
    },
    events: {
      type: 'object',
      default: {},
      properties: {
        enabled: { type: 'boolean', default: false, description: 'Whether the events of spans are counted, too, as `events`.' },
        dimensions: {
          type: 'array',
          items: dimension as typeof dimension,
          default: [] as readonly never[],
          description: 'Attributes of events that tell their series apart; needed where they are counted.',
          folded: true,
        },
      },
    },
    namespace: { type: 'string', default: 'traces.span.metrics', description: 'What stands before the names, with a dot; may be empty.' },
    aggregation_temporality: {
      type: 'string',
      enum: ['AGGREGATION_TEMPORALITY_CUMULATIVE', 'AGGREGATION_TEMPORALITY_DELTA'],
      default: 'AGGREGATION_TEMPORALITY_CUMULATIVE',
      description: 'Whether metrics say what there was since a series began, or since they were last handed on.',
    },
    metrics_flush_interval: { type: 'string', format: 'duration', default: '60s', description: 'How often metrics are handed on.' },
    metrics_expiration: {
      type: 'string',
      format: 'duration',
      default: '0s',
      description: 'After how long without a span of a resource its series are forgotten; `0s`: never.',
    },
    series_expiration: {
      type: 'string',
      format: 'duration',
      default: '0s',
      description: 'The same for single series.',
    },
    aggregation_cardinality_limit: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description:
        'How many series a metric of one resource may have. What would be one more is counted in a series `otel.metric.overflow=true`. `0`: as many as `max_series` allows.',
    },
    max_series: {
      type: 'integer',
      minimum: 1,
      default: 100_000,
      description: 'The same for all resources and metrics together.',
    },
    resource_metrics_cache_size: {
      type: 'integer',
      minimum: 1,
      default: 1000,
      description:
        'How many resources may have series. For one more, that which was seen least recently is forgotten; where it has something to hand on still, the new one is counted in a series without a resource.',
    },
    resource_metrics_key_attributes: {
      type: 'array',
      items: { type: 'string' },
      default: [] as readonly never[],
      description:
        'Attributes by which resources are told apart, where not by all of them: the first that comes stands for those that are like it.',
    },
    add_resource_attributes: {
      type: 'boolean',
      default: true,
      description: 'Whether metrics carry the attributes of the resource. Without them all resources are as one.',
    },
    include_instrumentation_scope: {
      type: 'array',
      items: { type: 'string' },
      default: [] as readonly never[],
      description: 'Names of instrumentation scopes that are dimensions, with their version, of their spans.',
    },
    enable_metrics_sampling_method: {
      type: 'boolean',
      default: false,
      description: 'Whether a dimension `sampling.method` says if spans stand for more than themselves: `extrapolated`, else `counted`.',
    },
    metric_timestamp_cache_size: {
      type: 'integer',
      minimum: 1,
      default: 1000,
      description: 'For how many delta series it is remembered when they were last handed on, which is where the next data point begins.',
    },
  },
} as const
/* oxlint-enable typescript/no-unnecessary-type-assertion */

export type Config = ConfigOf<typeof schema>
export type DimensionConfig = Config['dimensions'][number]
