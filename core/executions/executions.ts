// Everything that receivers of the trace protocol share, whatever they listen for: messages in, answers out, and a view of what is open. A
// receiver makes one.

import type { Origin, Signal } from '../batch.ts'
import type { Settings } from '../component.ts'
import { parseDuration } from '../config/duration.ts'
import { type Ending, type Json, spanIdOf, traceIdOf } from '../mplp/index.ts'
import type { Audit } from '../server/index.ts'
import type { JsonObject, Verdict } from '../trust/index.ts'
import type { Told } from './answer.ts'
import { Departures } from './departures.ts'
import type { OpenExecution } from './execution.ts'
import { Intake, type Journal, type Permit } from './intake.ts'
import { DurableJournal, NO_JOURNAL } from './journal.ts'
import { KnownMessages } from './known-messages.ts'
import type { ExecutionsConfig } from './options.ts'
import { type Next, Round } from './round.ts'
import { ExecutionTable } from './table.ts'
import { Tenants } from './tenants.ts'
import { detailsOf, type ExecutionDetails, type ExecutionView, viewOf } from './view.ts'
import { type ExecutionEvent, Watchers } from './watchers.ts'
import { MeasurementWindows } from './window.ts'

export interface ExecutionsTools {
  readonly config: ExecutionsConfig
  readonly next: Next
  readonly settings: Settings
  readonly believe: (message: JsonObject, origin: Origin) => Verdict | Promise<Verdict>
  readonly permit: Permit
  /** Told of messages that were not believed, or not allowed. */
  readonly audit?: Audit
}

export class Executions {
  readonly #tools: ExecutionsTools
  readonly #table: ExecutionTable
  readonly #known: KnownMessages
  readonly #departures: Departures
  readonly #watchers = new Watchers()
  readonly #timeoutMs: number
  readonly #counted: (n: number, attributes: { readonly status: string }) => void
  #journal: Journal = NO_JOURNAL
  #intake: Intake | undefined

