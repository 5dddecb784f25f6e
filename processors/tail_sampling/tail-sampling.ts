// Processor `tail_sampling` at work: holds spans until their trace is as whole as it gets, asks the policies, hands on what is kept. Senders
// are answered when the buffer has their spans.

import { type Batch, type Consumer, type otlp, parseDuration, type Processor, RetryableError, type Settings } from '../../core/index.ts'
import { BYTES, type Cause, HandOff, Journal, type Remembered, TraceBuffer, type TraceOwner } from '../../core/traces/index.ts'
import { DecisionMemory } from './decision-memory.ts'
import { Durability } from './durability.ts'
import { Explanations } from './explain.ts'
import { Findings } from './findings.ts'
import type { TailSamplingConfig } from './factory.ts'
import { Measures } from './measures.ts'
import { MovingView } from './moving-view.ts'
import { DROPPED, NOT_SAMPLED, SAMPLED } from './policy.ts'
import type { PolicyConfig } from './policy-schema.ts'
import { PolicySet } from './policy-set.ts'
import { Room } from './room.ts'
import { late, packed } from './verdict.ts'

/** How often it is looked who is due, in milliseconds: a tenth of what the Collector takes, so that less leaves at once. */
const TICK_MS = 100
/** One request of what leaves. */
const REQUEST = { traces: Infinity, spans: 2000, bytes: 1024 * 1024 } as const

export class TailSampling implements Processor, TraceOwner {
  readonly #config: TailSamplingConfig
  readonly #settings: Settings
  readonly #policies: PolicySet
  readonly #buffer: TraceBuffer
  readonly #memory: DecisionMemory
  readonly #explanations: Explanations
  readonly #findings = new Findings()
  readonly #handOff: HandOff
  readonly #measures: Measures
  readonly #view: MovingView
  #timer: { cancel(): void } | undefined
  #stopped = false
  readonly #room: Room
  /** Where there is a storage, once it has started. */
  #durability: Durability | undefined
  recalledVerdict = 0

