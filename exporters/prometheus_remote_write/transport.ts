// Carries loads to the destination: writes the message that it reads, compresses it, posts it, and says what the answer means. All shards of
// an exporter share one, for all of them learn from one answer which message that is.

import snappy from 'snappy'
import {
  ANONYMOUS,
  type Batch,
  lowerCased,
  ownVersion,
  parseDuration,
  PartialError,
  PermanentError,
  RetryableError,
  type Settings,
} from '../../core/index.ts'
import { BrokenConnectionError, Delivery, retryOptionsOf } from '../../core/client/index.ts'
import type { Symbols } from '../../core/prometheus/index.ts'
import type { RemoteWriteConfig } from './factory.ts'
import { errorOf, isSuccess, isUnread, writtenOf } from './judge.ts'
import type { Counts, Message } from './message.ts'
import { MessageV1, Metadata } from './message-v1.ts'
import { MessageV2 } from './message-v2.ts'
import { destinationOf, type Destination } from './sender.ts'
import type { Load } from './load.ts'
import type { Encoded, Fate } from './ways.ts'

type Version = 1 | 2

const HEADERS: Readonly<Record<Version, Readonly<Record<string, string>>>> = {
  1: { 'content-type': 'application/x-protobuf', 'x-prometheus-remote-write-version': '0.1.0' },
  2: { 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request', 'x-prometheus-remote-write-version': '2.0.0' },
}

/** A load on its way, in the form in which batches go theirs. */
interface Parcel extends Batch {
  readonly load: Load
  encoded: Encoded
}

export class Transport {
  readonly #settings: Settings
  readonly #headers: Readonly<Record<string, string>>
  readonly #destination: Destination
  readonly #delivery: Delivery<Parcel>
  readonly #maxBytes: number
  readonly #messages: Readonly<Record<Version, MessageV1 | MessageV2>>
  readonly #metadata: Metadata | undefined
  #version: Version
  /** Whether it is known that this message is read; with a fixed one nothing has to be found out. */
  #isKnown: boolean
  readonly #mayFallBack: boolean

  constructor(config: RemoteWriteConfig, symbols: Symbols, settings: Settings) {
    const { clock } = settings
    this.#settings = settings
    this.#destination = destinationOf(config, settings)
    this.#headers = { ...lowerCased(config.headers), 'user-agent': `millrace/${ownVersion()}`, 'content-encoding': 'snappy' }
    this.#maxBytes = config.max_batch_size_bytes
    this.#metadata = config.send_metadata ? new Metadata(() => clock.monotonicMs()) : undefined
    this.#messages = { 1: new MessageV1(this.#metadata), 2: new MessageV2(symbols) }
    const { protobuf_message: message } = config
    this.#version = message === 'v1' || message === 'prometheus.WriteRequest' ? 1 : 2
    this.#mayFallBack = message === 'auto'
    this.#isKnown = !this.#mayFallBack
    this.#delivery = new Delivery({
      settings,
      retry: retryOptionsOf(config.retry_on_failure),
      timeoutMs: parseDuration(config.timeout),
      target: this.#destination.url,
      auth: config.auth && settings.extension('client_auth', config.auth.authenticator),
      encode: (parcel) => Promise.resolve(parcel as Parcel),
      attempt: (_, parcel, credentials, timeoutMs) => this.#attempt(parcel, credentials, timeoutMs),
      destroy: () => this.#destination.sender.destroy(),
    })
  }

  /** A number where the load is too large: how many of its points may fit. */
  encode(load: Load, maxBytes: number = this.#maxBytes): Encoded | number {
    const version = this.#version
    const message: Message = this.#messages[version].begin()
    if (!load.writeTo(message, maxBytes)) return Math.floor((load.points * 0.9 * load.written) / load.streams)
    return { body: snappy.compressSync(message.finish()), counts: { ...message.counts }, version }
  }

  /** Once, but for a connection that breaks, and for a destination that turns out to read another message. */
  async send(load: Load, encoded: Encoded): Promise<Fate> {
    const parcel: Parcel = { signal: 'metrics', chunks: [], count: Math.max(1, load.items), origin: ANONYMOUS, load, encoded }
    try {
      await this.#delivery.consume(parcel, Infinity)
      return { refused: 0, reason: '' }
    } catch (error) {
      if (error instanceof PartialError) return { refused: Math.min(error.refused, load.items), reason: error.message }
      if (error instanceof PermanentError) return { refused: load.items, reason: error.message }
      throw error
    }
  }

  stop(abort: AbortSignal): Promise<void> {
    return this.#delivery.stop(abort)
  }

  async #attempt(parcel: Parcel, credentials: Readonly<Record<string, string>>, timeoutMs: number): Promise<void> {
    // Another shard may have found out meanwhile.
    if (parcel.encoded.version !== this.#version) this.#encodeAnew(parcel)
    const { sender, path, url } = this.#destination
    const { body, counts, version } = parcel.encoded
    const headers = { ...this.#headers, ...credentials, ...HEADERS[version] }
    const answer = await sender.post(path, headers, [body], timeoutMs).catch((error: unknown) => {
      const Kind = error instanceof BrokenConnectionError ? BrokenConnectionError : RetryableError
      throw new Kind(`POST ${url}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    })
    if (isUnread(answer, version, this.#isKnown)) {
      if (!this.#mayFallBack)
        throw new PermanentError(
          `POST ${url}: ${answer.status}; the destination does not read remote write 2.0: accepted with protobuf_message: v1`,
        )
      this.#fallBack(answer.status)
      return this.#attempt(parcel, credentials, timeoutMs)
    }
    const written = version === 2 ? writtenOf(answer.headers) : undefined
    if (isSuccess(answer.status) || written !== undefined) this.#isKnown = true
    if (!isSuccess(answer.status)) throw this.#errorOf(errorOf(answer, url, this.#settings.clock.now()), written, counts, parcel.load)
    this.#metadata?.said()
    const missing = missingOf(counts, written)
    if (missing > 0)
      throw new PartialError(
        itemsOf(missing, counts, parcel.load),
        `POST ${url}: ${answer.status}, but ${missing} samples fewer written than sent`,
      )
  }

  /** Of what is refused for good, a destination of 2.0 says how much it has written all the same. */
  #errorOf(error: Error, written: Counts | undefined, counts: Counts, load: Load): Error {
    if (!(error instanceof PermanentError) || written === undefined || written.samples + written.histograms === 0) return error
    return new PartialError(Math.max(1, itemsOf(missingOf(counts, written), counts, load)), error.message)
  }

  #fallBack(status: number): void {
    if (this.#version === 1) return
    this.#version = 1
    this.#isKnown = true
    const { url } = this.#destination
    this.#settings.log.info({ url, status }, 'the destination reads remote write 1.0 and not 2.0: sending that')
  }

  /** What was cut for one message may be larger in the other, which no destination minds. */
  #encodeAnew(parcel: Parcel): void {
    parcel.encoded = this.encode(parcel.load, Infinity) as Encoded
  }
}

function missingOf(sent: Counts, written: Counts | undefined): number {
  if (written === undefined) return 0
  return Math.max(0, sent.samples - written.samples) + Math.max(0, sent.histograms - written.histograms)
}

/** Data points of so many samples, of which a histogram has many. */
function itemsOf(samples: number, counts: Counts, { items }: Load): number {
  return Math.min(items, Math.ceil((samples * items) / Math.max(1, counts.samples + counts.histograms)))
}