  constructor(tools: ExecutionsTools) {
    this.#tools = tools
    const { config, settings } = tools
    const { clock, log, meter } = settings
    const { executions, remember } = config
    this.#timeoutMs = parseDuration(config.timeout)
    const forgotten = meter.counter(
      'millrace_protocol_forgotten_early',
      '{message}',
      'Accepted messages that were forgotten before `remember.for` was over: the same one again would be taken twice.',
    )
    const forMs = parseDuration(remember.for)
    this.#known = new KnownMessages({ most: remember.messages, forMs, clock, forgotten: () => forgotten(1) })
    this.#table = new ExecutionTable(
      {
        maxCount: executions.max_open,
        maxBytes: executions.max_bytes,
        timeoutMs: parseDuration(executions.timeout),
        lateStartMs: parseDuration(executions.late_start_wait),
        rememberedEnds: executions.remembered_ends,
        clock,
      },
      (overdue, why) => this.#departures.add(overdue, why),
    )
    const left = (execution: OpenExecution, how: Ending['how']): Promise<void> => this.#left(execution, how)
    this.#departures = new Departures({ table: this.#table, clock, log, newRound: () => this.#newRound(), left })
    this.#counted = meter.counter(
      'millrace_protocol_messages',
      '{message}',
      'Messages of the trace protocol, by the status of their answer.',
    )
    meter.gauge('millrace_executions_open', '{execution}', 'Executions that have begun and not ended.', () => this.#table.count)
    meter.gauge('millrace_executions_bytes', 'By', 'What open executions take in memory, roughly.', () => this.#table.bytes)
    meter.gauge(
      'millrace_executions_oldest_age',
      's',
      'The age of the execution that has been open for longest.',
      () => this.#table.oldestAgeMs / 1000,
    )
  }

  async start(): Promise<void> {
    const { config, settings, believe, permit, audit } = this.#tools
    const { clock, log, storage } = settings
    if (storage !== undefined) {
      const { messages, for: age } = config.remember
      const unwritten = (reason: unknown): void =>
        log.warn({ reason: String(reason) }, 'the end of an execution cannot be written: after a restart it may end again')
      const options = { mostSeen: messages, seenForMs: parseDuration(age), clock, unwritten }
      const journal = new DurableJournal(await storage.open(), options)
      const unreadable = await journal.restore(this.#table, this.#known)
      if (unreadable > 0) log.error({ records: unreadable }, 'records of open executions cannot be read; they stay in the storage')
      if (this.#table.count > 0) log.info({ executions: this.#table.count }, 'executions that were open are restored')
      this.#journal = journal
    }
    const { identity, window } = config.metrics
    const newRound = (): Round => this.#newRound()
    this.#intake = new Intake({
      clock,
      table: this.#table,
      known: this.#known,
      departures: this.#departures,
      tenants: new Tenants(),
      measurements: identity === 'execution' ? undefined : new MeasurementWindows(identity, parseDuration(window), clock, newRound),
      identity,
      newRound,
      believe,
      permit,
      ...(audit === undefined ? {} : { audit }),
      journal: this.#journal,
      happened: (what, execution) => this.#watchers.tell(what, execution, clock.monotonicMs()),
    })
  }

  /** After whoever calls `take` has got its answers. Without storage, what is open is handed on as interrupted. */
  async stop(abort: AbortSignal): Promise<void> {
    this.#table.stop()
    if (this.#journal !== NO_JOURNAL || this.#table.count === 0) return this.#departures.stop()
    const { settings } = this.#tools
    const { clock, log } = settings
    const { promise, resolve } = Promise.withResolvers<'aborted'>()
    abort.addEventListener('abort', () => resolve('aborted'), { once: true })
    if (abort.aborted) resolve('aborted')
    const handedOn = this.#departures.handOnAll(this.#table.values(), clock.monotonicMs() + this.#timeoutMs)
    await Promise.race([handedOn, promise])
    const lost = this.#table.count
    if (lost === 0) return
    settings.drop(lost, 'interrupted')
    log.error({ executions: lost }, 'open executions could not be handed on before the end, and are lost; with `storage` they would not be')
  }

  /** An answer for each message, in their order. */
  async take(messages: Iterable<Json>, origin: Origin): Promise<readonly Told[]> {
    const told = await this.#intake!.take(messages, origin, this.#tools.settings.clock.monotonicMs() + this.#timeoutMs)
    for (const { answer } of told) this.#counted(1, BY_STATUS[answer.status])
    return told
  }

  /** Of those that are open, oldest first, at most `most` of those that came after the one of that number. */
  list(after: number, most: number, sees: (execution: OpenExecution) => boolean): readonly ExecutionView[] {
    const nowMs = this.#tools.settings.clock.monotonicMs()
    const found: ExecutionView[] = []
    for (const execution of this.#table.values()) {
      if (found.length === most) break
      if (execution.number > after && sees(execution)) found.push(viewOf(execution, nowMs))
    }
    return found
  }

  /** Ids as senders write them. */
  details(traceId: string, spanId: string, sees: (execution: OpenExecution) => boolean): ExecutionDetails | undefined {
    const { clock } = this.#tools.settings
    for (const execution of this.#table.withId(hexOf(traceIdOf(traceId), spanIdOf(spanId)))) {
      if (sees(execution)) return detailsOf(execution, this.#table.bytesOf(execution), clock.monotonicMs(), clock.now().getTime())
    }
    return undefined
  }

  /** Call what it returns to watch no longer. */
  watch(sees: (execution: OpenExecution) => boolean, tell: (event: ExecutionEvent) => void): () => void {
    return this.#watchers.add(sees, tell)
  }

  async #left(execution: OpenExecution, how: Ending['how']): Promise<void> {
    execution.hasLeft = true
    await this.#journal.end(execution)
    this.#table.end(execution)
    this.#watchers.tell(how, execution, this.#tools.settings.clock.monotonicMs())
  }

  #newRound(): Round {
    return new Round(this.#tools.next, (signal: Signal, count) => this.#tools.settings.drop(count, `no pipeline takes ${signal}`))
  }
}

const BY_STATUS = {
  accepted: { status: 'accepted' },
  duplicate: { status: 'duplicate' },
  rejected: { status: 'rejected' },
  retry: { status: 'retry' },
} as const

function hexOf(...ids: readonly { readonly bytes: Buffer }[]): string {
  return ids.map(({ bytes }) => bytes.toString('hex')).join('')
}
