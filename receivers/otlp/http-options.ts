// `protocols.http` of receiver `otlp`: the Collector's keys, and ours.
/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */

import { authSchema, type ConfigFault, type ConfigOf, corsFaults, corsSchema, quoted, serverTlsSchema } from '../../core/factory.ts'
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
    cors: corsSchema as typeof corsSchema,
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
  if (http.cors !== undefined) faults.push(...corsFaults(http.cors).map(({ path, message }) => ({ path: ['cors', ...path], message })))
  return faults
}
