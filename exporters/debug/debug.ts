// Writes what arrives to a stream, for people to read. Created by factory.ts.

import { once } from 'node:events'
import { type Batch, type Exporter, otlp } from '../../core/index.ts'
import { drawTrace, summarize } from './draw.ts'
import { type SeenSpan, seenSpans, tracesOf } from './seen-span.ts'

export interface DebugOptions {
  readonly verbosity: 'basic' | 'normal' | 'detailed'
  readonly maxSpans: number
  readonly out: NodeJS.WritableStream & { readonly destroyed?: boolean; readonly writableNeedDrain?: boolean }
}

export class DebugExporter implements Exporter {
  readonly #options: DebugOptions

  constructor(options: DebugOptions) {
    this.#options = options
  }

  /** A terminal that does not keep up slows the senders down; what is shown is not buffered without bound. */
  async consume(batch: Batch): Promise<void> {
    const { out } = this.#options
    if (out.destroyed === true) return // nobody reads any more, e.g. `| head`: what was shown is all there is to see
    out.write(this.#text(batch))
    if (out.writableNeedDrain === true) await Promise.race([once(out, 'drain'), once(out, 'close')])
  }

  #text(batch: Batch): string {
    const { verbosity, maxSpans } = this.#options
    const spans: SeenSpan[] = []
    for (const chunk of batch.chunks) {
      if (spans.length >= maxSpans && verbosity !== 'basic') break
      spans.push(...seenSpans(otlp.toJson(batch.signal, chunk)))
    }
    if (verbosity === 'basic') return `${summarize(spans, batch)}\n`
    const shown = spans.slice(0, maxSpans)
    const left = batch.count - shown.length
    const traces = [...tracesOf(shown)].map(([traceId, list]) => drawTrace(traceId, list, verbosity === 'detailed'))
    return `${traces.join('\n')}${left > 0 ? `… and ${left} more spans of this batch, not shown\n` : ''}\n`
  }
}
