// The trace protocol on a connection that stays open: messages in, an answer for each. Receivers make one for every connection: a `Conversation` for
// WebSocket, where a frame may be a list and clients may subscribe, and a `MessageQueue` alone for a stream of gRPC.

import { isObject, type Json, readJson } from '../mplp/index.ts'
import type { Origin } from '../batch.ts'
import type { Talk } from '../server/index.ts'
import type { JsonObject } from '../trust/index.ts'
import type { Answer, Told } from './answer.ts'
import type { Executions } from './executions.ts'
import { Subscriptions, type SubscriptionTools } from './subscriptions.ts'

/** Messages in one frame: each needs an answer, however short it is. */
const MOST_MESSAGES = 1000

/** Takes together what comes in one turn of the event loop, so that what it produces leaves together. */
export class MessageQueue {
  readonly #executions: Executions
  readonly #origin: Origin
  #messages: Json[] = []
  #told: Promise<readonly Told[]> | undefined

  constructor(executions: Executions, origin: Origin) {
    this.#executions = executions
    this.#origin = origin
  }

  /** In their order. */
  async take(messages: readonly Json[]): Promise<readonly Answer[]> {
    const first = this.#messages.length
    for (const message of messages) this.#messages.push(message)
    const all = await (this.#told ??= this.#takeSoon())
    return Array.from(messages, (_, i) => all[first + i]!.answer)
  }

  async #takeSoon(): Promise<readonly Told[]> {
    // Frames that were read at once are handed over one after another, before anything that waits for a promise.
    await Promise.resolve()
    const messages = this.#messages
    this.#messages = []
    this.#told = undefined
    return this.#executions.take(messages, this.#origin)
  }
}

export class Conversation implements Talk {
  readonly binary = false
  readonly #queue: MessageQueue
  readonly #subscriptions: Subscriptions
  /** Of everything that the client has sent. */
  #number = 0

  constructor(tools: SubscriptionTools) {
    this.#queue = new MessageQueue(tools.executions, tools.origin)
    this.#subscriptions = new Subscriptions(tools)
  }

  take(frame: Buffer): string | Promise<string> {
    const messages = readUpTo(MOST_MESSAGES + 1, frame)
    const isList = beginsList(frame)
    const request = isList ? undefined : subscriptionIn(messages)
    if (request !== undefined) return numbered(this.#subscriptions.answer(request), ++this.#number)
    if (messages.length > MOST_MESSAGES) return numbered(TOO_MANY, ++this.#number)
    const number = this.#number + 1
    this.#number += messages.length
    return this.#answer(messages, number, isList)
  }

  get isListening(): boolean {
    return this.#subscriptions.count > 0
  }

  closed(): void {
    this.#subscriptions.close()
  }

  async #answer(messages: readonly Json[], number: number, isList: boolean): Promise<string> {
    const answers = await this.#queue.take(messages)
    if (!isList) return numbered(answers[0]!, number)
    return `[${answers.map((answer, i) => numbered(answer, number + i)).join(',')}]`
  }
}

/** What is no list, as one message. */
export function oneMessageIn(bytes: Uint8Array): Json {
  const [json, ...more] = readUpTo(2, bytes)
  if (json !== undefined && more.length === 0 && !beginsList(bytes)) return json
  return { fault: { path: '', message: 'a list; accepted: one message' } }
}

const TOO_MANY = {
  message_type: 'ack',
  status: 'rejected',
  errors: [{ path: '', message: `there are too many messages in one frame; accepted: ${MOST_MESSAGES}` }],
} as const

function numbered(answer: object, number: number): string {
  return `${JSON.stringify(answer).slice(0, -1)},"n":${number}}`
}

function subscriptionIn([json]: readonly Json[]): JsonObject | undefined {
  if (json === undefined || 'fault' in json || !isObject(json.value)) return undefined
  const { message_type: type } = json.value
  return type === 'subscribe' || type === 'unsubscribe' ? json.value : undefined
}

function readUpTo(most: number, bytes: Uint8Array): readonly Json[] {
  const found: Json[] = []
  for (const json of readJson(bytes, 'json')) {
    found.push(json)
    if (found.length === most) break
  }
  return found
}

/** JSON that begins with a bracket is a list. */
function beginsList(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)
  return first === 0x5b
}
