// Extension `anomaly_model` at work: the threads, a scorer for each kind that somebody asks for, and what is kept on disk of them.

import { availableParallelism } from 'node:os'
import { type AnomalyModel, type AnomalyScorer, type Kind, restore, Scorer, ScoringPool, snapshotOf } from '../../core/anomaly/index.ts'
import { type DurableLog, parseDuration, type Settings } from '../../core/index.ts'
import type { AnomalyModelConfig } from './factory.ts'

interface Kept {
  readonly scorer: Scorer
  log?: DurableLog
  /** Of what is saved now. */
  position?: number
  /** Saving one after the other. */
  saving: Promise<void>
}

export class ForestModel implements AnomalyModel {
  readonly timeoutMs: number
  readonly pool: ScoringPool
  readonly #config: AnomalyModelConfig
  readonly #settings: Settings
  readonly #kept = new Map<Kind, Kept>()
  #started = false
  #stopping: Promise<void> | undefined

  constructor(config: AnomalyModelConfig, settings: Settings, worker?: string) {
    this.#config = config
    this.#settings = settings
    this.timeoutMs = config.timeout_ms
    const { clock, log, meter } = settings
    const threads = config.threads > 0 ? config.threads : Math.max(1, availableParallelism() - 1)
    const own = worker === undefined ? {} : { worker }
    const pool = (this.pool = new ScoringPool({ threads, timeoutMs: config.timeout_ms, maxHeapMb: config.max_heap_mb, clock, log, ...own }))
    const gauge = (name: string, unit: string, help: string, read: () => number): void => meter.gauge(name, unit, help, read)
    gauge('millrace_anomaly_thread_failures', '{failure}', 'Tasks that a thread failed at since the start.', () => pool.failures)
    gauge('millrace_anomaly_set_aside', '{batch}', 'Batches that failed two threads, since the start.', () => pool.setAside)
  }

  scorer(kind: Kind): AnomalyScorer {
    let kept = this.#kept.get(kind)
    if (kept !== undefined) return kept.scorer
    const config = this.#config
    const scorer = new Scorer(
      kind,
      {
        without: Object.entries(config.features).flatMap(([name, isOn]) => (isOn ? [] : [name])),
        attributes: config.attributes,
        minSamples: config.min_samples,
        maxOperations: config.max_operations,
        warmUp: config.warm_up,
        reservoirSize: config.reservoir_size,
        windowMs: parseDuration(config.window),
        retrainMs: parseDuration(config.retrain_interval),
        flaggedShare: config.flagged_share,
        seed: config.seed,
      },
      this.pool,
      this.#settings,
    )
    this.#kept.set(kind, (kept = { scorer, saving: Promise.resolve() }))
    const own = kept
    scorer.onTrained = () => void this.#save(own)
    return scorer
  }

  async trained(): Promise<void> {
    await Promise.all([...this.#kept.values()].map(({ scorer }) => scorer.idle()))
  }

  async start(): Promise<void> {
    const { storage } = this.#settings
    if (storage === undefined || this.#started) return
    this.#started = true
    for (const [kind, kept] of this.#kept) await this.#load(kept, await storage.open(kind))
  }

  async #load(kept: Kept, log: DurableLog): Promise<void> {
    kept.log = log
    const { bytes } = log
    for (let from = 0; ;) {
      const { records, next } = await log.read(from, 1)
      if (records.length === 0) break
      for (const { position, bytes } of records) {
        // The newest counts: a crash may have left the one before it.
        if (kept.position !== undefined) await log.release(kept.position)
        kept.position = position
        this.#restore(kept.scorer, bytes)
      }
      from = next
    }
    // Once there is a model there always is one: it is released when the next one is there.
    if (bytes > 0 && kept.position === undefined)
      this.#settings.log.warn({ kind: kept.scorer.kind }, 'the saved model is damaged on disk: another one is trained')
  }

  #restore(scorer: Scorer, bytes: Uint8Array): void {
    const { log } = this.#settings
    const { kind } = scorer
    try {
      const refused = restore(scorer, bytes)
      if (refused === undefined) log.info({ kind, trained: new Date(scorer.model!.trainedMs).toISOString() }, 'a saved model was loaded')
      else log.warn({ kind, reason: refused }, 'the saved model is not used: another one is trained')
    } catch (error) {
      log.warn({ kind, reason: (error as Error).message }, 'the saved model cannot be read: another one is trained')
    }
  }

  /** What is in the log is replaced once the new one is synced. */
  #save(kept: Kept): Promise<void> {
    const { log } = kept
    if (log === undefined) return Promise.resolve()
    const save = async (): Promise<void> => {
      const bytes = snapshotOf(kept.scorer)
      if (bytes === undefined) return
      try {
        const before = kept.position
        kept.position = await log.append([bytes])
        if (before !== undefined) await log.release(before)
      } catch (error) {
        this.#settings.log.warn({ kind: kept.scorer.kind, reason: (error as Error).message }, 'the model could not be saved')
      }
    }
    return (kept.saving = kept.saving.then(save))
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop())
  }

  async #stop(): Promise<void> {
    await this.pool.close()
    await Promise.all([...this.#kept.values()].map((kept) => this.#save(kept)))
  }
}
