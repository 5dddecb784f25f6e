// Takes messages of the trace protocol, whatever they came over, and answers each: believes it or not, recognises it, adds it to its execution,
// hands on what it produced, remembers it. Receivers hold one.

import type { Origin, Signal } from '../batch.ts'
import type { Clock } from '../clock.ts'
import { PermanentError, RetryableError } from '../errors.ts'
import {
  type Fault,
  FINISHED,
  type Identity,
  isObject,
  isRejection,
  type Items,
  type Json,
  type Message,
  objectIn,
  outcomeOf,
  type ParsedJson,
  readMessage,
  reversedIn,
  spanOf,
  stringIn,
} from '../mplp/index.ts'
import type { Audit } from '../server/index.ts'
import { FullError } from '../storage.ts'
import type { JsonObject, Rejection, Verdict } from '../trust/index.ts'
import { accepted, duplicate, referenceTo, rejected, retry, type Told } from './answer.ts'
import type { Departures } from './departures.ts'
import { type KeptPart, newPart, type OpenExecution } from './execution.ts'
import { HalfTaken } from './half-taken.ts'
import { KnownFacts } from './known-facts.ts'
import type { KnownMessages } from './known-messages.ts'
import { contentOf, keyOf } from './message-key.ts'
import { type Failure, failureOf, type Round } from './round.ts'
import type { ExecutionTable } from './table.ts'
import { Taking } from './taking.ts'
import type { Tenants } from './tenants.ts'
import type { Measured, MeasurementWindows } from './window.ts'

/** Whether a message may come from there: `sender` is whom the connection or a token names. */
export type Permit = (message: Message, sender: Origin, of: Ownership) => boolean

/** Whose something is: what a message says of itself, or what is known of its execution. `service` is undefined where nothing is. */
export interface Ownership {
  readonly tenant: string
  readonly service: string | undefined
}

export interface IntakeTools {
  readonly clock: Clock
  readonly table: ExecutionTable
  readonly known: KnownMessages
  readonly departures: Departures
  readonly tenants: Tenants
  /** Undefined where every measurement names its execution. */
  readonly measurements: MeasurementWindows | undefined
  readonly identity: Identity
  readonly newRound: () => Round
  readonly believe: (message: JsonObject, origin: Origin) => Verdict | Promise<Verdict>
  readonly permit: Permit
  readonly audit?: Audit
  readonly journal: Journal
  /** What happened to an execution, for whoever watches. */
  readonly happened: (what: 'started' | 'updated' | 'finished', execution: OpenExecution) => void
}

/** What survives a crash: see journal.ts. Without storage, nothing does, and all of it settles at once. */
export interface Journal {
  /** The part is in the table, and was accepted. */
  keep(execution: OpenExecution, part: KeptPart, table: ExecutionTable): Promise<void> | undefined
  /** The execution has ended while the part was being written. */
  forget(part: KeptPart): void
  /** The execution has ended: its parts are not needed any more, its messages stay known. Never rejects. */
  end(execution: OpenExecution): Promise<void> | undefined
  /** A message that adds to no execution was accepted. */
  seen(key: string, content: string): Promise<void> | undefined
}

/** How messages came, and how they go on. */
interface Way {
  readonly round: Round
  readonly origin: Origin
  readonly deadlineMs: number
}

/** A message that may come from where it came from. */
interface Believed {
  readonly message: Message
  /** The tenant that the connection or a token names; the origin's may be the message's own. */
  readonly realm: string
  readonly origin: Origin
  readonly key: string
  readonly content: string
}

export class Intake {
  readonly #tools: IntakeTools
  readonly #facts: KnownFacts
  readonly #halfTaken: HalfTaken

  constructor(tools: IntakeTools) {
    this.#tools = tools
    this.#facts = new KnownFacts(tools.table)
    this.#halfTaken = new HalfTaken(tools.clock)
  }

