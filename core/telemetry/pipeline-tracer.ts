// The program's own traces: a span for each request that a receiver takes, and within it one for each batch that an exporter sends, named and
// described as the Collector 0.155 does it (receiverhelper/obsreport.go, exporterhelper/internal/obs_report_sender.go).

import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import type { Batch, Signal } from '../batch.ts'
import type { Clock } from '../clock.ts'
import type { Consumer } from '../component.ts'
import { PartialError } from '../errors.ts'
import type { Tracer } from '../pipeline/tracer.ts'

export interface OwnSpan {
  readonly traceId: Buffer
  readonly spanId: Buffer
  readonly parentSpanId?: Buffer
  readonly name: string
  readonly startUnixNano: bigint
  readonly endUnixNano: bigint
  readonly attributes: Readonly<Record<string, string | bigint>>
  /** Why it failed, where it did. */
  readonly error?: string
}

interface Context {
  readonly traceId: Buffer
  readonly spanId: Buffer
  readonly parentSpanId?: Buffer
}
/** What is not sampled has no context of its own, but must not begin a trace further down. */
const UNSAMPLED = 'unsampled'

const OPERATIONS: Readonly<Record<Signal, string>> = { traces: 'TraceDataReceived', metrics: 'MetricsReceived', logs: 'LogsReceived' }
const ITEMS: Readonly<Record<Signal, string>> = { traces: 'spans', metrics: 'metric_points', logs: 'log_records' }

type Describe = (taken: number, refused: number) => OwnSpan['attributes']

export class PipelineTracer implements Tracer {
  readonly #ratio: number
  readonly #clock: Clock
  readonly #redact: (text: string) => string
  readonly #finished: (span: OwnSpan) => void
  readonly #contexts = new AsyncLocalStorage<Context | typeof UNSAMPLED>()

  /** `ratio` of the traces are kept. What destinations said may hold secrets: `redact` takes them out. */
  constructor(ratio: number, clock: Clock, redact: (text: string) => string, finished: (span: OwnSpan) => void) {
    this.#ratio = ratio
    this.#clock = clock
    this.#redact = redact
    this.#finished = finished
  }

  received(receiver: string, signal: Signal, next: Consumer): Consumer {
    const name = `receiver/${receiver}/${OPERATIONS[signal]}`
    const items = ITEMS[signal]
    const describe: Describe = (taken, refused) => ({ [`accepted_${items}`]: BigInt(taken), [`refused_${items}`]: BigInt(refused) })
    return { consume: (batch, deadlineMs) => this.#trace(name, undefined, describe, next, batch, deadlineMs) }
  }

  sent(exporter: string, destination: Consumer): Consumer {
    return {
      consume: (batch, deadlineMs) => {
        // What a queue owns left the request that brought it behind, and whose turn it is has nothing to do with it.
        const parent = deadlineMs === Infinity ? undefined : this.#contexts.getStore()
        const describe: Describe = (taken, refused) => ({
          exporter,
          data_type: batch.signal,
          'items.sent': BigInt(taken),
          'items.failed': BigInt(refused),
        })
        return this.#trace(`exporter/${exporter}/${batch.signal}`, parent, describe, destination, batch, deadlineMs)
      },
    }
  }

  async #trace(
    name: string,
    parent: Context | typeof UNSAMPLED | undefined,
    describe: Describe,
    next: Consumer,
    batch: Batch,
    deadlineMs: number,
  ): Promise<void> {
    const context = this.#begin(parent)
    const run = (): Promise<void> => this.#contexts.run(context, () => next.consume(batch, deadlineMs))
    if (context === UNSAMPLED) return run()
    const startUnixNano = BigInt(this.#clock.now().getTime()) * 1_000_000n
    const startedMs = this.#clock.monotonicMs()
    const end = (refused: number, error?: string): void => {
      const endUnixNano = startUnixNano + BigInt(Math.round((this.#clock.monotonicMs() - startedMs) * 1e6))
      const span = { ...context, name, startUnixNano, endUnixNano, attributes: describe(batch.count - refused, refused) }
      this.#finished(error === undefined ? span : { ...span, error: this.#redact(error) })
    }
    try {
      await run()
      end(0)
    } catch (error) {
      end(error instanceof PartialError ? Math.min(error.refused, batch.count) : batch.count, (error as Error).message)
      throw error
    }
  }

  /** The last 48 bits of a trace id decide, so that others who sample by it decide alike. */
  #begin(parent: Context | typeof UNSAMPLED | undefined): Context | typeof UNSAMPLED {
    if (parent === UNSAMPLED) return UNSAMPLED
    if (parent !== undefined) return { traceId: parent.traceId, spanId: randomBytes(8), parentSpanId: parent.spanId }
    const traceId = randomBytes(16)
    if (traceId.readUIntBE(10, 6) >= this.#ratio * 2 ** 48) return UNSAMPLED
    return { traceId, spanId: randomBytes(8) }
  }
}
