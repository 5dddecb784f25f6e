// Receiver `mplp`: executions of multi-agent systems in the trace protocol, over HTTP. Its schema, and nothing else until a pipeline uses it.
/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */

import {
  addressFaults,
  authSchema,
  type ConfigFault,
  type ConfigOf,
  corsFaults,
  corsSchema,
  executionsSchema,
  type ExecutionsSchema,
  faultsUnder,
  protocolFaults,
  type ReceiverFactory,
  serverTlsSchema,
  timeFaults,
  trustSchema,
  webSocketFaults,
  webSocketSchema,
  type WebSocketSchema,
} from '../../core/factory.ts'

const common: ExecutionsSchema['properties'] = executionsSchema.properties

const door: WebSocketSchema['properties'] = webSocketSchema.properties

const WEB_SOCKET = {
  type: 'object',
  description: 'Listen for WebSocket, too: messages in frames, and subscriptions.',
  properties: {
    endpoint: {
      type: 'string',
      default: '127.0.0.1:4321',
      description: 'Where to listen, as host:port or unix:///path. `0.0.0.0:4321` is every interface.',
    },
    allowed_origins: door.allowed_origins as typeof door.allowed_origins,
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
export type WebSocketSection = ConfigOf<typeof WEB_SOCKET>

const GRPC = {
  type: 'object',
  description: 'Listen for gRPC, too: service `mplp.v1.TraceProtocol`.',
  properties: {
    endpoint: {
      type: 'string',
      default: '127.0.0.1:4322',
      description: 'Where to listen, as host:port or unix:///path. `0.0.0.0:4322` is every interface.',
    },
    max_concurrent_streams: {
      type: 'integer',
      minimum: 1,
      maximum: 4_294_967_295,
      default: 1000,
      description: 'The most calls at once on one connection; the sender keeps more to itself.',
    },
    max_unanswered: door.max_unanswered as typeof door.max_unanswered,
    max_waiting_bytes: door.max_waiting_bytes as typeof door.max_waiting_bytes,
    write_timeout: door.write_timeout as typeof door.write_timeout,
  },
} as const
export type GrpcConfig = ConfigOf<typeof GRPC>

export const schema = {
  type: 'object',
  properties: {
    endpoint: {
      type: 'string',
      default: '127.0.0.1:4320',
      description: 'Where to listen, as host:port or unix:///path. `0.0.0.0:4320` is every interface.',
    },
    tls: serverTlsSchema as typeof serverTlsSchema,
    auth: authSchema as typeof authSchema,
    cors: corsSchema as typeof corsSchema,
    trust: trustSchema as typeof trustSchema,
    websocket: WEB_SOCKET as typeof WEB_SOCKET,
    grpc: GRPC as typeof GRPC,
    executions: common.executions as typeof common.executions,
    remember: common.remember as typeof common.remember,
    metrics: common.metrics as typeof common.metrics,
    timeout: common.timeout as typeof common.timeout,
    storage: common.storage as typeof common.storage,
    max_request_body_size: {
      type: 'integer',
      format: 'bytes',
      minimum: 1,
      default: 8_388_608,
      description: 'The largest request, in bytes after decompression. Larger ones are answered 413.',
    },
    max_messages: {
      type: 'integer',
      minimum: 1,
      default: 10_000,
      description: 'How many messages a request may hold. One with more is answered 413.',
    },
    max_in_flight_bytes: {
      type: 'integer',
      format: 'bytes',
      minimum: 1,
      default: 268_435_456,
      description: 'How many bytes of requests may be held at once. Past it, senders are told to try again.',
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
    min_body_rate: {
      type: 'integer',
      format: 'bytes',
      minimum: 0,
      default: 256,
      description: 'How many bytes a second a body must arrive with, on the average, after its first ten seconds. 0 is no minimum.',
    },
    max_connections: {
      type: 'integer',
      minimum: 1,
      description: 'The most connections at once; more are closed. Without it, no limit.',
    },
  },
} as const

export type MplpConfig = ConfigOf<typeof schema>

function check(config: MplpConfig): readonly ConfigFault[] {
  const { websocket, grpc, cors, max_request_body_size, max_in_flight_bytes } = config
  const faults = [...protocolFaults(config)]
  if (max_in_flight_bytes < max_request_body_size) {
    const message = `${max_in_flight_bytes} is less than the largest request may have (${max_request_body_size} bytes)`
    faults.push({ path: ['max_in_flight_bytes'], message })
  }
  if (cors !== undefined) faults.push(...faultsUnder(['cors'], corsFaults(cors)))
  if (websocket !== undefined)
    faults.push(...faultsUnder(['websocket'], [...addressFaults(websocket.endpoint), ...webSocketFaults(websocket)]))
  if (grpc !== undefined)
    faults.push(...faultsUnder(['grpc'], [...addressFaults(grpc.endpoint), ...timeFaults({ write_timeout: grpc.write_timeout })]))
  return faults
}

export const factory: ReceiverFactory<typeof schema> = {
  type: 'mplp',
  makesObjects: true,
  signals: ['traces', 'metrics', 'logs'],
  stability: 'alpha',
  schema,
  check,
  async create(config, next, settings) {
    const { MplpReceiver } = await import('./mplp-receiver.ts')
    return MplpReceiver.create(config, next, settings)
  },
}