  /** An answer for each, in their order. Settles when all of them have their fate, at the latest about `deadlineMs` on the monotonic clock. */
  async take(messages: Iterable<Json>, origin: Origin, deadlineMs: number): Promise<readonly Told[]> {
    const round = this.#tools.newRound()
    const told: (Told | Promise<Told> | Taking)[] = []
    for (const json of messages) {
      if ('fault' in json) told.push(rejected({}, [json.fault], 400))
      else if (!isObject(json.exact)) told.push(this.#unrecognised(json.exact))
      else {
        // Every digit that was sent: what is proved of a number that no double holds must be proved of that number.
        const verdict = this.#tools.believe(json.exact, origin)
        // In order: a message whose token is still being looked at must not be overtaken by its execution's next.
        told.push(this.#take(json, verdict instanceof Promise ? await verdict : verdict, { round, origin, deadlineMs }))
      }
    }
    await round.send(deadlineMs)
    // In order, and without a promise for each: most can be told at once.
    const fates = told.map((one) => (one instanceof Taking ? this.#settle(one) : one))
    return fates.every(isTold) ? fates : Promise.all(fates.map(async (fate) => fate))
  }

  #take(json: ParsedJson, verdict: Verdict, way: Way): Told | Promise<Told> | Taking {
    if (!verdict.ok) return this.#refuse(json.value, verdict, way.origin)
    const message = readMessage(verdict.message)
    if (isRejection(message)) return rejected(referenceTo(json.value), message.faults)
    const { tenants, known, table } = this.#tools
    const realm = verdict.origin.tenant
    const open = message.execution === undefined ? undefined : table.get(realm, message.execution)
    const origin = open !== undefined && message.tenant === undefined ? open.origin : tenants.of(verdict.origin, message.tenant)
    if (!this.#isPermitted(message, verdict.origin, origin, open)) return this.#refuse(json.value, NOT_ALLOWED, verdict.origin)
    const content = contentOf(verdict, json)
    const key = keyOf(message, verdict, content)
    const earlier = known.accepted(key)
    if (earlier !== undefined) return earlier === content ? duplicate(referenceTo(json.value)) : rejected(referenceTo(json.value), [REUSED])
    const busy = known.taking(key)?.settled ?? open?.leaving
    if (busy !== undefined) return this.#after(busy, json, way)
    return this.#begin({ message, realm, origin, key, content }, open, way)
  }

  /** For what the message says that it is of, and for its execution, which may be somebody else's. */
  #isPermitted(message: Message, sender: Origin, { tenant }: Origin, open: OpenExecution | undefined): boolean {
    const { permit } = this.#tools
    const service = open?.service || undefined
    if (!permit(message, sender, { tenant, service: message.service ?? service })) return false
    return open === undefined || permit(message, sender, { tenant: open.origin.tenant, service })
  }

  /** Once more, when it can be told what became of the one before. */
  #after(busy: Promise<unknown>, json: ParsedJson, { origin, deadlineMs }: Way): Promise<Told> {
    const { promise, resolve } = Promise.withResolvers<Told>()
    const late = retry(referenceTo(json.value), 'one before it is still on its way')
    const timer = this.#tools.clock.after(deadlineMs - this.#tools.clock.monotonicMs(), () => resolve(late))
    void busy.then(async () => {
      timer.cancel()
      const [told] = await this.take([json], origin, deadlineMs)
      resolve(told!)
    })
    return promise
  }

  #begin(believed: Believed, open: OpenExecution | undefined, { round, deadlineMs }: Way): Told | Taking {
    const { message, realm, origin, key, content } = believed
    const { table, known, measurements, identity, clock } = this.#tools
    const id = message.execution
    const facts = this.#facts.of(open)
    const reversed = reversedIn(message, facts)
    if (reversed !== undefined) return rejected(referenceTo(message.whole), [reversed])
    if (id !== undefined && !table.hasRoom(open, message.kind)) return retry(referenceTo(message.whole), 'too many executions are open')
    const taken = this.#halfTaken.of(key, content)
    let window: Promise<Failure | undefined> | undefined
    const add = (...measured: Measured): void =>
      void (window = taken.has('window') ? undefined : measurements!.add(origin, deadlineMs, ...measured))
    const produced = outcomeOf(message, facts, {
      identity,
      window: measurements && { add },
      // Measurements alone begin nothing.
      late: id === undefined || table.hasEnded(realm, id) || (open === undefined && message.kind === 'metrics'),
      now: BigInt(clock.now().getTime()) * 1_000_000n,
    })
    const part = produced.part && newPart(key, content)
    const execution = part && table.add({ ...message, status: statusOf(message) }, { id: id!, realm, origin }, part, produced.part)
    const { kind } = message
    const taking = new Taking({ reference: referenceTo(message.whole), kind, key, content, window, part, execution, taken })
    known.take(key, taking)
    const send = (signal: Signal, from: Origin, items: Items | undefined): void => {
      const place = items && !taken.has(signal) ? round.add(signal, from, items) : undefined
      if (place !== undefined) taking.places.push(place)
    }
    send('logs', origin, produced.logs)
    send('metrics', origin, produced.metrics)
    if (execution !== undefined && execution.hasStart && execution.hasFinish) {
      taking.ends = true
      execution.leaving = taking.settled
      send('traces', execution.origin, { bytes: spanOf(id!, table.bytesOf(execution), FINISHED), count: 1 })
    }
    return taking
  }

  /** What went downstream has its fate: the message is accepted, or nothing of it stays. */
  #settle(taking: Taking): Told | Promise<Told> {
    const failure = failureOf(taking.places)
    if (taking.window === undefined) return this.#settleBy(taking, failure)
    return taking.window.then((ofWindow) => {
      taking.isWindowTaken = ofWindow === undefined
      return this.#settleBy(taking, ofWindow ?? failure)
    })
  }

