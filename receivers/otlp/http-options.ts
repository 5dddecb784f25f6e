// `protocols.http` of receiver `otlp`: the Collector's keys, and ours.
/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */

import { authSchema, type ConfigFault, type ConfigOf, quoted, serverTlsSchema } from '../../core/factory.ts'
import {
  commonFaults,
  INCLUDE_METADATA,
  MAX_CONNECTIONS,
  MIN_BODY_RATE,
  MIN_BODY_RATE_GRACE,
  READ_TIMEOUT,
  TIMEOUT,
  TRANSPORT,
} from './common-options.ts'

export const httpSchema = {
  type: 'object',
  description: 'OTLP over HTTP, protobuf and JSON on one port.',
  properties: {
    endpoint: {
      type: 'string',
      default: '127.0.0.1:4318',
      description: 'Where to listen, as host:port or unix:///path. `0.0.0.0:4318` is every interface.',
    },
    transport: TRANSPORT as typeof TRANSPORT,
    tls: serverTlsSchema as typeof serverTlsSchema,
    auth: authSchema as typeof authSchema,
    cors: {
      type: 'object',
      description: 'Lets pages of other origins send. Without it, none.',
      properties: {
        allowed_origins: {
          type: 'array',
          items: { type: 'string' },
          default: [],
          description: 'Such as `https://app.example.org`; `*` stands for anything, and alone for every origin, without credentials.',
        },
        allowed_headers: {
          type: 'array',
          items: { type: 'string' },
          default: [],
          description: 'Beside Accept, Content-Type and X-Requested-With, which are always allowed; `*` is any.',
        },
        exposed_headers: { type: 'array', items: { type: 'string' }, default: [], description: 'Headers of answers that a page may read.' },
        max_age: {
          type: 'integer',
          minimum: 0,
          default: 0,
          description: 'For how many seconds a browser may remember this. 0 does not say.',
        },
      },
    },
    traces_url_path: { type: 'string', default: '/v1/traces', description: 'Where traces are posted.' },
    metrics_url_path: { type: 'string', default: '/v1/metrics', description: 'Where metrics are posted.' },
    logs_url_path: { type: 'string', default: '/v1/logs', description: 'Where logs are posted.' },
    max_request_body_size: {
      type: 'integer',
      format: 'bytes',
      minimum: 1,
      default: 67_108_864,
      description: 'The largest request, in bytes after decompression. Larger ones are answered 413.',
    },
    compression_algorithms: {
      type: 'array',
      items: { type: 'string', enum: ['', 'gzip', 'zstd', 'deflate'] },
      default: ['', 'gzip', 'zstd', 'deflate'],
      description: 'Which Content-Encodings are taken; the empty one is a body that is not compressed.',
    },
    include_metadata: INCLUDE_METADATA as typeof INCLUDE_METADATA,
    timeout: TIMEOUT as typeof TIMEOUT,
    read_header_timeout: {
      type: 'string',
      format: 'duration',
      default: '10s',
      description: 'How long the head of a request may take to arrive.',
    },
    read_timeout: READ_TIMEOUT as typeof READ_TIMEOUT,
    write_timeout: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description: 'How long a sender may take to read its answer. 0 is without limit.',
    },
    idle_timeout: {
      type: 'string',
      format: 'duration',
      default: '90s',
      description: 'How long a connection without a request is kept open.',
    },
    min_body_rate: MIN_BODY_RATE as typeof MIN_BODY_RATE,
    min_body_rate_grace: MIN_BODY_RATE_GRACE as typeof MIN_BODY_RATE_GRACE,
    max_connections: MAX_CONNECTIONS as typeof MAX_CONNECTIONS,
  },
} as const

export type HttpConfig = ConfigOf<typeof httpSchema>

const URL_PATH = /^\/[\w.~/-]*$/
const ORIGIN = /^(\*|[a-z][a-z0-9+.-]*:\/\/[^/\s]+)$/i

export function httpFaults(http: HttpConfig): readonly ConfigFault[] {
  const faults = [...commonFaults(http)]
  const paths = new Map<string, string>()
  for (const key of ['traces_url_path', 'metrics_url_path', 'logs_url_path'] as const) {
    const path = http[key]
    const other = paths.get(path)
    if (!URL_PATH.test(path)) faults.push({ path: [key], message: `found ${quoted(path)}; accepted: a path such as /v1/traces` })
    else if (other !== undefined) faults.push({ path: [key], message: `${quoted(path)} is ${other} too; accepted: a path of its own` })
    paths.set(path, key)
  }
  for (const [index, origin] of (http.cors?.allowed_origins ?? []).entries()) {
    if (ORIGIN.test(origin)) continue
    const message = `found ${quoted(origin)}; accepted: an origin such as https://app.example.org or https://*.example.org, or *`
    faults.push({ path: ['cors', 'allowed_origins', index], message })
  }
  return faults
}
