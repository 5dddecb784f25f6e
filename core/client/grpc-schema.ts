// The options of every exporter over gRPC, and what a schema cannot say of them. core/factory.ts hands it on.

import type { ConfigFault } from '../component.ts'
import { parseDuration } from '../config/duration.ts'
import { queueSchema } from '../config/queue-options.ts'
import type { ConfigOf } from '../config/schema.ts'
import { grpcAddressFaults } from './grpc-address.ts'
import { proxyFaults } from './proxy-faults.ts'
import { retrySchema } from './retry-options.ts'
import {
  clientAuthSchema,
  compressionFaults,
  compressionParamsSchema,
  compressionSchema,
  concatenatedMembersSchema,
  headerFaults,
  headersSchema,
} from './schema.ts'
import { clientTlsFaults, clientTlsSchema } from './tls-schema.ts'

/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */
export const grpcClientSchema = {
  type: 'object',
  required: ['endpoint'],
  properties: {
    endpoint: {
      type: 'string',
      description:
        'Where the destination listens: host:port, dns:///host:port, http://host:port, https://host:port or unix:///path/of/a/socket.',
    },
    tls: clientTlsSchema as typeof clientTlsSchema,
    proxy_url: {
      type: 'string',
      secret: true,
      description: 'The proxy to send through. Without it the one that HTTPS_PROXY and NO_PROXY of the environment name.',
    },
    headers: headersSchema as typeof headersSchema,
    auth: clientAuthSchema as typeof clientAuthSchema,
    authority: { type: 'string', description: 'The name to ask for, where it is not the one in `endpoint`.' },
    compression: compressionSchema as typeof compressionSchema,
    compression_params: compressionParamsSchema as typeof compressionParamsSchema,
    concatenated_members: concatenatedMembersSchema as typeof concatenatedMembersSchema,
    keepalive: {
      type: 'object',
      default: {},
      description: 'Asking whether the destination is still there.',
      properties: {
        time: { type: 'string', format: 'duration', default: '10s', description: 'How often to ask. 0 is never.' },
        timeout: {
          type: 'string',
          format: 'duration',
          default: '10s',
          description: 'How long the answer may take before the connection is given up.',
        },
        permit_without_stream: {
          type: 'boolean',
          default: false,
          description: 'Ask while nothing is on its way, too. Many servers close the connection for that.',
        },
      },
    },
    timeout: {
      type: 'string',
      format: 'duration',
      default: '5s',
      description: 'How long one attempt may take, from its beginning to the end of the answer. The destination is told.',
    },
    retry_on_failure: retrySchema as typeof retrySchema,
    sending_queue: queueSchema as typeof queueSchema,
    balancer_name: {
      enum: ['pick_first', 'round_robin'],
      default: 'pick_first',
      description: 'Of several addresses of one name, the first that answers is taken. `round_robin` is refused.',
    },
    wait_for_ready: {
      type: 'boolean',
      default: false,
      description: 'Taken and without effect: an attempt always waits for its connection, as long as `timeout`.',
    },
    read_buffer_size: { type: 'integer', format: 'bytes', description: 'Taken and without effect: answers are small.' },
    write_buffer_size: { type: 'integer', format: 'bytes', description: 'Taken and without effect: what is sent is not copied first.' },
  },
} as const
/* oxlint-enable typescript/no-unnecessary-type-assertion */

export type GrpcClientConfig = ConfigOf<typeof grpcClientSchema>

/** Written by the exporter itself, or not allowed in HTTP/2. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'te',
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'grpc-encoding',
  'grpc-accept-encoding',
  'grpc-timeout',
])

export function grpcClientFaults(config: GrpcClientConfig): readonly ConfigFault[] {
  const { proxy_url: proxy, keepalive } = config
  const faults: ConfigFault[] = [...grpcAddressFaults(config.endpoint, config.tls.insecure)]
  if (proxy !== undefined && proxy !== '') faults.push(...proxyFaults('proxy_url', proxy))
  if (config.balancer_name === 'round_robin') {
    faults.push({
      path: ['balancer_name'],
      message: 'one connection goes to one address; accepted: pick_first, or a proxy that balances calls',
    })
  }
  if (parseDuration(keepalive.time) > 0 && parseDuration(keepalive.timeout) === 0) {
    faults.push({ path: ['keepalive', 'timeout'], message: 'no answer comes in no time; accepted: a duration such as 10s' })
  }
  return [...faults, ...headerFaults(config.headers, OWN_HEADERS), ...compressionFaults(config), ...clientTlsFaults(config.tls)]
}
