// What a client is made with, what it tells its application, and the defaults. `createClient` calls `settled` before anything else.

/** A fault of a message: `path` is a JSON pointer into it, `''` the whole. */
export interface Fault {
  readonly path: string
  readonly message: string
}

/** The server will not have this message, or it could not be written or signed. It is not sent again. */
export interface Rejection {
  readonly messageId: string
  readonly messageType: string
  readonly errors: readonly Fault[]
}

/** Messages that were given up without an answer. */
export interface Drop {
  readonly count: number
  /** `buffer_full`: the server was away for too long. `closed`: it was still away when the client, or the program, ended. */
  readonly reason: 'buffer_full' | 'closed'
}

/** What became of every message so far: `made` is the sum of the others. */
export interface Counts {
  readonly made: number
  /** The server has it, now or from an earlier attempt. */
  readonly accepted: number
  readonly rejected: number
  readonly dropped: number
  /** In the buffer, or sent and not answered yet. */
  readonly pending: number
}

/** A key of Web Crypto, so that a page can use one that it cannot read. */
export interface PrivateKey {
  readonly type: string
  readonly algorithm: { readonly name: string }
}

export interface Keys {
  /** Shared with the receiver: makes `security.integrity_check`. */
  readonly integrity?: string
  /** Private, Ed25519 or RSA, as PEM (PKCS #8) or a key of Web Crypto: makes `security.message_signature`. */
  readonly signature?: string | PrivateKey
  /** Seals the payload with AES-256-GCM: 32 bytes. */
  readonly encryption?: { readonly keyId: string; readonly key: Uint8Array }
}

export interface Sender {
  /** `sender.sender_id`: the name under which the receiver knows the keys. */
  readonly id: string
  readonly type?: string
  /** `sender.authentication`, as it is to be sent with every message. */
  readonly authentication?: Readonly<Record<string, unknown>>
}

export type TransportName = 'http' | 'websocket' | 'grpc'

export interface ClientOptions {
  /** Such as `http://127.0.0.1:4320` or `ws://127.0.0.1:4321`; without a path it is `/v1/messages`. */
  readonly url: string | URL
  /** Without it, what the URL begins with says: `http:` and `https:` are HTTP, `ws:` and `wss:` WebSocket. */
  readonly transport?: TransportName
  /** `service.name` of what this client reports. */
  readonly service: string
  readonly serviceVersion?: string
  /** Attributes of the resource of all executions. */
  readonly resource?: Readonly<Record<string, unknown>>
  readonly sender?: Sender
  readonly keys?: Keys
  /** For `Authorization: Bearer`. A function is asked again for every request or connection. */
  readonly token?: string | (() => string | Promise<string>)
  /** More headers, or metadata. On a WebSocket there are none. */
  readonly headers?: Readonly<Record<string, string>>
  /** How long a message waits for others to travel with. */
  readonly lingerMs?: number
  readonly maxBatchBytes?: number
  /** How much may wait while the server is away, in bytes of messages, those on their way included. */
  readonly maxBufferBytes?: number
  /** What is given up when the buffer is full. */
  readonly whenFull?: 'drop_oldest' | 'drop_newest'
  /** How long an answer may take; then the same messages are sent again. */
  readonly answerTimeoutMs?: number
  /** The wait after a failure doubles from one to the other, of which a random part of up to half is left out. */
  readonly minBackoffMs?: number
  readonly maxBackoffMs?: number
  /** How long `close`, and the end of a program, wait for the server. */
  readonly closeTimeoutMs?: number
  /** How long an unused WebSocket stays open. In Node it keeps the program from ending, so it is short there. */
  readonly idleTimeoutMs?: number
  readonly onRejected?: (rejection: Rejection) => void
  readonly onDrop?: (drop: Drop) => void
  /** The server cannot be reached, or cannot take anything now; what was to be sent is kept. */
  readonly onTrouble?: (error: Error) => void
}

/** Options with what was left out. */
export interface Settled extends ClientOptions {
  readonly url: URL
  readonly transport: TransportName
  readonly whenFull: 'drop_oldest' | 'drop_newest'
  readonly lingerMs: number
  readonly maxBatchBytes: number
  readonly maxBufferBytes: number
  readonly answerTimeoutMs: number
  readonly minBackoffMs: number
  readonly maxBackoffMs: number
  readonly closeTimeoutMs: number
  readonly idleTimeoutMs: number
}
type Amount = {
  [K in keyof ClientOptions]-?: Exclude<ClientOptions[K], undefined> extends number ? K : never
}[keyof ClientOptions]

const isNode: boolean = typeof globalThis.process?.versions?.node === 'string'

const AMOUNTS: Readonly<Record<Amount, number>> = {
  lingerMs: 20,
  maxBatchBytes: 262_144,
  maxBufferBytes: 8_388_608,
  answerTimeoutMs: 15_000,
  minBackoffMs: 100,
  maxBackoffMs: 10_000,
  closeTimeoutMs: 10_000,
  idleTimeoutMs: isNode ? 2_000 : 60_000,
}
const SCHEMES: Readonly<Record<string, TransportName>> = { 'http:': 'http', 'https:': 'http', 'ws:': 'websocket', 'wss:': 'websocket' }

/** @throws TypeError where an option is wrong: that is told at once, and is the only thing that is ever thrown. */
export function settled(options: ClientOptions): Settled {
  const url = urlOf(options.url)
  const transport = options.transport ?? SCHEMES[url.protocol]!
  if (!['http', 'websocket', 'grpc'].includes(transport))
    throw new TypeError(`createClient: transport: got ${JSON.stringify(transport)}; accepted: http, websocket, grpc`)
  if (typeof options.service !== 'string' || options.service === '')
    throw new TypeError(`createClient: service: got ${JSON.stringify(options.service)}; accepted: the name of this service`)
  const whenFull = options.whenFull ?? 'drop_oldest'
  if (!['drop_oldest', 'drop_newest'].includes(whenFull))
    throw new TypeError(`createClient: whenFull: got ${JSON.stringify(whenFull)}; accepted: drop_oldest, drop_newest`)
  const amounts = Object.entries(AMOUNTS).map(([name, fallback]) => [name, numberOf(options, name as Amount, fallback)] as const)
  return { ...options, ...(Object.fromEntries(amounts) as Record<Amount, number>), url, transport, whenFull }
}

function urlOf(given: string | URL): URL {
  const url = URL.canParse(String(given)) ? new URL(String(given)) : undefined
  if (url === undefined || !(url.protocol in SCHEMES))
    throw new TypeError(
      `createClient: url: got ${JSON.stringify(String(given))}; accepted: such as http://127.0.0.1:4320 or ws://127.0.0.1:4321`,
    )
  return url
}

function numberOf(options: ClientOptions, name: Amount, fallback: number): number {
  const given = options[name] ?? fallback
  if (typeof given !== 'number' || !(given >= 0))
    throw new TypeError(`createClient: ${name}: got ${String(given)}; accepted: a number from 0`)
  return given
}
