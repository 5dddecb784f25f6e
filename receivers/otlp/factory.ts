// Receiver `otlp`: OTLP over HTTP. Its schema, and nothing else until a pipeline uses it.

import { type ConfigFault, type ConfigOf, ENDPOINT_ACCEPTED, endpointOf, quoted, type ReceiverFactory } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  required: ['protocols'],
  properties: {
    protocols: {
      type: 'object',
      required: ['http'],
      description: 'What it listens for.',
      properties: {
        http: {
          type: 'object',
          description: 'OTLP over HTTP, protobuf and JSON on one port.',
          properties: {
            endpoint: {
              type: 'string',
              default: '127.0.0.1:4318',
              description: 'Where to listen, as host:port. `0.0.0.0:4318` is every interface.',
            },
            traces_url_path: { type: 'string', default: '/v1/traces', description: 'Where traces are posted.' },
            max_request_body_size: {
              type: 'integer',
              format: 'bytes',
              minimum: 1,
              default: 67_108_864,
              description: 'The largest request, in bytes after decompression. Larger ones are answered 413.',
            },
            max_in_flight_bytes: {
              type: 'integer',
              format: 'bytes',
              minimum: 1,
              default: 268_435_456,
              description: 'How many bytes of requests may be held at once. Past it, requests are answered 503 with Retry-After.',
            },
            timeout: {
              type: 'string',
              format: 'duration',
              default: '8s',
              description: 'How long the pipelines may take to accept a request; then it is answered 503. Below the 10s that SDKs wait.',
            },
            read_header_timeout: {
              type: 'string',
              format: 'duration',
              default: '10s',
              description: 'How long the head of a request may take to arrive.',
            },
            read_timeout: {
              type: 'string',
              format: 'duration',
              default: '60s',
              description: 'How long a whole request may take to arrive. 0 is without limit.',
            },
            idle_timeout: {
              type: 'string',
              format: 'duration',
              default: '90s',
              description: 'How long a connection without a request is kept open.',
            },
            max_connections: {
              type: 'integer',
              minimum: 1,
              description: 'The most connections at once; more are closed. Without it, no limit.',
            },
          },
        },
      },
    },
  },
} as const

export type OtlpConfig = ConfigOf<typeof schema>

const URL_PATH = /^\/[\w.~/-]*$/
function check({ protocols: { http } }: OtlpConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  const fault = (key: string, message: string): void => void faults.push({ path: ['protocols', 'http', key], message })
  if (endpointOf(http.endpoint) === undefined) fault('endpoint', `found ${quoted(http.endpoint)}; accepted: ${ENDPOINT_ACCEPTED}`)
  if (!URL_PATH.test(http.traces_url_path)) {
    fault('traces_url_path', `found ${quoted(http.traces_url_path)}; accepted: a path such as /v1/traces`)
  }
  if (http.max_in_flight_bytes < http.max_request_body_size) {
    fault('max_in_flight_bytes', `${http.max_in_flight_bytes} is less than max_request_body_size (${http.max_request_body_size})`)
  }
  return faults
}

export const factory: ReceiverFactory<typeof schema> = {
  type: 'otlp',
  signals: ['traces'],
  stability: 'alpha',
  schema,
  check,
  async create(config, next, settings) {
    const { OtlpReceiver } = await import('./otlp-receiver.ts')
    return new OtlpReceiver(config, next, settings)
  },
}
