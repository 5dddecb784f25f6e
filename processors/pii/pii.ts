// Processor `pii` at work: each request is walked once, and spliced where something was found. Created by factory.ts.

import { Detection, type Detector, detectorOf, detectorsNamed } from '../../core/detect/index.ts'
import type { Batch, Consumer, Processor, Settings } from '../../core/index.ts'
import { Masker } from '../../core/mask/index.ts'
import type { PiiConfig } from './factory.ts'
import { PiiRules } from './rules.ts'

export async function createPii(config: PiiConfig, next: Consumer, settings: Settings): Promise<Processor> {
  const builtIn = await detectorsNamed(config.detectors, { phoneCountries: config.phone_countries })
  const detectors = [...builtIn, ...config.patterns.map(({ name, pattern }) => own(name, pattern))]
  const rules = new PiiRules(config, detectors, new Detection(detectors))
  const masker = new Masker(rules)
  const found = settings.meter.counter(
    'millrace_pii_findings',
    '{finding}',
    'What was found and masked, by rule (a detector, a pattern, key, or not_allowed) and by place. An attribute that is deleted counts once for each finding in it.',
  )
  return {
    async consume(batch: Batch, deadlineMs: number): Promise<void> {
      const chunks = batch.chunks.map((chunk) => masker.apply(batch.signal, chunk))
      rules.tally.flush(found)
      await next.consume({ ...batch, chunks }, deadlineMs)
    },
  }
}

function own(name: string, pattern: string): Detector {
  const detector = detectorOf(name, pattern)
  if ('fault' in detector) throw new TypeError(detector.fault) // `check` has said so with line and column
  return detector
}
