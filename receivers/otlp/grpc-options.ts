// `protocols.grpc` of receiver `otlp`: the Collector's keys, and ours.
/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */

import { authSchema, type ConfigFault, type ConfigOf, serverTlsSchema } from '../../core/factory.ts'
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

const KEEPALIVE = {
  type: 'object',
  default: {},
  description: 'How long connections live, and who looks after them.',
  properties: {
    server_parameters: {
      type: 'object',
      default: {},
      properties: {
        max_connection_idle: {
          type: 'string',
          format: 'duration',
          default: '0s',
          description: 'After so long without a call a connection is closed. 0 is never.',
        },
        max_connection_age: {
          type: 'string',
          format: 'duration',
          default: '0s',
          description: 'After so long, give or take a tenth, it is closed, so that senders spread anew over several receivers. 0 is never.',
        },
        max_connection_age_grace: {
          type: 'string',
          format: 'duration',
          default: '0s',
          description: 'How long the calls that are open then may take. 0 is without limit.',
        },
        time: {
          type: 'string',
          format: 'duration',
          default: '2h',
          description: 'After so long without a sign of life the sender is pinged.',
        },
        timeout: { type: 'string', format: 'duration', default: '20s', description: 'How long it may take to answer.' },
      },
    },
    enforcement_policy: {
      type: 'object',
      default: {},
      properties: {
        min_time: {
          type: 'string',
          format: 'duration',
          default: '5m',
          description: 'A sender that pings more often than that is sent away (`too_many_pings`).',
        },
        permit_without_stream: {
          type: 'boolean',
          default: false,
          description: 'Whether it may ping so often without a call; otherwise every 2h.',
        },
      },
    },
  },
} as const

export const grpcSchema = {
  type: 'object',
  description: 'OTLP over gRPC.',
  properties: {
    endpoint: {
      type: 'string',
      default: '127.0.0.1:4317',
      description: 'Where to listen, as host:port or unix:///path. `0.0.0.0:4317` is every interface.',
    },
    transport: TRANSPORT as typeof TRANSPORT,
    tls: serverTlsSchema as typeof serverTlsSchema,
    auth: authSchema as typeof authSchema,
    max_recv_msg_size_mib: {
      type: 'integer',
      minimum: 1,
      maximum: 4095,
      default: 64,
      description: 'The largest request, in MiB, before and after decompression. Larger ones are answered RESOURCE_EXHAUSTED.',
    },
    max_concurrent_streams: {
      type: 'integer',
      minimum: 0,
      maximum: 4_294_967_295,
      default: 1000,
      description: 'The most calls at once on one connection; the sender keeps more to itself. 0 is without limit.',
    },
    keepalive: KEEPALIVE as typeof KEEPALIVE,
    read_buffer_size: {
      type: 'integer',
      format: 'bytes',
      minimum: 0,
      description: 'Accepted, and without effect: Node sizes its buffers itself.',
    },
    write_buffer_size: { type: 'integer', format: 'bytes', minimum: 0, description: 'Accepted, and without effect.' },
    include_metadata: INCLUDE_METADATA as typeof INCLUDE_METADATA,
    timeout: TIMEOUT as typeof TIMEOUT,
    read_timeout: READ_TIMEOUT as typeof READ_TIMEOUT,
    min_body_rate: MIN_BODY_RATE as typeof MIN_BODY_RATE,
    min_body_rate_grace: MIN_BODY_RATE_GRACE as typeof MIN_BODY_RATE_GRACE,
    max_connections: MAX_CONNECTIONS as typeof MAX_CONNECTIONS,
  },
} as const

export type GrpcConfig = ConfigOf<typeof grpcSchema>

export function grpcFaults(grpc: GrpcConfig): readonly ConfigFault[] {
  return commonFaults(grpc)
}
