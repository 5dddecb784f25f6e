// Exporter `otlp_http` (`otlphttp`): OTLP over HTTP to a backend or the next Collector. Its schema, and nothing else until a pipeline uses it.

import { type ConfigFault, type ConfigOf, type ExporterFactory, quoted, retrySchema } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  properties: {
    endpoint: {
      type: 'string',
      description: 'Where the destination listens, as http://host:port or https://host:port; `/v1/traces` is added.',
    },
    traces_endpoint: { type: 'string', description: 'The whole address for traces, where it is not `endpoint` with `/v1/traces`.' },
    headers: {
      type: 'object',
      default: {},
      additionalProperties: { type: 'string', secret: true },
      description: 'Sent with every request, for example `Authorization`.',
    },
    encoding: {
      enum: ['proto', 'json'],
      default: 'proto',
      description: 'How the spans are written: protobuf, or JSON for what reads nothing else.',
    },
    compression: { enum: ['gzip', 'zstd', 'none'], default: 'gzip', description: 'How the body is compressed.' },
    compression_params: {
      type: 'object',
      default: {},
      description: 'Fine tuning of the compression.',
      properties: {
        level: { type: 'integer', minimum: 1, maximum: 22, description: 'gzip 1 to 9 (without it 6), zstd 1 to 22 (without it 3).' },
      },
    },
    timeout: {
      type: 'string',
      format: 'duration',
      default: '5s',
      description: 'How long one attempt may take, from its beginning to the last byte of the answer.',
    },
    // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone
    retry_on_failure: retrySchema as typeof retrySchema,
    max_conns_per_host: { type: 'integer', minimum: 1, default: 16, description: 'The most connections to the destination.' },
    idle_conn_timeout: { type: 'string', format: 'duration', default: '90s', description: 'How long an unused connection is kept.' },
  },
} as const

export type OtlpHttpConfig = ConfigOf<typeof schema>

/** Written by the exporter itself: another value would contradict the body. */
const OWN_HEADERS = new Set(['content-type', 'content-length', 'content-encoding', 'transfer-encoding', 'connection', 'expect', 'upgrade'])
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~\w]+$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const GZIP_MAX_LEVEL = 9

function check(config: OtlpHttpConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const { endpoint, traces_endpoint: tracesEndpoint, headers, compression, compression_params: params } = config
  if (endpoint === undefined && tracesEndpoint === undefined) {
    faults.push({ path: [], message: 'there is no endpoint; set it, for example to http://127.0.0.1:4318' })
  }
  if (endpoint !== undefined) faults.push(...urlFaults('endpoint', endpoint))
  if (tracesEndpoint !== undefined) faults.push(...urlFaults('traces_endpoint', tracesEndpoint))
  for (const [name, value] of Object.entries(headers)) faults.push(...headerFaults(name, value))
  if (compression === 'none' && params.level !== undefined) {
    faults.push({ path: ['compression_params', 'level'], message: 'there is no compression to have a level; leave it out' })
  }
  if (compression === 'gzip' && (params.level ?? 1) > GZIP_MAX_LEVEL) {
    faults.push({ path: ['compression_params', 'level'], message: `found ${params.level}; accepted for gzip: 1 to 9` })
  }
  return faults
}

function urlFaults(key: string, text: string): readonly ConfigFault[] {
  const fault = (message: string): readonly ConfigFault[] => [{ path: [key], message }]
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    return fault(`found ${quoted(text)}; accepted: an address such as http://127.0.0.1:4318`)
  }
  // An address is shown in logs and errors; a password is not.
  if (url.username !== '' || url.password !== '') return fault('the address holds a password; put it into headers, as Authorization')
  if (url.hash !== '') return fault(`the address ends in ${quoted(url.hash)}, which is never sent; leave it out`)
  if (key === 'endpoint' && url.search !== '') return fault('the address has a query; give the whole address as traces_endpoint')
  return []
}

function headerFaults(name: string, value: string): readonly ConfigFault[] {
  const fault = (message: string): readonly ConfigFault[] => [{ path: ['headers', name], message }]
  if (!HEADER_NAME.test(name)) return fault('this is no name of a header; accepted: letters, digits and dashes')
  if (OWN_HEADERS.has(name.toLowerCase())) return fault('the exporter writes this header itself; leave it out')
  if (!HEADER_VALUE.test(value))
    return fault('the value holds characters that a header cannot; accepted: printable Latin text without line breaks')
  return []
}

export const factory: ExporterFactory<typeof schema> = {
  type: 'otlp_http',
  aliases: ['otlphttp'],
  signals: ['traces'],
  stability: 'alpha',
  schema,
  check,
  async create(config, settings) {
    const { OtlpHttpExporter } = await import('./otlp-http-exporter.ts')
    return new OtlpHttpExporter(config, settings)
  },
}
