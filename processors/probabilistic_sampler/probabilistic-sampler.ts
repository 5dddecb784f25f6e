// Processor `probabilistic_sampler` at work: decides on each item by itself, leaves out what is not kept, and writes into what is kept how
// many it stands for.

import { type Batch, type Consumer, otlp, type Processor, type Settings } from '../../core/index.ts'
import { ALWAYS, keeps, NEVER, type Threshold } from '../../core/sampling/index.ts'
import { Arrived, ATTRIBUTE, FAULTS, INCONSISTENT, MISSING, NO_FAULT, NO_RANDOMNESS, POLICIES, PRIORITY } from './arrived.ts'
import type { SamplerConfig } from './factory.ts'
import { type Mode, modeOf } from './modes.ts'
import { Records } from './records.ts'
import { Spans } from './spans.ts'

/** How one signal's items are read and written. */
interface Items {
  read(index: otlp.RequestIndex, item: number, arrived: Arrived): void
  priority(index: otlp.RequestIndex, item: number, always: Threshold, never: Threshold): Threshold | undefined
  write(edits: otlp.RequestEdits, item: number, threshold: Threshold, arrived: Arrived): boolean
}

const NOT_SAMPLED = 'not sampled'

export class ProbabilisticSampler implements Processor {
  readonly #next: Consumer
  readonly #settings: Settings
  readonly #mode: Mode
  readonly #items: Items
  readonly #onFault: Threshold
  readonly #edits: otlp.RequestEdits = new otlp.RequestEdits()
  readonly #arrived = new Arrived()
  readonly #policies: readonly string[]
  /** Items by policy, and whether they were kept. */
  readonly #counts: Float64Array
  /** Items by fault, and whether they were kept. */
  readonly #faults: Float64Array = new Float64Array(2 * FAULTS.length)
  #unwritten = 0
  readonly #counted: (n: number, attributes: Readonly<Record<string, string>>) => void

  constructor(config: SamplerConfig, next: Consumer, settings: Settings) {
    this.#next = next
    this.#settings = settings
    this.#mode = modeOf(config)
    this.#items = settings.signal === 'logs' ? new Records(this.#mode, config) : new Spans(this.#mode, config.hash_seed)
    this.#onFault = config.fail_closed ? NEVER : ALWAYS
    this.#policies = [...POLICIES, config.from_attribute]
    this.#counts = new Float64Array(2 * (ATTRIBUTE + 1))
    const noun = settings.signal === 'logs' ? 'logs' : 'traces'
    const name = `otelcol_processor_probabilistic_sampler_count_${noun}_sampled`
    this.#counted = settings.meter.counter(name, '1', `Count of ${noun} that were sampled or not`)
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    const kept = this.#apply(batch)
    this.#account(batch.count - kept.count)
    if (kept.count > 0) await this.#next.consume(kept, deadlineMs)
  }

  /** Synchronous, for the index is everybody's. */
  #apply(batch: Batch): Batch {
    const edits = this.#edits
    const chunks: Uint8Array[] = []
    let count = 0
    let isTouched = false
    // What a batch left that was refused halfway is nobody's.
    this.#counts.fill(0)
    this.#faults.fill(0)
    this.#unwritten = 0
    for (const chunk of batch.chunks) {
      edits.begin(otlp.indexChunk(batch.signal, chunk))
      const { itemCount } = edits.index
      for (let item = 0; item < itemCount; item++) this.#sample(item)
      count += edits.remaining
      if (edits.empty) chunks.push(chunk)
      else {
        isTouched = true
        if (edits.remaining > 0) chunks.push(edits.build())
      }
    }
    return isTouched ? { ...batch, chunks, count } : batch
  }

  #sample(item: number): void {
    const arrived = this.#arrived
    const { index } = this.#edits
    this.#items.read(index, item, arrived)
    if (arrived.fault === NO_FAULT) check(arrived)
    let threshold = arrived.fault === NO_FAULT ? this.#mode.thresholdFor(arrived) : this.#onFault
    const asked = this.#items.priority(index, item, ALWAYS, NEVER)
    if (asked !== undefined) {
      threshold = asked
      arrived.policy = PRIORITY
    }
    const isKept = keeps(threshold, arrived)
    this.#counts[2 * arrived.policy + Number(isKept)]!++
    if (arrived.fault !== NO_FAULT && asked === undefined) this.#faults[2 * arrived.fault + Number(isKept)]!++
    if (!isKept) this.#edits.dropItem(item)
    else if (arrived.isWritable && !this.#items.write(this.#edits, item, threshold, arrived)) this.#unwritten++
  }

  #account(dropped: number): void {
    for (let i = 0; i < this.#counts.length; i++) {
      if (this.#counts[i]! > 0) this.#counted(this.#counts[i]!, { policy: this.#policies[i >> 1]!, sampled: String(i % 2 === 1) })
    }
    const notSampled = dropped - this.#accountForFaults()
    if (notSampled > 0) this.#settings.drop(notSampled, NOT_SAMPLED)
    if (this.#unwritten > 0)
      this.#settings.log.warn({ items: this.#unwritten }, 'the tracestate has no room for the threshold, and was left as it came')
  }

  /** Returns how many were dropped for what is wrong with them. */
  #accountForFaults(): number {
    let sum = 0
    for (const [fault, reason] of FAULTS.entries()) {
      const [dropped, kept] = [this.#faults[2 * fault]!, this.#faults[2 * fault + 1]!]
      if (dropped > 0) this.#settings.drop(dropped, reason)
      if (dropped + kept > 0) this.#settings.log.warn({ reason, dropped, kept }, 'items whose sampling state is of no use')
      sum += dropped
    }
    return sum
  }
}

/** Without randomness there is nothing to decide by; and what samplers before this one should have dropped says something untrue. */
function check(arrived: Arrived): void {
  if (arrived.policy === MISSING) arrived.fault = NO_RANDOMNESS
  else if (arrived.threshold !== undefined && !keeps(arrived.threshold, arrived)) {
    arrived.fault = INCONSISTENT
    arrived.threshold = undefined
  }
}
