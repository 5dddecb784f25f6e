// Exporter `otlp_http` at work: a batch becomes one request, sent until it is answered for good or nobody waits any more.

import { type Batch, type Exporter, parseDuration, PartialError, PermanentError, RetryableError, type Settings } from '../../core/index.ts'
import { compress, type Compression, FaultLog, HttpSender, InFlight, Retry, retryOptionsOf, tracesToJson } from '../../core/client/index.ts'
import type { OtlpHttpConfig } from './factory.ts'
import { judge } from './judge.ts'

export class OtlpHttpExporter implements Exporter {
  readonly #url: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #json: boolean
  readonly #compression: Compression | undefined
  readonly #level: number | undefined
  readonly #timeoutMs: number
  readonly #settings: Settings
  readonly #sender: HttpSender
  readonly #retry: Retry
  readonly #faults: FaultLog
  readonly #refusals: FaultLog
  readonly #inFlight = new InFlight()
  readonly #cut = new AbortController()
  #stopping = false

  constructor(config: OtlpHttpConfig, settings: Settings) {
    this.#settings = settings
    this.#url = tracesUrl(config)
    this.#json = config.encoding === 'json'
    this.#compression = config.compression === 'none' ? undefined : config.compression
    this.#level = config.compression_params.level
    this.#timeoutMs = parseDuration(config.timeout)
    this.#headers = {
      'user-agent': 'millrace',
      ...lowerCased(config.headers),
      'content-type': this.#json ? 'application/json' : 'application/x-protobuf',
      ...(this.#compression === undefined ? {} : { 'content-encoding': this.#compression }),
    }
    this.#faults = new FaultLog(settings.log, settings.clock)
    this.#refusals = new FaultLog(settings.log, settings.clock)
    this.#retry = new Retry(retryOptionsOf(config.retry_on_failure), settings.clock)
    this.#sender = new HttpSender({
      origin: this.#url.origin,
      maxConnections: config.max_conns_per_host,
      idleTimeoutMs: parseDuration(config.idle_conn_timeout),
      connectTimeoutMs: this.#timeoutMs,
      clock: settings.clock,
    })
  }

  consume(batch: Batch, deadlineMs: number): Promise<void> {
    if (batch.count === 0) return Promise.resolve()
    if (this.#stopping) return Promise.reject(new RetryableError(`${this.#settings.id} is stopping`))
    return this.#inFlight.run(() => this.#export(batch, deadlineMs))
  }

  /** Waits for what is in flight; `abort` ends it, and what was not answered is the sender's again. */
  async stop(abort: AbortSignal): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    const cut = (): void => {
      this.#cut.abort()
      void this.#sender.destroy()
    }
    abort.addEventListener('abort', cut, { once: true })
    if (abort.aborted) cut()
    await this.#inFlight.idle()
    abort.removeEventListener('abort', cut)
    await this.#sender.destroy()
  }

  async #export(batch: Batch, deadlineMs: number): Promise<void> {
    const chunks = this.#json ? [jsonOf(batch)] : batch.chunks
    const body = this.#compression === undefined ? chunks : [await compress(this.#compression, chunks, this.#level)]
    await this.#retry.run(() => this.#told(this.#attempt(batch, body, deadlineMs)), deadlineMs, this.#cut.signal)
  }

  /** An operator learns from the log what senders learn from their answers. */
  async #told(attempt: Promise<void>): Promise<void> {
    try {
      await attempt
      this.#faults.worked()
    } catch (error) {
      if (error instanceof PartialError)
        this.#refusals.failed(error.message, 'the destination took a part; senders are told how much it refused')
      else if (error instanceof PermanentError)
        this.#refusals.failed(error.message, 'the destination refuses data for good; senders are told so')
      else this.#faults.failed(reasonOf(error), 'the destination does not take data now; senders keep theirs and are told to try again')
      throw error
    }
  }

  async #attempt(batch: Batch, body: readonly Uint8Array[], deadlineMs: number): Promise<void> {
    const { clock } = this.#settings
    const timeoutMs = Math.min(this.#timeoutMs, deadlineMs - clock.monotonicMs())
    if (timeoutMs <= 0) throw new RetryableError(`no time is left to send to ${this.#url.href}`)
    const path = this.#url.pathname + this.#url.search
    const answer = await this.#sender.post(path, this.#headers, body, timeoutMs).catch((error: unknown) => {
      throw new RetryableError(`POST ${this.#url.href}: ${reasonOf(error)}`, { cause: error })
    })
    judge(answer, this.#url.href, batch, clock.now())
  }
}

/** Requests laid end to end are one request, in protobuf alone: so they are joined first. */
function jsonOf({ chunks }: Batch): Buffer {
  return Buffer.from(tracesToJson(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
}

/** As `fetch` would: two spellings of one header would be sent as two. */
function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function tracesUrl({ endpoint, traces_endpoint: whole }: OtlpHttpConfig): URL {
  if (whole !== undefined) return new URL(whole)
  const base = new URL(endpoint!) // the factory has checked that there is one
  base.pathname = `${base.pathname.replace(/\/$/, '')}/v1/traces`
  return base
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
