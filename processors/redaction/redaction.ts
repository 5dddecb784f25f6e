// Processor `redaction` at work: each request is walked once, every text in it looked at. Created by factory.ts.

import type { Batch, Consumer, Processor, Settings } from '../../core/index.ts'
import { Masker } from '../../core/mask/index.ts'
import type { RedactionConfig } from './factory.ts'
import { RedactionRules } from './rules.ts'

export function createRedaction(config: RedactionConfig, next: Consumer, settings: Settings): Processor {
  const rules = new RedactionRules(config)
  const masker = new Masker(rules)
  const found = settings.meter.counter(
    'millrace_redaction_values',
    '{value}',
    'Values and attributes by what became of them (redacted: deleted for its key; masked; allowed; ignored) and by place.',
  )
  return {
    async consume(batch: Batch, deadlineMs: number): Promise<void> {
      const chunks = batch.chunks.map((chunk) => masker.apply(batch.signal, chunk))
      rules.tally.flush(found)
      await next.consume({ ...batch, chunks }, deadlineMs)
    },
  }
}
