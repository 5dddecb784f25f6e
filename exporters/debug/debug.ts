// Writes what arrives to a stream, for people to read. Created by factory.ts.

import { once } from 'node:events'
import { type Batch, type Clock, type Exporter, otlp, type Signal } from '../../core/index.ts'
import { drawLogs, drawMetrics } from './draw-items.ts'
import { count, drawTrace, summarize } from './draw.ts'
import { Sampler, type SamplingOptions } from './sampler.ts'
import { type SeenSpan, seenSpans, tracesOf } from './seen-span.ts'

export interface DebugOptions {
  readonly verbosity: 'basic' | 'normal' | 'detailed'
  readonly maxItems: number
  /** Without it, every batch is shown. */
  readonly sampling?: SamplingOptions & { readonly clock: Clock }
  readonly out: NodeJS.WritableStream & { readonly destroyed?: boolean; readonly writableNeedDrain?: boolean }
}

export class DebugExporter implements Exporter {
  readonly #options: DebugOptions
  readonly #samplers = new Map<Signal, Sampler>()

  constructor(options: DebugOptions) {
    this.#options = options
  }

  /** A terminal that does not keep up slows the senders down; what is shown is not buffered without bound. */
  async consume(batch: Batch): Promise<void> {
    const { out } = this.#options
    if (out.destroyed === true) return // nobody reads any more, e.g. `| head`: what was shown is all there is to see
    if (!this.#shows(batch)) return
    out.write(this.#text(batch))
    if (out.writableNeedDrain === true) await Promise.race([once(out, 'drain'), once(out, 'close')])
  }

  #shows({ signal }: Batch): boolean {
    const { sampling } = this.#options
    if (sampling === undefined) return true
    const sampler = this.#samplers.get(signal) ?? new Sampler(sampling, sampling.clock)
    this.#samplers.set(signal, sampler)
    return sampler.shows()
  }

  #text(batch: Batch): string {
    if (batch.signal === 'traces') return this.#traces(batch)
    const { verbosity, maxItems } = this.#options
    const bytes = batch.chunks.reduce((sum, { length }) => sum + length, 0)
    const noun = batch.signal === 'logs' ? 'log record' : 'data point'
    if (verbosity === 'basic') return `${batch.signal}: ${count(batch.count, noun)}, ${count(bytes, 'byte')}\n`
    const draw = batch.signal === 'logs' ? drawLogs : drawMetrics
    const lines: string[] = []
    let left = maxItems
    for (const chunk of batch.chunks) {
      for (const line of draw(chunk, left, verbosity === 'detailed')) lines.push(line)
      left = Math.max(0, left - otlp.countItems(batch.signal, chunk))
    }
    if (batch.count > maxItems) lines.push(`… and ${count(batch.count - maxItems, `more ${noun}`)} of this batch, not shown`)
    return `${lines.join('\n')}\n\n`
  }

  #traces(batch: Batch): string {
    const { verbosity, maxItems } = this.#options
    const spans: SeenSpan[] = []
    for (const chunk of batch.chunks) {
      if (spans.length >= maxItems && verbosity !== 'basic') break
      // One by one: as arguments of one call they may be more than the stack holds.
      for (const seen of seenSpans(otlp.toJson(batch.signal, chunk))) spans.push(seen)
    }
    if (verbosity === 'basic') return `${summarize(spans, batch)}\n`
    const shown = spans.slice(0, maxItems)
    const left = batch.count - shown.length
    const traces = [...tracesOf(shown)].map(([traceId, list]) => drawTrace(traceId, list, verbosity === 'detailed'))
    return `${traces.join('\n')}${left > 0 ? `… and ${left} more spans of this batch, not shown\n` : ''}\n`
  }
}
