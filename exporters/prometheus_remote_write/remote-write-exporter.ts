// Exporter `prometheus_remote_write` at work: requests of OTLP become points, and points go to the shards of their streams.
//
// A batch that could not be delivered keeps its place in the shards while the queue in front holds it, and is recognised when the queue offers
// it again: so it is translated once, and nothing overtakes it.

import {
  type Batch,
  type ConsumeError,
  type Exporter,
  otlp,
  PartialError,
  PermanentError,
  type Prepared,
  RetryableError,
  type Settings,
} from '../../core/index.ts'
import { retryOptionsOf } from '../../core/client/index.ts'
import { DeltaToCumulative, deltaOptionsOf, type Stream, translationOf, Translator } from '../../core/prometheus/index.ts'
import type { RemoteWriteConfig } from './factory.ts'
import { Job } from './job.ts'
import { Segment } from './segment.ts'
import { Transport } from './transport.ts'
import { Ways } from './ways.ts'

export class RemoteWriteExporter implements Exporter {
  readonly #settings: Settings
  readonly #translator: Translator
  readonly #transport: Transport
  readonly #ways: Ways
  readonly #shardCount: number
  readonly #deltas: DeltaToCumulative | undefined
  readonly #jobs = new WeakMap<Uint8Array, Job>()
  /** Jobs that somebody waits for. */
  readonly #awaited = new Set<Job>()
  #onIdle: (() => void) | undefined
  #stopping = false

  constructor(config: RemoteWriteConfig, settings: Settings) {
    const { clock } = settings
    this.#settings = settings
    const options = translationOf(config, { constantLabels: config.external_labels, maxStreams: config.max_series })
    this.#translator = new Translator(options, clock)
    const transport = (this.#transport = new Transport(config, this.#translator.streams.symbols, settings))
    this.#shardCount = config.max_batch_request_parallelism
    this.#ways = new Ways({
      clock,
      retry: retryOptionsOf(config.retry_on_failure),
      shards: this.#shardCount,
      maxPoints: config.max_samples_per_send,
      encode: (load) => transport.encode(load),
      send: (load, encoded) => transport.send(load, encoded),
    })
    this.#deltas = config.delta === 'convert' ? new DeltaToCumulative(deltaOptionsOf(config), clock) : undefined
  }

  /** Before a queue has it: what is added up is added up once, and what a crash leaves in the queue is added up already. */
  prepare(batch: Batch): Prepared {
    return this.#deltas?.convert(batch) ?? { batch, refused: 0, reason: '' }
  }

  consume(batch: Batch, deadlineMs: number): Promise<void> {
    if (batch.count === 0) return Promise.resolve()
    if (this.#stopping) return Promise.reject(new RetryableError(`${this.#settings.id} is stopping`))
    const { chunks } = batch
    // Synchronous to here: batches enter the shards in the order in which they are offered.
    if (chunks.length === 1) return this.#deliver(chunks[0]!, deadlineMs)
    return settled(
      chunks,
      chunks.map((chunk) => this.#deliver(chunk, deadlineMs)),
    )
  }

  /** Waits for what somebody waits for; `abort` ends it. What a queue holds and the destination does not take now stays with the queue. */
  async stop(abort: AbortSignal): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    const aborted = (): void => this.#onIdle?.()
    abort.addEventListener('abort', aborted, { once: true })
    while (this.#awaited.size > 0 && !abort.aborted) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    abort.removeEventListener('abort', aborted)
    this.#ways.stop(new RetryableError(`${this.#settings.id} is stopping`))
    await this.#transport.stop(abort)
  }

  async #deliver(chunk: Uint8Array, deadlineMs: number): Promise<void> {
    const job = this.#jobOf(chunk, deadlineMs)
    this.#awaited.add(job)
    try {
      await job.wait()
    } finally {
      if (!job.isAwaited) this.#awaited.delete(job)
      if (job.isDone || job.isGone) this.#jobs.delete(chunk)
      if (this.#awaited.size === 0) this.#onIdle?.()
    }
  }

  #jobOf(chunk: Uint8Array, deadlineMs: number): Job {
    const known = this.#jobs.get(chunk)
    if (known !== undefined && !known.isGone) {
      known.deadlineMs = Math.max(known.deadlineMs, deadlineMs)
      return known
    }
    const job = this.#begin(chunk, deadlineMs)
    this.#jobs.set(chunk, job)
    return job
  }

  #begin(chunk: Uint8Array, deadlineMs: number): Job {
    const shards = this.#shardCount
    const segments: (Segment | undefined)[] = Array.from({ length: shards }, () => undefined)
    let points = 0
    let targets = 0
    const segmentOf = (stream: Stream): Segment => {
      points++
      if (stream.family.isTarget) targets++
      return (segments[stream.hash % shards] ??= new Segment())
    }
    const { count: refused, reason } = this.#translator.translate(chunk, {
      number: (stream, timestampMs, startMs, value) => segmentOf(stream).number(stream, timestampMs, startMs, value),
      point: (point) => segmentOf(point.stream).point(point),
    })
    const job = new Job(this.#settings.clock.monotonicMs(), deadlineMs, points - targets + refused, points, refused, reason)
    for (const segment of segments) if (segment !== undefined) segment.job = job
    this.#ways.add(segments)
    return job
  }
}

/** The fates of several requests as that of their batch: each keeps its own. */
async function settled(requests: readonly Uint8Array[], deliveries: readonly Promise<void>[]): Promise<void> {
  const chunks = new Map<number, ConsumeError>()
  let refused = 0
  for (const [i, outcome] of (await Promise.allSettled(deliveries)).entries()) {
    if (outcome.status === 'fulfilled') continue
    const error = outcome.reason as ConsumeError
    chunks.set(i, error)
    if (error instanceof PartialError) refused += error.refused
    else if (error instanceof PermanentError) refused += otlp.countItems('metrics', requests[i]!)
  }
  if (chunks.size === 0) return
  const errors = [...chunks.values()]
  const options = { cause: errors[0]!, chunks }
  const later = errors.find((error) => error instanceof RetryableError)
  if (later === undefined) throw new PartialError(refused, errors[0]!.message, options)
  const { retryAfterMs } = later
  throw new RetryableError(later.message, { ...options, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
}
