// Processor `memory_limiter` at work: looks at the process's memory, and while there is too little left, sends data back, first of all at the
// doors of receivers, before it is read.

import { totalmem } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Batch, type Consumer, parseDuration, type Processor, RetryableError, type Settings, type Signal } from '../../core/index.ts'
import { limitBytesInFlight } from '../../core/server/index.ts'
import type { MemoryLimiterConfig } from './factory.ts'

const MIB = 1024 * 1024
/** When a sender that was refused should come back. */
const RETRY_MS = 1000
const NAMES: Readonly<Record<Signal, string>> = { traces: 'spans', metrics: 'metric_points', logs: 'log_records' }

/** What the limiter asks of the machine: tests bring their own. */
export interface Memory {
  /** Bytes that are in use, garbage among them. */
  usedBytes(): number
  totalBytes(): number
  collectGarbage(): void
}

export class MemoryLimiter implements Processor {
  readonly #next: Consumer
  readonly #settings: Settings
  readonly #memory: Memory
  readonly #checkMs: number
  readonly #softGcMs: number
  readonly #hardGcMs: number
  /** From here on data is refused. */
  readonly #softBytes: number
  readonly #hardBytes: number
  readonly #accepted: (n: number) => void
  readonly #refused: (n: number) => void
  #refusing = false
  #lastGcMs = -Infinity
  #timer: { cancel(): void } | undefined
  /** What this limiter has told the doors, each to be taken back. */
  #standing: (() => void) | undefined
  #closed: (() => void) | undefined

  constructor(config: MemoryLimiterConfig, next: Consumer, settings: Settings, memory: Memory = ofThisProcess) {
    this.#next = next
    this.#settings = settings
    this.#memory = memory
    this.#checkMs = parseDuration(config.check_interval)
    this.#softGcMs = parseDuration(config.min_gc_interval_when_soft_limited)
    this.#hardGcMs = parseDuration(config.min_gc_interval_when_hard_limited)
    const { hardBytes, spikeBytes } = limitsOf(config, memory.totalBytes())
    this.#hardBytes = hardBytes
    this.#softBytes = hardBytes - spikeBytes
    const noun = NAMES[settings.signal ?? 'traces']
    const counter = (what: string, help: string): ((n: number) => void) =>
      settings.meter.counter(`otelcol_processor_memory_limiter_${what}_${noun}`, '{item}', help)
    this.#accepted = counter('accepted', 'Number of items that were handed on.')
    this.#refused = counter('refused', 'Number of items that were sent back for want of memory.')
  }

  async start(): Promise<void> {
    this.#settings.log.info(
      { limit_mib: Math.round(this.#hardBytes / MIB), refuses_from_mib: Math.round(this.#softBytes / MIB) },
      'limiting memory',
    )
    this.#standing = limitBytesInFlight(this.#softBytes)
    this.#look()
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#standing?.()
    this.#closed?.()
    this.#standing = this.#closed = undefined
    // What drains now was taken already.
    this.#refusing = false
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    if (this.#refusing) {
      this.#refused(batch.count)
      throw new RetryableError('too little memory is left', { retryAfterMs: RETRY_MS })
    }
    this.#accepted(batch.count)
    await this.#next.consume(batch, deadlineMs)
  }

  #look(): void {
    this.#timer = this.#settings.clock.after(this.#checkMs, () => this.#look())
    const usedBytes = this.#usedAfterCollecting()
    const isShort = usedBytes > this.#softBytes
    if (isShort === this.#refusing) return
    this.#refusing = isShort
    const fields = { used_mib: Math.round(usedBytes / MIB), refuses_from_mib: Math.round(this.#softBytes / MIB) }
    if (isShort) {
      this.#closed = limitBytesInFlight(0)
      this.#settings.log.warn(fields, 'too little memory is left: data is sent back to its senders')
    } else {
      this.#closed?.()
      this.#closed = undefined
      this.#settings.log.info(fields, 'there is memory again: data is taken')
    }
  }

  /** Much of what is in use may be garbage that nobody has needed to collect yet. */
  #usedAfterCollecting(): number {
    const usedBytes = this.#memory.usedBytes()
    if (usedBytes <= this.#softBytes) return usedBytes
    const nowMs = this.#settings.clock.monotonicMs()
    if (nowMs - this.#lastGcMs < (usedBytes > this.#hardBytes ? this.#hardGcMs : this.#softGcMs)) return usedBytes
    this.#lastGcMs = nowMs
    this.#memory.collectGarbage()
    return this.#memory.usedBytes()
  }
}

function limitsOf(config: MemoryLimiterConfig, totalBytes: number): { readonly hardBytes: number; readonly spikeBytes: number } {
  const byPercentage = config.limit_mib === 0
  const hardBytes = byPercentage ? (totalBytes * config.limit_percentage) / 100 : config.limit_mib * MIB
  const given = byPercentage ? (totalBytes * config.spike_limit_percentage) / 100 : config.spike_limit_mib * MIB
  return { hardBytes, spikeBytes: given > 0 ? given : hardBytes / 5 }
}

let collect: (() => void) | undefined

const ofThisProcess: Memory = {
  /** V8's heap, and what lies outside of it on its account: the bodies of requests. */
  usedBytes() {
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  },
  totalBytes() {
    // Within a control group without a limit, the constraint is larger than any machine.
    const constrained = process.constrainedMemory()
    return constrained > 0 && constrained < totalmem() ? constrained : totalmem()
  },
  collectGarbage() {
    if (collect === undefined) {
      setFlagsFromString('--expose-gc')
      collect = runInNewContext('gc') as () => void
    }
    collect()
  },
}
