// `GET /executions`, one by its ids, and a stream of what happens to them: for people, and for dashboards.

import { type ExecutionEvent, type Executions, READ, type Sees, seenBy } from '../../core/executions/index.ts'
import { type Clock, parseDuration } from '../../core/index.ts'
import { type Audit, badRequest, type EventStream, type HttpDoor, type HttpQuery } from '../../core/server/index.ts'
import { permits, type RolesConfig } from '../../core/trust/index.ts'
import { SPEECH } from './speech.ts'

const PATH = '/executions'
const MOST = 1000
const DEFAULT_LIMIT = 100
/** Past it a reader of events is told how many it has missed. */
const MOST_WAITING_BYTES = 1 << 20
/** So that whoever stands between knows that the stream lives. */
const HEARTBEAT_MS = 15_000

export interface PagesOptions {
  readonly clock: Clock
  /** Without them whoever may connect may look, at what is of his tenant. */
  readonly roles: RolesConfig | undefined
  readonly audit: Audit | undefined
}

export function openPages(door: HttpDoor, executions: Executions, { clock, roles, audit }: PagesOptions): void {
  const open = (path: string, answer: (query: HttpQuery, mine: Sees) => void): void =>
    door.get(
      path,
      (query) => {
        const { origin, url } = query
        if (roles !== undefined && !permits(roles, origin, { act: READ })) return query.forbid(READ)
        const { tenant, subject } = origin
        audit?.({ kind: 'read', act: READ, tenant, ...(subject === undefined ? {} : { subject }), object: url })
        answer(query, seenBy(origin, roles))
      },
      SPEECH,
    )
  open(PATH, (query, mine) => list(query, mine, executions, clock))
  open(`${PATH}/events`, (query, mine) => follow(query, mine, executions, clock))
  open(`${PATH}/:trace_id/:span_id`, (query, mine) => show(query, mine, executions))
}

function list(query: HttpQuery, mine: Sees, executions: Executions, clock: Clock): void {
  const { search } = query
  const sees = filterOf(query, mine, clock)
  const limit = wholeNumber(search.get('limit') ?? String(DEFAULT_LIMIT), 1, MOST)
  const after = wholeNumber(search.get('after') ?? '0', 0, Number.MAX_SAFE_INTEGER)
  if (typeof sees === 'string') return query.refuse(badRequest(sees))
  if (limit === undefined) return query.refuse(badRequest(`limit: accepted: a number from 1 to ${MOST}`))
  if (after === undefined) return query.refuse(badRequest('after: accepted: what `next` said'))
  const found = executions.list(after, limit, sees)
  const next = found.length < limit ? {} : { next: found.at(-1)!.number }
  say(query, { executions: found, ...next })
}

function show(query: HttpQuery, mine: Sees, executions: Executions): void {
  const { params } = query
  const found = executions.details(params.get('trace_id')!, params.get('span_id')!, mine)
  if (found !== undefined) return say(query, found)
  const errors = [{ path: '', message: 'no such execution is open' }]
  query.answer(404, { type: 'application/json', body: JSON.stringify({ errors }) })
}

function follow(query: HttpQuery, mine: Sees, executions: Executions, clock: Clock): void {
  const sees = filterOf(query, mine, clock)
  if (typeof sees === 'string') return query.refuse(badRequest(sees))
  const stream: EventStream = query.stream(() => {
    stopWatching()
    timer.cancel()
  })
  let missed = 0
  const write = (text: string): void => {
    if (stream.waitingBytes > MOST_WAITING_BYTES) missed++
    else {
      if (missed > 0) stream.write(`event: missed\ndata: {"count":${missed}}\n\n`)
      missed = 0
      stream.write(text)
    }
  }
  const stopWatching = executions.watch(sees, (event) => write(framed(event)))
  let before = 0
  const beat = (): { cancel(): void } =>
    clock.after(HEARTBEAT_MS, () => {
      const waiting = stream.waitingBytes
      // Nothing was read for as long, and nothing more is written to a full buffer: what reads slowly is not as it was.
      if (waiting > 0 && waiting === before) return stream.cut()
      before = waiting
      if (waiting === 0) stream.write(':\n\n')
      timer = beat()
    })
  let timer = beat()
  stream.write(':\n\n')
}

/** What the query asks for, or what is wrong with it. */
function filterOf({ search }: HttpQuery, mine: Sees, clock: Clock): Sees | string {
  const known = new Set(['service', 'operation', 'status', 'tenant', 'older_than', 'limit', 'after'])
  const stranger = [...search.keys()].find((key) => !known.has(key))
  if (stranger !== undefined) return `${stranger.slice(0, 60)} is not known; accepted: ${[...known].join(', ')}`
  const [service, operation, status, tenant] = ['service', 'operation', 'status', 'tenant'].map((key) => search.get(key))
  let olderThanMs = 0
  try {
    olderThanMs = parseDuration(search.get('older_than') ?? '0s')
  } catch (error) {
    return `older_than: ${(error as Error).message}`
  }
  return (execution) =>
    mine(execution) &&
    (service === null || execution.service === service) &&
    (operation === null || execution.operation === operation) &&
    (status === null || execution.status === status) &&
    (tenant === null || execution.origin.tenant === tenant) &&
    (olderThanMs === 0 || clock.monotonicMs() - execution.openedMs >= olderThanMs)
}

/** All readers are told of an event with the same object. */
const framedEvents = new WeakMap<ExecutionEvent, string>()

/** Once for all readers: it would take most of the time, and, where they do not read, of the memory. */
function framed(event: ExecutionEvent): string {
  const known = framedEvents.get(event)
  if (known !== undefined) return known
  const text = `event: ${event.event}\ndata: ${JSON.stringify(event.execution)}\n\n`
  framedEvents.set(event, text)
  return text
}

function wholeNumber(text: string, least: number, most: number): number | undefined {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return value >= least && value <= most ? value : undefined
}

function say(query: HttpQuery, what: object): void {
  query.answer(200, { type: 'application/json', body: JSON.stringify(what) }, ['Cache-Control', 'no-store'])
}
