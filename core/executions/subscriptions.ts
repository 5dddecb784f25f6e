// What one client of a two-way connection watches: `subscribe` and `unsubscribe`, and what happens to the executions that it asked for.

import type { Origin } from '../batch.ts'
import { type Fault, isObject } from '../mplp/index.ts'
import { quoted } from '../printable.ts'
import type { Audit, Line } from '../server/index.ts'
import { type JsonObject, permits, type RolesConfig } from '../trust/index.ts'
import type { Executions } from './executions.ts'
import { READ, type Sees, seenBy } from './sight.ts'
import type { ExecutionEvent, Happening } from './watchers.ts'

export interface SubscriptionTools {
  readonly executions: Executions
  readonly origin: Origin
  readonly line: Line
  /** Without them whoever may connect may look, at what is of his tenant. */
  readonly roles: RolesConfig | undefined
  readonly audit: Audit | undefined
}

/** Of one connection at once. */
const MOST = 16
const MOST_ID_CHARACTERS = 128
/** Of each word of a filter: it is kept as long as the connection, outside of what may be in flight. */
const MOST_WORD_CHARACTERS = 1024
/** Past it a reader of events is told how many it has missed. */
const MOST_WAITING_BYTES = 512 * 1024

const HAPPENINGS: ReadonlySet<unknown> = new Set<Happening>(['started', 'updated', 'finished', 'timeout', 'interrupted'])
const WORDS = ['service', 'operation', 'status', 'tenant'] as const

interface Filter {
  readonly words: ReadonlyMap<(typeof WORDS)[number], string>
  /** All of them where it is undefined. */
  readonly events: ReadonlySet<unknown> | undefined
}

export class Subscriptions {
  readonly #tools: SubscriptionTools
  readonly #stops = new Map<string, () => void>()

  constructor(tools: SubscriptionTools) {
    this.#tools = tools
  }

  get count(): number {
    return this.#stops.size
  }

  /** The answer to `subscribe` or `unsubscribe`, without its number. */
  answer(message: JsonObject): object {
    const { message_type: type, id } = message
    const faults = isId(id) ? (type === 'subscribe' ? this.#begin(id, message) : this.#end(id)) : [BAD_ID]
    const known = isId(id) ? { id } : {}
    if (faults.length === 0) return { message_type: 'ack', status: 'accepted', ...known }
    return { message_type: 'ack', status: 'rejected', ...known, errors: faults }
  }

  close(): void {
    for (const stop of this.#stops.values()) stop()
    this.#stops.clear()
  }

  #begin(id: string, { filter: asked }: JsonObject): readonly Fault[] {
    const { executions, origin, roles, audit } = this.#tools
    const { tenant, subject } = origin
    const deed = { act: READ, tenant, ...(subject === undefined ? {} : { subject }), object: textOf(asked) }
    if (roles !== undefined && !permits(roles, origin, { act: READ })) {
      audit?.({ kind: 'refusal', ...deed, reason: 'no role allows it' })
      return [{ path: '', message: 'whoever sends this may not' }]
    }
    const filter = filterOf(asked)
    if ('path' in filter) return [filter]
    if (this.#stops.has(id)) return [{ path: '/id', message: `${quoted(id)} is subscribed already` }]
    if (this.#stops.size >= MOST) return [{ path: '', message: `too many subscriptions; accepted: ${MOST} at once` }]
    audit?.({ kind: 'read', ...deed })
    this.#stops.set(id, executions.watch(chosenBy(filter, seenBy(origin, roles)), this.#teller(id, filter)))
    return []
  }

  #end(id: string): readonly Fault[] {
    const stop = this.#stops.get(id)
    if (stop === undefined) return [{ path: '/id', message: `${quoted(id)} is not subscribed` }]
    this.#stops.delete(id)
    stop()
    return []
  }

  #teller(id: string, { events }: Filter): (event: ExecutionEvent) => void {
    const { line } = this.#tools
    let missed = 0
    return ({ event, execution }) => {
      if (events?.has(event) === false) return
      if (line.waitingBytes > MOST_WAITING_BYTES) return void missed++
      if (missed > 0) line.send(JSON.stringify({ message_type: 'missed', id, count: missed }))
      missed = 0
      line.send(JSON.stringify({ message_type: 'execution_event', id, event, execution }))
    }
  }
}

const BAD_ID: Fault = { path: '/id', message: `accepted: text of 1 to ${MOST_ID_CHARACTERS} characters` }

function isId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && id.length <= MOST_ID_CHARACTERS
}

/** What is asked for, or what is wrong with it. */
function filterOf(asked: unknown): Filter | Fault {
  if (asked === undefined || asked === null) return { words: new Map(), events: undefined }
  if (!isObject(asked)) return { path: '/filter', message: 'accepted: an object' }
  const words = new Map<(typeof WORDS)[number], string>()
  let events: ReadonlySet<unknown> | undefined
  for (const [key, value] of Object.entries(asked)) {
    const path = `/filter/${key.slice(0, 60)}`
    if (key === 'event') {
      events = new Set(Array.isArray(value) ? (value as unknown[]) : [value])
      const stranger = [...events].some((event) => !HAPPENINGS.has(event))
      if (stranger) return { path, message: `accepted: one or a list of ${[...HAPPENINGS].join(', ')}` }
    } else {
      const word = WORDS.find((known) => known === key)
      if (word === undefined) return { path, message: `it is not known; accepted: ${WORDS.join(', ')}, event` }
      if (typeof value !== 'string' || value.length > MOST_WORD_CHARACTERS)
        return { path, message: `accepted: text of up to ${MOST_WORD_CHARACTERS} characters` }
      words.set(word, value)
    }
  }
  return { words, events }
}

function chosenBy({ words }: Filter, mine: Sees): Sees {
  const [service, operation, status, tenant] = WORDS.map((word) => words.get(word))
  return (execution) =>
    mine(execution) &&
    (service === undefined || execution.service === service) &&
    (operation === undefined || execution.operation === operation) &&
    (status === undefined || execution.status === status) &&
    (tenant === undefined || execution.origin.tenant === tenant)
}

/** For the record. */
function textOf(asked: unknown): string {
  return asked === undefined ? '' : JSON.stringify(asked).slice(0, 500)
}
