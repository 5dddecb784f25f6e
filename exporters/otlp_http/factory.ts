// Exporter `otlp_http` (`otlphttp`): OTLP over HTTP to a backend or the next Collector. Its schema, and nothing else until a pipeline uses it.

import {
  clientAuthSchema,
  clientTlsFaults,
  clientTlsSchema,
  compressionFaults,
  compressionParamsSchema,
  compressionSchema,
  concatenatedMembersSchema,
  type ConfigFault,
  type ConfigOf,
  type ExporterFactory,
  headerFaults,
  headersSchema,
  proxyFaults,
  queueSchema,
  quoted,
  retrySchema,
  socketPathOf,
  urlFaults,
} from '../../core/factory.ts'

/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */
export const schema = {
  type: 'object',
  properties: {
    endpoint: {
      type: 'string',
      description:
        'Where the destination listens, as http://host:port, https://host:port or unix:///path/of/a/socket; `/v1/traces`, `/v1/metrics` or `/v1/logs` is added.',
    },
    traces_endpoint: { type: 'string', description: 'The whole address for traces, where it is not `endpoint` with `/v1/traces`.' },
    metrics_endpoint: { type: 'string', description: 'The whole address for metrics, where it is not `endpoint` with `/v1/metrics`.' },
    logs_endpoint: { type: 'string', description: 'The whole address for logs, where it is not `endpoint` with `/v1/logs`.' },
    tls: clientTlsSchema as typeof clientTlsSchema,
    proxy_url: {
      type: 'string',
      secret: true,
      description: 'The proxy to send through. Without it the one that HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment name.',
    },
    headers: headersSchema as typeof headersSchema,
    auth: clientAuthSchema as typeof clientAuthSchema,
    encoding: {
      enum: ['proto', 'json'],
      default: 'proto',
      description: 'How requests are written: protobuf, or JSON for what reads nothing else.',
    },
    compression: compressionSchema as typeof compressionSchema,
    compression_params: compressionParamsSchema as typeof compressionParamsSchema,
    concatenated_members: concatenatedMembersSchema as typeof concatenatedMembersSchema,
    timeout: {
      type: 'string',
      format: 'duration',
      default: '5s',
      description: 'How long one attempt may take, from its beginning to the last byte of the answer.',
    },
    retry_on_failure: retrySchema as typeof retrySchema,
    sending_queue: queueSchema as typeof queueSchema,
    max_conns_per_host: {
      type: 'integer',
      minimum: 0,
      default: 16,
      description: 'The most connections to the destination. 0 is no limit.',
    },
    max_idle_conns: { type: 'integer', minimum: 0, default: 100, description: 'As `max_idle_conns_per_host`: there is one destination.' },
    max_idle_conns_per_host: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: 'The most connections that may lie idle, and so the most that are opened. 0 is no limit.',
    },
    idle_conn_timeout: { type: 'string', format: 'duration', default: '90s', description: 'How long an unused connection is kept.' },
    disable_keep_alives: { type: 'boolean', default: false, description: 'A connection for every request.' },
    read_buffer_size: { type: 'integer', format: 'bytes', description: 'Taken and without effect: what is read goes where it stays.' },
    write_buffer_size: { type: 'integer', format: 'bytes', description: 'Taken and without effect: what is sent is not copied first.' },
    http2_read_idle_timeout: {
      type: 'string',
      format: 'duration',
      description: 'Of the Collector, not here: it is refused, with the reason.',
    },
    http2_ping_timeout: { type: 'string', format: 'duration', description: 'Of the Collector, not here: it is refused, with the reason.' },
    force_attempt_http2: { type: 'boolean', description: 'Of the Collector, not here: it is refused, with the reason.' },
    cookies: { type: 'object', additionalProperties: true, description: 'Of the Collector, not here: it is refused, with the reason.' },
  },
} as const
/* oxlint-enable typescript/no-unnecessary-type-assertion */

export type OtlpHttpConfig = ConfigOf<typeof schema>

/** Written by the exporter itself: another value would contradict the body. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'transfer-encoding',
  'connection',
  'expect',
  'upgrade',
])

const REFUSED: readonly (readonly [key: keyof OtlpHttpConfig, reason: string])[] = [
  ['http2_read_idle_timeout', 'this exporter speaks HTTP/1.1; leave it out, or send over gRPC with otlp_grpc'],
  ['http2_ping_timeout', 'this exporter speaks HTTP/1.1; leave it out, or send over gRPC with otlp_grpc'],
  ['force_attempt_http2', 'this exporter speaks HTTP/1.1; leave it out, or send over gRPC with otlp_grpc'],
  ['cookies', 'cookies are never kept; leave it out'],
]

function check(config: OtlpHttpConfig): readonly ConfigFault[] {
  const { endpoint, proxy_url: proxy } = config
  const faults: ConfigFault[] = []
  const own = [config.traces_endpoint, config.metrics_endpoint, config.logs_endpoint]
  if (endpoint === undefined && own.every((each) => each === undefined)) {
    faults.push({ path: [], message: 'there is no endpoint; set it, for example to http://127.0.0.1:4318' })
  }
  if (endpoint !== undefined) faults.push(...endpointFaults(endpoint))
  for (const key of ['traces_endpoint', 'metrics_endpoint', 'logs_endpoint'] as const) {
    if (config[key] !== undefined) faults.push(...urlFaults(key, config[key], true))
  }
  for (const [key, reason] of REFUSED) if (config[key] !== undefined) faults.push({ path: [key], message: reason })
  if (proxy !== undefined && proxy !== '') faults.push(...proxyFaults('proxy_url', proxy))
  return [...faults, ...headerFaults(config.headers, OWN_HEADERS), ...compressionFaults(config), ...clientTlsFaults(config.tls)]
}

function endpointFaults(endpoint: string): readonly ConfigFault[] {
  const socket = socketPathOf(endpoint)
  if (socket === undefined) return urlFaults('endpoint', endpoint, false)
  return socket === '' ? [{ path: ['endpoint'], message: `found ${quoted(endpoint)}; accepted: unix:///path/of/a/socket` }] : []
}

export const factory: ExporterFactory<typeof schema> = {
  type: 'otlp_http',
  aliases: ['otlphttp'],
  signals: ['traces', 'metrics', 'logs'],
  stability: 'beta',
  schema,
  check,
  async create(config, settings) {
    const { OtlpHttpExporter } = await import('./otlp-http-exporter.ts')
    return new OtlpHttpExporter(config, settings)
  },
}
