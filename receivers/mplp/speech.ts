// What the paths of the trace protocol speak: messages in JSON, one or many, and answers in the protocol's own words.

import type { Answer } from '../../core/executions/index.ts'
import type { Speech } from '../../core/server/index.ts'

/** One message a line. */
export const LINES: ReadonlySet<string> = new Set(['application/x-ndjson', 'application/ndjson', 'application/jsonl'])

export const SPEECH: Speech = {
  types: ['application/json', ...LINES],
  refusal({ httpStatus, message, retryAfterMs }) {
    const again = httpStatus === 503
    const answer: Answer = {
      message_type: 'ack',
      status: again ? 'retry' : 'rejected',
      errors: [{ path: '', message }],
      ...(again ? { retry_after_ms: retryAfterMs ?? 1000 } : {}),
    }
    return { type: 'application/json', body: JSON.stringify(answer) }
  },
}