  private constructor(config: TailSamplingConfig, policies: PolicySet, next: Consumer, settings: Settings) {
    this.#config = config
    this.#settings = settings
    this.#policies = policies
    const { decision_cache: cache, maximum_trace_size_bytes: largest, max_bytes: maxBytes } = config
    const afterRootMs = parseDuration(config.decision_wait_after_root_received)
    this.#memory = new DecisionMemory(cache.sampled_cache_size, cache.non_sampled_cache_size)
    this.#buffer = new TraceBuffer(
      {
        maxBytes,
        maxTraces: config.num_traces,
        ...(largest > 0 ? { largestBytes: largest } : {}),
        waitMs: parseDuration(config.decision_wait),
        waitAfterRootMs: afterRootMs > 0 ? afterRootMs : Infinity,
        ownCells: policies.cells,
        decidesEarly: !config.block_on_overflow,
        clock: settings.clock,
      },
      this,
    )
    this.#view = new MovingView(this.#buffer, settings)
    this.#room = new Room(settings.clock)
    this.#explanations = new Explanations(policies, config.explain)
    this.#measures = new Measures(settings, policies, () => this.#buffer.openTraces)
    this.#handOff = new HandOff({ next, settings, take: () => this.#leave(), settled: (batch) => this.#settled(batch) })
  }

  static async of(config: TailSamplingConfig, next: Consumer, settings: Settings): Promise<TailSampling> {
    const policies = await PolicySet.of(config.policies as readonly PolicyConfig[], {
      firstMatch: config.sample_on_first_match,
      report: (policy, reason) => settings.log.warn({ policy, reason }, 'a condition has no answer for a span'),
      model: (id) => settings.extension('anomaly_model', id),
    })
    return new TailSampling(config, policies, next, settings)
  }

  /** With a storage: takes what an earlier run had answered for, and left. */
  async start(): Promise<void> {
    const { storage, id } = this.#settings
    if (storage === undefined) return
    const { sampled_cache_size: kept, non_sampled_cache_size: dropped } = this.#config.decision_cache
    this.#durability = new Durability({
      journal: new Journal(await storage.open(), id, kept + dropped),
      settings: this.#settings,
      decisions: () => this.#buffer.decisions,
      pump: () => this.#handOff.pump(),
    })
    const take = async (batch: Batch, number: number): Promise<number> => {
      await this.#takeWhenThereIsRoom(batch, number, Infinity, true)
      return this.#buffer.gone
    }
    const nowMs = this.#settings.clock.monotonicMs()
    await this.#durability.restore(take, ({ origin, id, decided }) => {
      if (decided !== undefined) this.#memory.remember(origin, id, decided.isKept, decided.verdict, nowMs)
    })
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    if (this.#stopped) throw new RetryableError(`${this.#settings.id} has stopped`)
    const durability = this.#durability
    if (durability === undefined) return this.#takeWhenThereIsRoom(batch, 0, deadlineMs, this.#config.block_on_overflow)
    const number = await durability.write(batch)
    try {
      await this.#takeWhenThereIsRoom(batch, number, deadlineMs, this.#config.block_on_overflow)
    } catch (error) {
      durability.abandon(number)
      throw error
    }
  }

  async #takeWhenThereIsRoom(batch: Batch, number: number, deadlineMs: number, waits: boolean): Promise<void> {
    for (;;) {
      if (this.#stopped) throw new RetryableError(`${this.#settings.id} has stopped`)
      try {
        this.#take(batch, number)
        return
      } catch (error) {
        if (!waits || !(error instanceof RetryableError) || !(await this.#room.wait(deadlineMs))) throw error
      }
    }
  }

  #take(batch: Batch, number: number): void {
    const buffer = this.#buffer
    this.#durability?.begin(number)
    buffer.take(batch, this.#handOff.bytes, number)
    this.#durability?.took(number, batch.count - buffer.gone, buffer.lateDropped)
    this.#measures.newTraces(buffer.begun)
    if (buffer.lateDropped > 0) {
      this.#settings.drop(buffer.lateDropped, 'not sampled')
      this.#measures.late(buffer.lateDropped, LATE_DROPPED)
    }
    if (buffer.lateKept > 0) this.#measures.late(buffer.lateKept, LATE_KEPT)
    if (buffer.leavingTraces > 0 || this.#durability?.hasDropped === true) this.#pump()
    if (buffer.openTraces > 0) this.#timer ??= this.#settings.clock.after(TICK_MS, () => this.#tick())
  }

  /** Hands on what was kept. With a storage, once that is written there. */
  #pump(): void {
    if (this.#durability === undefined) this.#handOff.pump()
    else void this.#durability.sync()
  }

  #tick(): void {
    const { clock } = this.#settings
    const beganMs = clock.monotonicMs()
    this.#buffer.decideDue(beganMs)
    void this.#foresee(beganMs + this.#policies.aheadMs)
    this.#measures.flush()
    this.#measures.timer(clock.monotonicMs() - beganMs)
    this.#pump()
    this.#room.wake()
    this.#timer = this.#buffer.openTraces > 0 && !this.#stopped ? clock.after(TICK_MS, () => this.#tick()) : undefined
  }

  /** Shows policies whose answer takes a moment the traces that are due until then. Settles once they know them. */
  #foresee(dueMs: number): Promise<void> {
    if (this.#policies.aheadMs === 0) return DONE
    const view = this.#view.readClock()
    this.#buffer.eachDue(dueMs, (trace) => this.#policies.foresee(view.moveTo(trace)))
    return this.#policies.ask()
  }

  // ---- what the buffer asks

  observe(index: otlp.RequestIndex, span: number, cells: Int32Array, at: number): void {
    this.#policies.observe(index, span, cells, at)
  }

  get keptBytes(): number {
    return this.#policies.bytes
  }

  recall(origin: string, a: number, b: number, c: number, d: number): Remembered {
    const before = this.#durability?.isRestoring === true ? this.#durability.recall(this.#memory.keyOf(origin, a, b, c, d)) : undefined
    if (before?.isGone === true) return 'gone'
    if (before?.earlier.decided !== undefined) {
      this.recalledVerdict = late(before.earlier.decided.verdict)
      return before.earlier.decided.isKept ? 'kept' : 'dropped'
    }
    const found = this.#memory.recall(origin, a, b, c, d, this.#settings.clock.monotonicMs())
    if (found === 'unknown') return found
    this.recalledVerdict = late(this.#memory.verdict)
    this.#measures.lateAge(this.#memory.age)
    return this.#config.dry_run ? 'kept' : found
  }

  decide(traces: readonly number[], cause: Cause): void {
    const view = this.#view.readClock()
    if (this.#policies.gathers) for (const trace of traces) if (!this.#isTooLarge(trace)) this.#policies.gather(view.moveTo(trace))
    let notSampled = 0
    let dropped = 0
    for (const trace of traces) {
      const bytes = view.moveTo(trace).bytes
      if (this.#isTooLarge(trace)) {
        this.#measures.tooLarge(1)
        this.#settle(trace, false, packed(0, 'large', NOT_SAMPLED, 0))
        this.#settings.drop(view.spanCount, 'too large')
        continue
      }
      const decision = this.#policies.decide(view, bytes)
      const vote = decision.vote as typeof NOT_SAMPLED | typeof SAMPLED | typeof DROPPED
      this.#measures.decided[vote]++
      if (!this.#config.dry_run && vote === DROPPED) dropped += view.spanCount
      else if (!this.#config.dry_run && vote === NOT_SAMPLED) notSampled += view.spanCount
      this.#settle(trace, decision.kept || this.#config.dry_run, packed(decision.part || decision.policy, cause, vote, decision.threshold))
    }
    if (cause !== 'due') this.#measures.tooEarly(traces.length)
    if (notSampled > 0) this.#settings.drop(notSampled, 'not sampled')
    if (dropped > 0) this.#settings.drop(dropped, 'dropped by policy')
  }

  /** Such a trace is dropped whatever the policies say, as in the Collector. */
  #isTooLarge(trace: number): boolean {
    const { maximum_trace_size_bytes: largest } = this.#config
    return largest > 0 && this.#buffer.table.cells[trace * this.#buffer.table.stride + BYTES]! > largest
  }

  #settle(trace: number, isKept: boolean, verdict: number): void {
    const buffer = this.#buffer
    const nowMs = this.#view.nowMs
    const origin = buffer.originKey(trace)
    this.#memory.remember(origin, this.#view.id, isKept, verdict, nowMs)
    this.#durability?.decide(origin, this.#view.id, isKept, verdict)
    this.#measures.removalAge((nowMs - buffer.table.arrivedMs[trace]!) / 1000)
    const found = isKept ? this.#policies.attributesOf(this.#view) : undefined
    if (found !== undefined) this.#findings.remember(origin, this.#view.id, found)
    this.#policies.forget(this.#view)
    if (isKept) buffer.keep(trace, verdict)
    else buffer.drop(trace)
  }

  droppedSpan(batch: number): void {
    this.#durability?.dropped(batch)
  }

  // ---- out

  #leave(): Batch | undefined {
    const durability = this.#durability
    const most = durability === undefined ? REQUEST : { ...REQUEST, decidedUpTo: durability.syncedDecisions, naming: true }
    const leaving = this.#buffer.leave(most)
    if (leaving === undefined) return undefined
    const { batch, verdicts } = leaving
    const written = { ...batch, chunks: [this.#explanations.write(batch.chunks[0]!, verdicts, this.#findings, leaving.originKey)] }
    durability?.left(written, leaving)
    return written
  }

  #settled(batch: Batch): void {
    this.#durability?.settled(batch)
    this.#room.wake()
  }

  /** Decides on what there is, or drops it, and hands on what is kept. */
  async stop(abort: AbortSignal): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    if (!this.#stopped) {
      this.#stopped = true
      if (this.#config.drop_pending_traces_on_shutdown) this.#dropOpen()
      else {
        await this.#foresee(Infinity)
        this.#buffer.decideDue(Infinity)
      }
      this.#measures.flush()
    }
    this.#room.wake()
    await this.#durability?.stop()
    await this.#handOff.drain(abort, this.#durability !== undefined)
    const lost = this.#buffer.leavingSpans + this.#handOff.spans
    if (lost === 0) return
    if (this.#durability !== undefined) this.#settings.log.info({ spans: lost }, 'kept on disk: the next run hands on what was not taken')
    else this.#settings.log.error({ spans: lost }, 'lost: they were kept, and had not been taken when the time to drain was over')
  }

  #dropOpen(): void {
    const spans = this.#buffer.dropOpen()
    if (spans > 0) this.#settings.drop(spans, 'pending at shutdown')
  }
}

const DONE = Promise.resolve()
const LATE_DROPPED = Object.freeze({ sampled: 'false' })
const LATE_KEPT = Object.freeze({ sampled: 'true' })
