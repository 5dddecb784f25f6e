// Exporter `prometheus`: a page with the latest value of every series, for Prometheus to scrape. Its schema, and nothing else until a pipeline
// uses it.

import {
  type ConfigFault,
  type ConfigOf,
  defineExporter,
  ENDPOINT_ACCEPTED,
  endpointOf,
  type ExporterFactory,
  labelFaults,
  quoted,
  serverTlsFaults,
  serverTlsSchema,
  translationProperties,
  zeroFaults,
} from '../../core/factory.ts'

/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */
export const schema = {
  type: 'object',
  properties: {
    endpoint: {
      type: 'string',
      default: '127.0.0.1:9464',
      description: 'Where to listen, as host:port. `0.0.0.0:9464` is every interface.',
    },
    path: { type: 'string', pattern: '^/', examples: ['/metrics'], default: '/metrics', description: 'Where the page is.' },
    namespace: translationProperties.namespace as typeof translationProperties.namespace,
    const_labels: {
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
    send_timestamps: {
      type: 'boolean',
      default: false,
      description: 'Show the times of the points. Without them the time of the scrape counts.',
    },
    metric_expiration: {
      type: 'string',
      format: 'duration',
      default: '5m',
      description: 'How long a series is shown of which no point comes any more.',
    },
    max_series: {
      type: 'integer',
      minimum: 1,
      default: 100_000,
      description: 'How many streams of points are kept; those of more are refused. A classic histogram is one.',
    },
    enable_open_metrics: {
      type: 'boolean',
      default: true,
      description: 'Whether OpenMetrics, and protobuf with native histograms, is spoken with whoever asks for it.',
    },
    tls: serverTlsSchema as typeof serverTlsSchema,
    auth: {
      type: 'object',
      description: 'Who may read.',
      required: ['authenticator'],
      properties: {
        authenticator: {
          type: 'string',
          extension: 'server_auth',
          description: 'An extension that tells readers by their headers or certificates.',
        },
      },
    },
    add_metric_suffixes: { type: 'boolean', description: 'Of the Collector, not here: it is refused, with the reason.' },
  },
} as const
/* oxlint-enable typescript/no-unnecessary-type-assertion */

export type PrometheusConfig = ConfigOf<typeof schema>

function check({
  endpoint,
  tls,
  const_labels: labels,
  metric_expiration: expiration,
  add_metric_suffixes: suffixes,
}: PrometheusConfig): readonly ConfigFault[] {
  const faults = [...labelFaults('const_labels', labels), ...zeroFaults(['metric_expiration'], expiration, '5m')]
  if (endpointOf(endpoint) === undefined)
    faults.push({ path: ['endpoint'], message: `found ${quoted(endpoint)}; accepted: ${ENDPOINT_ACCEPTED}` })
  if (suffixes !== undefined)
    faults.push({
      path: ['add_metric_suffixes'],
      message: 'accepted: translation_strategy: UnderscoreEscapingWithoutSuffixes instead of false',
    })
  if (tls !== undefined) faults.push(...serverTlsFaults(tls))
  return faults
}

export const factory: ExporterFactory<typeof schema> = defineExporter({
  type: 'prometheus',
  signals: ['metrics'],
  stability: 'beta',
  makesObjects: true,
  answersEarly: true,
  schema,
  check,
  async create(config, settings) {
    const { PrometheusExporter } = await import('./prometheus-exporter.ts')
    return new PrometheusExporter(config, settings)
  },
})
