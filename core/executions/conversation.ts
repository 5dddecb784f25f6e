// The trace protocol on a connection that stays open: messages in frames, an answer for each with its number, and subscriptions beside them.
// Doors of WebSocket make one for every connection.

import { isObject, type Json, readJson } from '../mplp/index.ts'
import type { Talk } from '../server/index.ts'
import type { JsonObject } from '../trust/index.ts'
import type { Told } from './answer.ts'
import { Subscriptions, type SubscriptionTools } from './subscriptions.ts'

/** Messages in one frame: each needs an answer, however short it is. */
const MOST_MESSAGES = 1000

interface Waiting {
  readonly frame: Buffer
  readonly answer: (text: string) => void
  readonly failed: (error: unknown) => void
}

/** A frame whose messages are being taken: `first` is the place of its first one among all that are. */
interface Taking extends Waiting {
  readonly first: number
  readonly count: number
  readonly number: number
  readonly isList: boolean
}

export class Conversation implements Talk {
  readonly binary = false
  readonly #tools: SubscriptionTools
  readonly #subscriptions: Subscriptions
  #waiting: Waiting[] = []
  /** Of everything that the client has sent. */
  #number = 0

  constructor(tools: SubscriptionTools) {
    this.#tools = tools
    this.#subscriptions = new Subscriptions(tools)
  }

  /** Frames that come in one turn are taken together, so that what they produce leaves together: a third less CPU. */
  take(frame: Buffer): Promise<string> {
    if (this.#waiting.length === 0) queueMicrotask(() => this.#takeAll())
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    this.#waiting.push({ frame, answer: resolve, failed: reject })
    return promise
  }

  get isListening(): boolean {
    return this.#subscriptions.count > 0
  }

  closed(): void {
    this.#subscriptions.close()
  }

  #takeAll(): void {
    const waiting = this.#waiting
    this.#waiting = []
    const messages: Json[] = []
    const taking: Taking[] = []
    for (const one of waiting) {
      const read = [...upTo(MOST_MESSAGES + 1, readJson(one.frame, 'json'))]
      const number = this.#number + 1
      const isList = beginsList(one.frame)
      const request = isList || read.length !== 1 ? undefined : subscriptionIn(read[0]!)
      this.#number += request !== undefined || read.length > MOST_MESSAGES ? 1 : read.length
      if (request !== undefined) one.answer(numbered(this.#subscriptions.answer(request), number))
      else if (read.length > MOST_MESSAGES) one.answer(numbered(TOO_MANY, number))
      else {
        taking.push({ ...one, first: messages.length, count: read.length, number, isList })
        for (const json of read) messages.push(json)
      }
    }
    if (taking.length === 0) return
    const { executions, origin } = this.#tools
    executions.take(messages, origin).then(
      (told) => {
        for (const one of taking) one.answer(answersOf(one, told))
      },
      (error: unknown) => {
        for (const { failed } of taking) failed(error)
      },
    )
  }
}

const TOO_MANY = {
  message_type: 'ack',
  status: 'rejected',
  errors: [{ path: '', message: `there are too many messages in one frame; accepted: ${MOST_MESSAGES}` }],
} as const

function answersOf({ first, count, number, isList }: Taking, told: readonly Told[]): string {
  if (!isList) return numbered(told[first]!.answer, number)
  const texts: string[] = []
  for (let i = 0; i < count; i++) texts.push(numbered(told[first + i]!.answer, number + i))
  return `[${texts.join(',')}]`
}

function numbered(answer: object, number: number): string {
  return `${JSON.stringify(answer).slice(0, -1)},"n":${number}}`
}

function subscriptionIn(json: Json): JsonObject | undefined {
  if ('fault' in json || !isObject(json.value)) return undefined
  const { message_type: type } = json.value
  return type === 'subscribe' || type === 'unsubscribe' ? json.value : undefined
}

function* upTo(most: number, jsons: Iterable<Json>): Generator<Json, void, undefined> {
  let count = 0
  for (const json of jsons) {
    yield json
    if (++count === most) return
  }
}

/** JSON that begins with a bracket is a list. */
function beginsList(frame: Uint8Array): boolean {
  const first = frame.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)
  return first === 0x5b
}
