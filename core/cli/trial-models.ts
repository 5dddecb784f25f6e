// Anomaly models for a trial of policies: they learn from the recording alone, and time stands still while they do. `sampling try` has them where a
// policy names one.

import type { AnomalyModel, AnomalyScorer } from '../anomaly/anomaly-model.ts'
import { systemClock } from '../clock.ts'
import type { ExtensionFactory, Settings } from '../component.ts'
import type { Configured } from '../config/service.ts'

/** Nobody waits in a trial: what is scored is scored. */
const TIMEOUT_MS = 60_000

type Extensions = ReadonlyMap<string, Configured<ExtensionFactory>>

export class TrialModels {
  readonly #models = new Map<string, AnomalyModel>()
  readonly #trained: (() => Promise<void>)[] = []
  readonly #judging = new Set<Promise<unknown>>()

  /** Of the extensions that `config` names somewhere. Without what was saved: that is of whoever runs. */
  async create(extensions: Extensions, config: unknown, settings: Settings): Promise<void> {
    const named = JSON.stringify(config)
    for (const [id, { factory, config: given }] of extensions) {
      if (factory.provides?.(given).includes('anomaly_model') !== true || !named.includes(JSON.stringify(id))) continue
      const { storage: _, ...rest } = given as { readonly storage?: string; readonly timeout_ms: number }
      const own: Settings = { ...settings, id, clock: systemClock }
      const model = (await factory.create({ ...rest, timeout_ms: TIMEOUT_MS }, { status: () => 'ready' }, own)) as AnomalyModel
      this.#trained.push(() => model.trained())
      this.#models.set(id, this.#watched(model, rest.timeout_ms))
    }
  }

  of(id: string): AnomalyModel | undefined {
    return this.#models.get(id)
  }

  /** Settles once everything that was asked is answered, and what was learned is known. */
  async settled(): Promise<void> {
    if (this.#models.size === 0) return
    // More may be asked in the turns after the last answer.
    for (let quietTurns = 0; quietTurns < 2; quietTurns++) {
      if (this.#judging.size > 0) quietTurns = 0
      await Promise.all(this.#judging)
      await Promise.all(this.#trained.map((trained) => trained()))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async start(): Promise<void> {
    for (const model of this.#models.values()) await model.start(new AbortController().signal)
  }
  async stop(): Promise<void> {
    for (const model of this.#models.values()) await model.stop(new AbortController().signal)
  }

  #watched(model: AnomalyModel, timeoutMs: number): AnomalyModel {
    return {
      timeoutMs,
      scorer: (kind) => this.#watchedScorer(model.scorer(kind)),
      trained: () => model.trained(),
      start: (abort) => model.start(abort),
      stop: (abort) => model.stop(abort),
    }
  }

  #watchedScorer(scorer: AnomalyScorer): AnomalyScorer {
    return {
      noteBytes: scorer.noteBytes,
      note: (index, span, first, ordinal) => scorer.note(index, span, first, ordinal),
      forget: (first) => scorer.forget(first),
      judge: (traces, count) => {
        const judgement = scorer.judge(traces, count).finally(() => this.#judging.delete(judgement))
        this.#judging.add(judgement)
        return judgement
      },
    }
  }
}