  #settleBy(taking: Taking, failure: Failure | undefined): Told | Promise<Told> {
    if (failure !== undefined) return this.#refused(taking, failure)
    const { journal, table } = this.#tools
    const { key, content, part, execution, ends } = taking
    if (part !== undefined) part.accepted = true
    // It may have ended while its message was on its way, and its span may have left.
    const open = execution !== undefined && !execution.hasLeft && table.has(execution) ? execution : undefined
    if (open !== undefined && ends) open.hasLeft = true
    const written = open === undefined ? journal.seen(key, content) : ends ? journal.end(open) : journal.keep(open, part!, table)
    if (written === undefined) return this.#accepted(taking, open)
    return written.then(
      () => this.#accepted(taking, open),
      (cause: unknown) => {
        const reason = cause instanceof FullError ? 'the storage is full' : 'the storage cannot be written'
        return this.#refused(taking, new RetryableError(reason, { cause }))
      },
    )
  }

  #refused(taking: Taking, failure: Failure): Told {
    const { reference, key, part, execution, ends } = taking
    const { table, known } = this.#tools
    if (execution !== undefined) {
      if (ends) execution.leaving = undefined
      table.takeBack(execution, part!, taking)
    }
    known.letGo(key)
    taking.settle()
    if (failure instanceof PermanentError) return rejected(reference, [{ path: '', message: failure.message }])
    this.#halfTaken.add(taking)
    return retry(reference, failure.message, failure.retryAfterMs)
  }

  #accepted(taking: Taking, open: OpenExecution | undefined): Told {
    const { reference, key, content } = taking
    const { known } = this.#tools
    known.accept(key, content)
    if (open !== undefined) this.#added(taking, open)
    known.letGo(key)
    taking.settle()
    return accepted(reference)
  }

  #added({ kind, part, ends }: Taking, execution: OpenExecution): void {
    const { journal, table, departures, happened } = this.#tools
    if (!table.has(execution)) return journal.forget(part!)
    if (ends) {
      departures.remove(execution)
      table.end(execution)
    }
    happened(ends || kind === 'finish' ? 'finished' : kind === 'start' ? 'started' : 'updated', execution)
  }

  #refuse(message: unknown, { kind, reasons }: Rejection, { tenant, subject }: Origin): Told {
    const { path, message: reason } = reasons[0]!
    const reference = referenceTo(message)
    if (kind === 'unavailable') return retry(reference, reason)
    const { message_id: object } = reference
    const who = { tenant, ...(subject === undefined ? {} : { subject }), ...(object === undefined ? {} : { object }) }
    this.#tools.audit?.({ kind: 'refusal', act: 'message', ...who, reason: `${path} ${reason}` })
    return rejected(reference, reasons, STATUS[kind])
  }

  #unrecognised(value: unknown): Told {
    const message = readMessage(value)
    return rejected({}, isRejection(message) ? message.faults : [])
  }
}

function isTold(fate: Told | Promise<Told>): fate is Told {
  return !(fate instanceof Promise)
}

const REUSED: Fault = { path: '/message_id', message: 'was used before, for another message' }

const NOT_ALLOWED: Rejection = {
  ok: false,
  kind: 'untrusted',
  reasons: [{ path: '/message_type', message: 'whoever sends this may not' }],
}

const STATUS = { malformed: 422, unauthenticated: 401, untrusted: 403, unavailable: 503 } as const

/** The word for how it goes, where the message says one. */
function statusOf({ body }: Message): string | undefined {
  const ended = objectIn(body, 'final_status') ?? objectIn(body, 'span_status') ?? objectIn(body, 'status')
  return stringIn(body, 'status') ?? stringIn(ended, 'code') ?? stringIn(ended, 'status_code')
}
