// Exporter `prometheus` at work: keeps the latest point of every stream, and shows them on a page.

import {
  type Batch,
  type ConsumeError,
  type Exporter,
  otlp,
  PartialError,
  parseDuration,
  PermanentError,
  type Prepared,
  type Settings,
} from '../../core/index.ts'
import {
  asPoints,
  DeltaToCumulative,
  deltaOptionsOf,
  type Point,
  type Stream,
  type Taker,
  translationOf,
  Translator,
} from '../../core/prometheus/index.ts'
import type { PrometheusConfig } from './factory.ts'
import { familiesOf } from './families.ts'
import { escaped } from './negotiate.ts'
import { Page } from './page.ts'

/** How many names of metrics in conflict are told in the log. */
const MAX_TOLD = 100

export class PrometheusExporter implements Exporter {
  readonly #settings: Settings
  readonly #translator: Translator
  readonly #deltas: DeltaToCumulative | undefined
  readonly #expirationMs: number
  readonly #latest = new Map<Stream, Point>()
  readonly #taker: Taker
  readonly #page: Page
  readonly #told = new Set<string>()

  constructor(config: PrometheusConfig, settings: Settings) {
    const { clock } = settings
    this.#settings = settings
    const options = translationOf(config, { constantLabels: config.const_labels, maxStreams: config.max_series })
    this.#translator = new Translator(options, clock, true)
    this.#taker = asPoints((point) => this.#keep(point))
    this.#deltas = config.delta === 'convert' ? new DeltaToCumulative(deltaOptionsOf(config), clock) : undefined
    this.#expirationMs = parseDuration(config.metric_expiration)
    this.#page = new Page(config, settings, (isUtf8) => this.#families(isUtf8))
  }

  start(abort: AbortSignal): Promise<void> {
    return this.#page.start(abort)
  }

  get addresses(): Readonly<Record<string, string>> {
    return { http: this.#page.address }
  }

  stop(): Promise<void> {
    return this.#page.stop()
  }

  /** What is added up is added up once. */
  prepare(batch: Batch): Prepared {
    return this.#deltas?.convert(batch) ?? { batch, refused: 0, reason: '' }
  }

  async consume(batch: Batch): Promise<void> {
    this.#forget()
    const chunks = new Map<number, ConsumeError>()
    let refused = 0
    for (const [i, chunk] of batch.chunks.entries()) {
      const { count, reason } = this.#translator.translate(chunk, this.#taker)
      if (count === 0) continue
      refused += count
      const whole = count === (batch.chunks.length === 1 ? batch.count : otlp.countItems('metrics', chunk))
      chunks.set(i, whole ? new PermanentError(reason) : new PartialError(count, reason))
    }
    if (chunks.size === 0) return
    const [first] = chunks.values() as Iterable<ConsumeError> as [ConsumeError]
    throw batch.chunks.length === 1 ? first : new PartialError(refused, first.message, { cause: first, chunks })
  }

  /** A point that says that its series ends takes it away, and one that comes late changes nothing. */
  #keep(point: Point): void {
    const { stream } = point
    const before = this.#latest.get(stream)
    if (before !== undefined && before.timestampMs > point.timestampMs) return
    if (point.isStale) this.#latest.delete(stream)
    else this.#latest.set(stream, point)
  }

  #forget(): void {
    this.#translator.streams.sweepEvery(this.#settings.clock.monotonicMs(), this.#expirationMs, (stream) => this.#latest.delete(stream))
  }

  /** What has one name once it is escaped is one family, for readers that take no other names. */
  #families(isUtf8: boolean): ReturnType<typeof familiesOf> {
    this.#translator.streams.sweep(this.#settings.clock.monotonicMs() - this.#expirationMs, (stream) => this.#latest.delete(stream))
    const shown = (name: string): string => (isUtf8 ? name : escaped(name, false))
    return familiesOf(this.#latest.values(), shown, (name, kept, dropped) => {
      if (this.#told.has(name) || this.#told.size >= MAX_TOLD) return
      this.#told.add(name)
      this.#settings.log.warn(
        { metric: name, shown: kept, left_out: dropped },
        'two metrics of one name have different types: one is not shown',
      )
    })
  }
}
