// Receiver `websocket`: messages of the trace protocol and OTLP, on connections that stay open. Its schema, and nothing else until a pipeline uses it.
/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */

import {
  authSchema,
  type ConfigFault,
  type ConfigOf,
  executionsSchema,
  type ExecutionsSchema,
  protocolFaults,
  type ReceiverFactory,
  serverTlsSchema,
  trustSchema,
  webSocketFaults,
  webSocketSchema,
  type WebSocketSchema,
} from '../../core/factory.ts'

const common: ExecutionsSchema['properties'] = executionsSchema.properties
const door: WebSocketSchema['properties'] = webSocketSchema.properties

export const schema = {
  type: 'object',
  properties: {
    endpoint: {
      type: 'string',
      default: '127.0.0.1:4321',
      description: 'Where to listen, as host:port or unix:///path. `0.0.0.0:4321` is every interface.',
    },
    tls: serverTlsSchema as typeof serverTlsSchema,
    auth: authSchema as typeof authSchema,
    trust: trustSchema as typeof trustSchema,
    allowed_origins: door.allowed_origins as typeof door.allowed_origins,
    executions: common.executions as typeof common.executions,
    remember: common.remember as typeof common.remember,
    metrics: common.metrics as typeof common.metrics,
    timeout: common.timeout as typeof common.timeout,
    storage: common.storage as typeof common.storage,
    max_in_flight_bytes: {
      type: 'integer',
      format: 'bytes',
      minimum: 1,
      default: 268_435_456,
      description: 'How many bytes may be held at once for all connections. Past it, connections are ended with 1013.',
    },
    max_connections: door.max_connections as typeof door.max_connections,
    max_message_size: door.max_message_size as typeof door.max_message_size,
    max_unanswered: door.max_unanswered as typeof door.max_unanswered,
    max_waiting_bytes: door.max_waiting_bytes as typeof door.max_waiting_bytes,
    compression: door.compression as typeof door.compression,
    read_header_timeout: door.read_header_timeout as typeof door.read_header_timeout,
    read_timeout: door.read_timeout as typeof door.read_timeout,
    write_timeout: door.write_timeout as typeof door.write_timeout,
    ping_interval: door.ping_interval as typeof door.ping_interval,
    pong_timeout: door.pong_timeout as typeof door.pong_timeout,
    idle_timeout: door.idle_timeout as typeof door.idle_timeout,
  },
} as const

export type ReceiverConfig = ConfigOf<typeof schema>

function check(config: ReceiverConfig): readonly ConfigFault[] {
  const { max_message_size, max_in_flight_bytes } = config
  const faults = [...webSocketFaults(config), ...protocolFaults(config)]
  if (max_in_flight_bytes < max_message_size) {
    const message = `${max_in_flight_bytes} is less than the largest message may have (${max_message_size} bytes)`
    faults.push({ path: ['max_in_flight_bytes'], message })
  }
  return faults
}

export const factory: ReceiverFactory<typeof schema> = {
  type: 'websocket',
  makesObjects: true,
  signals: ['traces', 'metrics', 'logs'],
  stability: 'alpha',
  schema,
  check,
  async create(config, next, settings) {
    const { WebSocketReceiver } = await import('./websocket-receiver.ts')
    return WebSocketReceiver.create(config, next, settings)
  },
}
