// The options of a WebSocket door that do not depend on who opens it, and the limits that they are. Factories take them from core/factory.ts.

import type { ConfigFault } from '../component.ts'
import { parseDuration } from '../config/duration.ts'
import { zeroFaults } from '../config/time-faults.ts'
import type { ConfigOf } from '../config/schema.ts'
import { quoted } from '../printable.ts'
import type { ConnectionLimits, Talker } from './web-socket-connection.ts'
import type { Protocols } from './web-socket-door.ts'

const properties = {
  allowed_origins: {
    type: 'array',
    items: { type: 'string' },
    default: [],
    description:
      'Which pages may connect, such as `https://app.example.org`; `*` stands for anything. Clients that are no browsers say no origin, and need none.',
  },
  max_connections: { type: 'integer', minimum: 1, default: 10_000, description: 'The most connections at once; more are answered 503.' },
  max_message_size: {
    type: 'integer',
    format: 'bytes',
    minimum: 1,
    default: 4_194_304,
    description: 'The largest message, in bytes after decompression. A larger one ends its connection with 1009.',
  },
  max_unanswered: {
    type: 'integer',
    minimum: 1,
    default: 256,
    description: 'How many frames of one connection may be on their way. Past it nothing more is read until half of them are answered.',
  },
  max_waiting_bytes: {
    type: 'integer',
    format: 'bytes',
    minimum: 1,
    default: 1_048_576,
    description: 'How much a client may have left unread. Past it nothing more is read from it.',
  },
  compression: {
    type: 'boolean',
    default: false,
    description: 'Let clients that ask for it compress their messages (permessage-deflate). It costs CPU and memory, even for small ones.',
  },
  read_header_timeout: {
    type: 'string',
    format: 'duration',
    default: '10s',
    description: 'How long the head of the upgrade may take to arrive.',
  },
  read_timeout: { type: 'string', format: 'duration', default: '60s', description: 'How long one message may take to arrive.' },
  write_timeout: {
    type: 'string',
    format: 'duration',
    default: '30s',
    description: 'How long a client that is not read from any more may take to read its answers.',
  },
  ping_interval: {
    type: 'string',
    format: 'duration',
    default: '30s',
    description: 'After so long without a sign of life the client is pinged.',
  },
  pong_timeout: {
    type: 'string',
    format: 'duration',
    default: '10s',
    description: 'How long it may take to answer; then the connection is cut.',
  },
  idle_timeout: {
    type: 'string',
    format: 'duration',
    default: '10m',
    description: 'How long a connection is kept on which no message came, and which subscribes to nothing. 0 is for ever.',
  },
} as const

export type WebSocketSchema = { readonly type: 'object'; readonly properties: typeof properties }
export const webSocketSchema: WebSocketSchema = { type: 'object', properties }
export type WebSocketConfig = ConfigOf<WebSocketSchema>

/** Where messages of the trace protocol are spoken. */
export const MESSAGE_PATHS = ['/v1/messages', '/'] as const

/** What a client offers that speaks the trace protocol; one that offers nothing speaks it, too. */
export function messageProtocols(talker: Talker): Protocols {
  return new Map([
    ['mplp.v1', talker],
    ['', talker],
  ])
}

const ORIGIN = /^(\*|[a-z][a-z0-9+.-]*:\/\/[^/\s]+)$/i

/** 0 would not be never, as it is for HTTP, but at once. */
const TIMES = ['read_header_timeout', 'read_timeout', 'write_timeout', 'ping_interval', 'pong_timeout'] as const

/** Of those that are there. */
export function timeFaults(config: Partial<Pick<WebSocketConfig, (typeof TIMES)[number]>>): readonly ConfigFault[] {
  return TIMES.flatMap((key) => (config[key] === undefined ? [] : zeroFaults([key], config[key], '30s')))
}

export function webSocketFaults(config: WebSocketConfig): readonly ConfigFault[] {
  const { allowed_origins } = config
  const faults = [...timeFaults(config)]
  for (const [index, origin] of allowed_origins.entries()) {
    if (ORIGIN.test(origin)) continue
    const message = `found ${quoted(origin)}; accepted: an origin such as https://app.example.org or https://*.example.org, or *`
    faults.push({ path: ['allowed_origins', index], message })
  }
  return faults
}

/** As a door takes them. */
export function webSocketLimits(config: WebSocketConfig): ConnectionLimits & {
  readonly maxConnections: number
  readonly readHeaderTimeoutMs: number
  readonly allowedOrigins: readonly string[]
  readonly compression: boolean
} {
  return {
    maxConnections: config.max_connections,
    maxMessageBytes: config.max_message_size,
    maxUnanswered: config.max_unanswered,
    maxWaitingBytes: config.max_waiting_bytes,
    readHeaderTimeoutMs: parseDuration(config.read_header_timeout),
    readTimeoutMs: parseDuration(config.read_timeout),
    writeTimeoutMs: parseDuration(config.write_timeout),
    pingIntervalMs: parseDuration(config.ping_interval),
    pongTimeoutMs: parseDuration(config.pong_timeout),
    idleTimeoutMs: parseDuration(config.idle_timeout),
    allowedOrigins: config.allowed_origins,
    compression: config.compression,
  }
}
