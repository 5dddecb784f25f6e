// What the series of `span_metrics` are, as requests to the pipelines behind it: one round every interval, and the forgetting of what is stale.
//
// A cumulative request that was not taken is not sent again: the next says all that it said. A delta request is, before anything else.

import { setImmediate } from 'node:timers/promises'
import { type Batch, type Consumer, type Settings, RetryableError, asConsumeError } from '../../core/index.ts'
import { DELTA, type MetricHead, MetricsRequest, type Series } from '../../core/series/index.ts'
import { parseDuration } from '../../core/factory.ts'
import type { Resource, Resources } from './resources.ts'
import type { Config } from './schema.ts'
import type { Store } from './store.ts'

/** As the Collector's: dashboards and queries that name it go on. */
const SCOPE = 'spanmetricsconnector'

export interface OutputOptions {
  readonly config: Config
  readonly store: Store
  readonly resources: Resources
  readonly next: Consumer
  readonly settings: Settings
  /** Series are gone: whoever remembers some forgets them. */
  readonly onRemoved: () => void
}

interface Round {
  readonly deadlineMs: number
  readonly isLast: boolean
}

export class Output {
  readonly #options: OutputOptions
  readonly #isDelta: boolean
  readonly #hasDurations: boolean
  readonly #hasEvents: boolean
  readonly #seriesExpirationMs: number
  readonly #resourceExpirationMs: number
  readonly #mostTimes: number
  readonly #out = new MetricsRequest(SCOPE)
  /** When delta series were written last; the one that is longest ago first. */
  readonly #times = new Map<string, bigint>()
  /** A delta request that was not taken yet. */
  #kept: Batch | undefined

  constructor(options: OutputOptions) {
    const { config, store } = options
    this.#options = options
    this.#isDelta = store.temporality === DELTA
    this.#hasDurations = !config.histogram.disable
    this.#hasEvents = config.events.enabled
    this.#seriesExpirationMs = parseDuration(config.series_expiration) || Infinity
    this.#resourceExpirationMs = parseDuration(config.metrics_expiration) || Infinity
    this.#mostTimes = config.metric_timestamp_cache_size
  }

  unixNano(): bigint {
    return BigInt(this.#options.settings.clock.now().getTime()) * 1_000_000n
  }

  async round(deadlineMs: number, isLast: boolean): Promise<void> {
    const round = { deadlineMs, isLast }
    if (this.#kept !== undefined && !(await this.#offer(this.#kept, round))) return this.#giveUp(isLast)
    this.#kept = undefined
    const byOrigin = Map.groupBy(this.#options.resources.all(), ({ originKey }) => originKey)
    for (const resources of byOrigin.values()) {
      for (const resource of resources) if (!(await this.#write(resource, round))) return this.#giveUp(isLast)
      if (!(await this.#send(resources[0]!, round))) return this.#giveUp(isLast)
    }
    this.#forgetStale()
  }

  /** Nothing more is taken now. */
  #giveUp(isLast: boolean): void {
    if (isLast) this.#options.settings.log.error({ series: this.#options.store.size }, 'lost: the last metrics were not taken')
  }

  /** False where nothing is taken now. */
  async #write(resource: Resource, round: Round): Promise<boolean> {
    const { store, settings, resources } = this.#options
    const now = settings.clock.monotonicMs()
    const { heads } = store
    this.#out.resource(resource.body)
    let isAll = await this.#writeMetric(resource, heads.calls, resource.calls, round)
    if (this.#hasDurations) isAll &&= await this.#writeMetric(resource, heads.durations, resource.durations, round)
    if (this.#hasEvents) isAll &&= await this.#writeMetric(resource, heads.events, resource.events, round)
    if (!isAll) return false
    if (isWritten(resource)) resource.writtenMs = now
    if (this.#isDelta && resource.calls.size === 0 && resource.durations.size === 0 && resource.events.size === 0)
      resources.forget(resource)
    return true
  }

  async #writeMetric<S extends Series>(resource: Resource, head: MetricHead, all: Map<string, S>, round: Round): Promise<boolean> {
    const out = this.#out
    const unixNano = this.unixNano()
    out.metric(head)
    for (const [key, series] of all) {
      if (round.isLast) series.skipZero()
      out.beginPoint()
      series.write(out, this.#startOf(resource, head, key, series, unixNano), unixNano)
      out.endPoint()
      if (this.#isDelta) this.#options.store.remove(all, key)
      if (!out.isLarge) continue
      if (!(await this.#send(resource, round))) return false
      // Many series are written in pieces, between which others have their turn.
      await setImmediate()
    }
    return true
  }

  /** A delta begins where the one before it has ended. The wall clock may have been set back: nothing ends before it begins. */
  #startOf(resource: Resource, head: MetricHead, key: string, series: Series, unixNano: bigint): bigint {
    let start = series.startUnixNano
    if (this.#isDelta) {
      const name = `${head.name}\0${resource.key}\0${key}`
      start = this.#times.get(name) ?? start
      this.#times.delete(name)
      this.#times.set(name, unixNano)
      if (this.#times.size > this.#mostTimes) for (const oldest of this.#times.keys()) if (this.#times.delete(oldest)) break
    }
    return start < unixNano ? start : unixNano
  }

  /** What is written so far, for the sender of that resource. */
  async #send({ origin }: Resource, round: Round): Promise<boolean> {
    if (this.#out.points === 0) return true
    const { bytes, count } = this.#out.take()
    if (this.#isDelta) this.#options.onRemoved()
    return await this.#offer({ signal: 'metrics', chunks: [bytes], count, origin }, round)
  }

  async #offer(batch: Batch, { deadlineMs }: Round): Promise<boolean> {
    const { next, settings } = this.#options
    try {
      await next.consume(batch, deadlineMs)
      return true
    } catch (thrown) {
      const error = asConsumeError(thrown)
      const fields = { data_points: batch.count, reason: error.message }
      if (error instanceof RetryableError) {
        settings.log.warn(
          fields,
          this.#isDelta ? 'metrics were not taken; they are offered again' : 'metrics were not taken; the next say it all',
        )
        if (this.#isDelta) this.#kept = batch
        return false
      }
      settings.log.error(fields, 'metrics were refused')
      return true
    }
  }

  #forgetStale(): void {
    const { resources, store, settings, onRemoved } = this.#options
    const now = settings.clock.monotonicMs()
    let removed = false
    if (this.#seriesExpirationMs < Infinity)
      for (const { calls, durations, events } of resources.all())
        for (const all of [calls, durations, events] as Map<string, Series>[])
          for (const [key, series] of all) {
            if (now - series.lastSeenMs < this.#seriesExpirationMs || !series.isWritten) continue
            store.remove(all, key)
            removed = true
          }
    if (removed) onRemoved()
    if (this.#resourceExpirationMs === Infinity) return
    for (const resource of resources.all())
      if (now - resource.lastSeenMs >= this.#resourceExpirationMs && resource.writtenMs > resource.lastSeenMs) resources.forget(resource)
  }
}

function isWritten({ calls, durations, events }: Resource): boolean {
  for (const all of [calls, durations, events]) for (const series of all.values()) if (!series.isWritten) return false
  return true
}
