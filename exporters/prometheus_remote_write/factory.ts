// Exporter `prometheus_remote_write` (`prometheusremotewrite`): metrics to Prometheus and whatever else takes its remote write. Its schema, and
// nothing else until a pipeline uses it.

import {
  clientAuthSchema,
  clientTlsFaults,
  clientTlsSchema,
  type ConfigFault,
  type ConfigOf,
  type ExporterFactory,
  headerFaults,
  headersSchema,
  labelFaults,
  proxyFaults,
  queueSchema,
  retrySchema,
  translationProperties,
  urlFaults,
} from '../../core/factory.ts'

/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */
export const schema = {
  type: 'object',
  required: ['endpoint'],
  properties: {
    endpoint: {
      type: 'string',
      description: 'Where to write to, path included: http://127.0.0.1:9090/api/v1/write for a Prometheus.',
    },
    protobuf_message: {
      enum: ['auto', 'v1', 'v2', 'prometheus.WriteRequest', 'io.prometheus.write.v2.Request'],
      default: 'auto',
      description:
        'Which message is sent: that of remote write 1.0 (`v1`, `prometheus.WriteRequest`), of 2.0 (`v2`, `io.prometheus.write.v2.Request`), or 2.0 until the destination shows that it reads 1.0 alone.',
    },
    namespace: translationProperties.namespace as typeof translationProperties.namespace,
    external_labels: {
      type: 'object',
      default: {},
      additionalProperties: { type: 'string' },
      description: 'Labels of every series; what the data itself has of that name counts more.',
    },
    translation_strategy: translationProperties.translation_strategy as typeof translationProperties.translation_strategy,
    resource_to_telemetry_conversion:
      translationProperties.resource_to_telemetry_conversion as typeof translationProperties.resource_to_telemetry_conversion,
    promote_resource_attributes:
      translationProperties.promote_resource_attributes as typeof translationProperties.promote_resource_attributes,
    disable_scope_info: translationProperties.disable_scope_info as typeof translationProperties.disable_scope_info,
    target_info: translationProperties.target_info as typeof translationProperties.target_info,
    delta: translationProperties.delta as typeof translationProperties.delta,
    max_delta_streams: translationProperties.max_delta_streams as typeof translationProperties.max_delta_streams,
    delta_max_stale: translationProperties.delta_max_stale as typeof translationProperties.delta_max_stale,
    send_metadata: {
      type: 'boolean',
      default: false,
      description: 'With 1.0, describe each metric (type, help, unit) once a minute; it is not in the specification. 2.0 always does.',
    },
    max_batch_size_bytes: {
      type: 'integer',
      format: 'bytes',
      minimum: 1024,
      default: 3_000_000,
      description: 'How large a request may become, before compression.',
    },
    max_samples_per_send: {
      type: 'integer',
      minimum: 1,
      default: 10_000,
      description: 'How many data points a request may hold.',
    },
    max_batch_request_parallelism: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 5,
      description:
        'How many requests may be on their way at once. Each has series of its own, so that the samples of one never overtake each other.',
    },
    max_series: {
      type: 'integer',
      minimum: 1,
      default: 300_000,
      description: 'Of how many streams of points the labels are remembered. More cost CPU, and nothing else.',
    },
    tls: clientTlsSchema as typeof clientTlsSchema,
    proxy_url: {
      type: 'string',
      secret: true,
      description: 'The proxy to send through. Without it the one that HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment name.',
    },
    headers: headersSchema as typeof headersSchema,
    auth: clientAuthSchema as typeof clientAuthSchema,
    timeout: {
      type: 'string',
      format: 'duration',
      default: '5s',
      description: 'How long one attempt may take, from its beginning to the last byte of the answer.',
    },
    retry_on_failure: retrySchema as typeof retrySchema,
    sending_queue: queueSchema as typeof queueSchema,
    idle_conn_timeout: { type: 'string', format: 'duration', default: '90s', description: 'How long an unused connection is kept.' },
    compression: { enum: ['snappy'], description: 'The one that remote write has.' },
    remote_write_queue: {
      type: 'object',
      additionalProperties: true,
      description: 'Of the Collector, not here: it is refused, with the reason.',
    },
    wal: { type: 'object', additionalProperties: true, description: 'Of the Collector, not here: it is refused, with the reason.' },
    add_metric_suffixes: { type: 'boolean', description: 'Of the Collector, not here: it is refused, with the reason.' },
  },
} as const
/* oxlint-enable typescript/no-unnecessary-type-assertion */

export type RemoteWriteConfig = ConfigOf<typeof schema>

/** Reserved by the specification, or written by the exporter itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'connection',
  'expect',
  'upgrade',
  'user-agent',
  'x-prometheus-remote-write-version',
])

const REFUSED: readonly (readonly [key: keyof RemoteWriteConfig, reason: string])[] = [
  ['remote_write_queue', 'there is no queue of its own here; accepted: sending_queue'],
  ['wal', 'what must survive a crash waits in the queue; accepted: sending_queue with storage'],
  ['add_metric_suffixes', 'accepted: translation_strategy: UnderscoreEscapingWithoutSuffixes instead of false'],
]

function check(config: RemoteWriteConfig): readonly ConfigFault[] {
  const { endpoint, proxy_url: proxy, protobuf_message: message, translation_strategy: strategy } = config
  const faults: ConfigFault[] = [...urlFaults('endpoint', endpoint, true)]
  for (const [key, reason] of REFUSED) if (config[key] !== undefined) faults.push({ path: [key], message: reason })
  const isPlain = strategy === 'NoUTF8EscapingWithSuffixes' || strategy === 'NoTranslation'
  if (isPlain && message !== 'v2' && message !== 'io.prometheus.write.v2.Request')
    faults.push({
      path: ['translation_strategy'],
      message: `found "${strategy}" with protobuf_message: ${message}; names that are not escaped need 2.0, which is not left then: accepted with protobuf_message: v2`,
    })
  faults.push(...labelFaults('external_labels', config.external_labels))
  if (proxy !== undefined && proxy !== '') faults.push(...proxyFaults('proxy_url', proxy))
  return [...faults, ...headerFaults(config.headers, OWN_HEADERS), ...clientTlsFaults(config.tls)]
}

export const factory: ExporterFactory<typeof schema> = {
  type: 'prometheus_remote_write',
  aliases: ['prometheusremotewrite'],
  signals: ['metrics'],
  stability: 'beta',
  keepsOrder: true,
  makesObjects: true,
  schema,
  check,
  async create(config, settings) {
    const { RemoteWriteExporter } = await import('./remote-write-exporter.ts')
    return new RemoteWriteExporter(config, settings)
  },
}
