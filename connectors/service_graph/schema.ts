// The schema of `service_graph`, and what its configuration is after it.

import { type ConfigOf, latencyBucketsSchema } from '../../core/factory.ts'

const PEERS: readonly string[] = ['peer.service', 'db.namespace', 'db.name', 'db.system.name', 'db.system']
const DATABASES: readonly string[] = ['db.namespace', 'db.name']

/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */
export const schema = {
  type: 'object',
  properties: {
    store: {
      type: 'object',
      default: {},
      properties: {
        ttl: {
          type: 'string',
          format: 'duration',
          default: '10s',
          description: 'How long one side of a request waits for the other.',
        },
        max_items: {
          type: 'integer',
          minimum: 1,
          maximum: 10_000_000,
          default: 100_000,
          description: 'How many may wait at once. What would be one more is counted in `traces_service_graph_dropped_spans_total`.',
        },
      },
    },
    dimensions: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      default: [] as readonly never[],
      description: 'Attributes of spans, or else of their resources, that become labels `client_…` and `server_…`.',
    },
    latency_histogram_buckets: latencyBucketsSchema as typeof latencyBucketsSchema,
    exponential_histogram_max_size: {
      type: 'integer',
      minimum: 0,
      maximum: 16_384,
      default: 0,
      description: 'Instead: exponential histograms with so many buckets at most; `0`: none.',
    },
    virtual_node_peer_attributes: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      default: PEERS as typeof PEERS,
      description:
        'Attributes of a client span that name whom it called, where that sends no spans: the first that it has. Empty: there are no virtual nodes.',
    },
    virtual_node_extra_label: {
      type: 'boolean',
      default: false,
      description: 'Whether a label `virtual_node` says which side sent no span: `client` or `server`.',
    },
    database_name_attributes: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      default: DATABASES as typeof DATABASES,
      description: 'Attributes that make a client span a request to a database, and name it: the first that it has.',
    },
    enable_messaging_system_latency_histogram: {
      type: 'boolean',
      default: false,
      description: 'Whether the time between a producer and its consumer is measured, too.',
    },
    metrics_flush_interval: { type: 'string', format: 'duration', default: '60s', description: 'How often metrics are handed on.' },
    series_expiration: {
      type: 'string',
      format: 'duration',
      default: '15m',
      description: 'After how long without a request the series of an edge are forgotten; `0s`: never.',
    },
    max_series: {
      type: 'integer',
      minimum: 1,
      default: 20_000,
      description: 'How many edges may have series. What would be one more is counted in series `otel.metric.overflow=true`.',
    },
  },
} as const
/* oxlint-enable typescript/no-unnecessary-type-assertion */

export type Config = ConfigOf<typeof schema>
