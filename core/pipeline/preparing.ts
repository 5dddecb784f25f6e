// What an exporter does to a batch before its queue has it: stands in front of the queue's door, or of the exporter itself. The graph puts it
// there for exporters that have something to prepare.

import type { Consumer, Exporter, Prepared } from '../component.ts'
import { PartialError, PermanentError } from '../errors.ts'

export function preparing(exporter: Exporter, next: Consumer): Consumer {
  if (exporter.prepare === undefined) return next
  return {
    async consume(batch, deadlineMs) {
      const prepared = exporter.prepare!(batch)
      if (prepared.refused === 0) return next.consume(prepared.batch, deadlineMs)
      if (prepared.batch.count === 0) throw new PermanentError(prepared.reason)
      await next.consume(prepared.batch, deadlineMs).catch((error: unknown) => {
        throw withRefused(error, prepared)
      })
      throw new PartialError(prepared.refused, prepared.reason)
    },
  }
}

/** What is refused here adds to what is refused behind. What comes again is prepared again. */
function withRefused(error: unknown, { refused, reason }: Prepared): unknown {
  return error instanceof PartialError ? new PartialError(error.refused + refused, reason) : error
}
