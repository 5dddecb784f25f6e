// The messages of one connection, of any signal and for any transport. load.ts asks for them.

import { type Head, httpHead, type Message, type MessageOptions, patch, prepareMessages } from './body.ts'
import { grpcMessage } from './grpc-connection.ts'
import { protocolRequest } from './messages.ts'
import { otherBody, patchTimes } from './other-bodies.ts'

/** `messages` are the trace protocol's, `sealed` the same with an HMAC each. */
export type Signal = 'traces' | 'metrics' | 'logs' | 'messages' | 'sealed'

export interface Prepared {
  readonly messages: readonly Message[]
  /** Makes a message carry item `first` and following. Not while it is being sent. */
  readonly patch: (message: Message, first: number) => void
}

export interface PrepareOptions {
  readonly port: number
  readonly path: string
  readonly run: number
  readonly spansPerRequest: number
  readonly signal: Signal
  readonly transport: 'http' | 'grpc'
}

/** Makes the messages of the connection with that number. */
export function preparer({ port, path, run, spansPerRequest, signal, transport }: PrepareOptions): (number: number) => Prepared {
  const head: { readonly head?: Head } =
    transport === 'grpc' ? { head: (length) => grpcMessage(Buffer.alloc(length), false).subarray(0, 5) } : {}
  return (number) => {
    const options = { spans: spansPerRequest, run, host: `127.0.0.1:${port}`, path, seed: number, ...head }
    if (signal === 'traces') return { messages: prepareMessages(options), patch }
    if (signal === 'metrics' || signal === 'logs') return prepareOther(signal, options)
    const { message, patch: renumber } = protocolRequest(options, signal === 'sealed')
    return { messages: [message], patch: renumber }
  }
}

function prepareOther(signal: 'metrics' | 'logs', options: MessageOptions): Prepared {
  const { bytes: body, timeAt } = otherBody(signal, options)
  const head = options.head === undefined ? httpHead(options, body.length) : options.head(body.length)
  const bytes = Buffer.concat([head, body])
  const none = new Int32Array(0)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const message: Message = { bytes, bodyAt: head.length, view, spans: options.spans, traceIdAt: none, parentIdAt: none, userAt: none }
  const at = timeAt.map((offset) => offset + head.length)
  return { messages: [message], patch: (one, first) => patchTimes(one, at, first) }
}
