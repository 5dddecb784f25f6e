// A message as it waits and travels: text that was written when the application called, and is the same at every attempt. `Executions` write them through
// `LetterWriter`, the outbox keeps them.

import { randomHex } from './ids.ts'
import { jsonOf, messageOf, utf8Length } from './json.ts'
import type { Sender } from './options.ts'

/** Kinds of messages: `message_type`, and the member of `payload` that holds the body. */
const TYPES = {
  start: ['trace.execution.start', 'trace_start'],
  update: ['trace.execution.update', 'trace_update'],
  finish: ['trace.execution.complete', 'trace_completion'],
  metrics: ['trace.metrics.collect', 'metrics_collection'],
} as const
export type Kind = keyof typeof TYPES

export interface Letter {
  readonly id: string
  readonly type: string
  text: string
  /** Of `text` in UTF-8. */
  bytes: number
  /** `text` has its proofs. */
  isSigned: boolean
  /** In the order in which the application spoke. */
  place: number
}

export class LetterWriter {
  /** Ids are these digits and a running number: making a random one for each would cost more than the rest of the envelope. */
  readonly #prefix: string = randomHex(16)
  readonly #sender: string
  #count = 0

  constructor(sender: Sender | undefined) {
    if (sender === undefined) this.#sender = ''
    else {
      const { id, type, authentication } = sender
      this.#sender = `,"sender":${jsonOf({ sender_id: id, sender_type: type, authentication })}`
    }
  }

  nextId(): string {
    return `${this.#prefix}-${++this.#count}`
  }

  /** @throws what the application's own values throw while they are read. */
  write(id: string, kind: Kind, time: string, body: object, correlationId: unknown): Letter {
    const [type, key] = TYPES[kind]
    const correlation = correlationId === undefined ? '' : `,"correlation_id":${JSON.stringify(messageOf(correlationId))}`
    const head = `{"message_type":"${type}","protocol_version":"1.0.0-alpha","message_id":"${id}","timestamp":"${time}"`
    const text = `${head}${correlation}${this.#sender},"payload":{"${key}":${jsonOf(body)}}}`
    return { id, type, text, bytes: utf8Length(text), isSigned: false, place: 0 }
  }
}

export function typeOf(kind: Kind): string {
  return TYPES[kind][0]
}
