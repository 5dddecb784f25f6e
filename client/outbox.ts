// What was said and not answered yet: a buffer bounded in bytes, and the loop that sends from it until every message has its answer.

import { BackOff } from './back-off.ts'
import type { Letter } from './letter.ts'
import type { Counts, Drop, Rejection, Settled } from './options.ts'
import { messageOf, utf8Length } from './json.ts'
import { type Answer, NotNow, TooLarge, type Transport } from './transport.ts'

/** Receivers bound how many one request may have. */
const MAX_BATCH_MESSAGES = 1000

/** Of requests that outlive their page, browsers let 64 KiB be on their way. */
const MAX_LAST_BYTES = 60_000

type Limits = Pick<Settled, 'lingerMs' | 'maxBatchBytes' | 'maxBufferBytes' | 'whenFull' | 'minBackoffMs' | 'maxBackoffMs'>

/** What the outbox tells. None of them throws. */
export interface Listener {
  rejected(rejection: Rejection): void
  dropped(drop: Drop): void
  trouble(error: Error): void
}

/** Somebody waits for the answers to what was said before. */
interface Flush {
  readonly upTo: number
  missing: number
  readonly done: () => void
}

/** Seals and signs: the text to send. */
export type Sign = (text: string) => Promise<string>

export class Outbox {
  readonly #transport: Transport
  readonly #limits: Limits
  readonly #listener: Listener
  readonly #sign: Sign | undefined
  readonly #backOff: BackOff
  /** Oldest first, from `#head`: what is before was sent. */
  #waiting: (Letter | undefined)[] = []
  #head = 0
  #maxBatchBytes: number
  #bytes = 0
  #sending = 0
  #pending = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  /** After a failure: nothing is sent before. */
  #pauseUntilMs = 0
  #isClosed = false
  #isLeaving = false
  readonly #counts = { made: 0, accepted: 0, rejected: 0, dropped: 0 }
  /** Not waiting, and not answered. */
  readonly #onTheirWay = new Set<Letter>()
  readonly #flushes = new Set<Flush>()

  constructor(transport: Transport, limits: Limits, listener: Listener, sign: Sign | undefined) {
    this.#transport = transport
    this.#limits = limits
    this.#listener = listener
    this.#sign = sign
    this.#backOff = new BackOff(limits.minBackoffMs, limits.maxBackoffMs)
    this.#maxBatchBytes = limits.maxBatchBytes
  }

  get counts(): Counts {
    return { ...this.#counts, pending: this.#pending }
  }

  add(letter: Letter): void {
    this.#counts.made++
    this.#pending++
    this.#bytes += letter.bytes
    letter.place = this.#counts.made
    if (this.#isClosed) return this.#drop(letter, 'closed')
    if (letter.bytes > this.#limits.maxBufferBytes) return this.#drop(letter, 'buffer_full')
    while (this.#bytes > this.#limits.maxBufferBytes) {
      const oldest = this.#limits.whenFull === 'drop_oldest' ? this.#take() : undefined
      this.#drop(oldest ?? letter, 'buffer_full')
      if (oldest === undefined) return
    }
    this.#waiting.push(letter)
    this.#wake(this.#limits.lingerMs)
  }

  /** It could not even be written. */
  refuse(rejection: Rejection): void {
    this.#counts.made++
    this.#counts.rejected++
    this.#listener.rejected(rejection)
  }

  /** Resolves once everything said so far is answered, or after so long. */
  async flush(timeoutMs: number): Promise<void> {
    if (this.#pending === 0) return
    // Whoever waits for us would rather know at once whether the server is back.
    this.#pauseUntilMs = 0
    this.#send()
    let timer: ReturnType<typeof setTimeout> | undefined
    await new Promise<void>((done) => {
      const flush = { upTo: this.#counts.made, missing: this.#pending, done }
      this.#flushes.add(flush)
      // It also keeps the program from ending meanwhile: our other timers do not.
      timer = setTimeout(() => (this.#flushes.delete(flush), done()), timeoutMs)
    })
    clearTimeout(timer)
  }

  /** What has not been answered by now is given up, and whatever comes later. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const letter of this.#onTheirWay) this.#drop(letter, 'closed')
    for (let letter = this.#take(); letter !== undefined; letter = this.#take()) this.#drop(letter, 'closed')
    this.#transport.close()
  }

  /** One timer: the earliest that was asked for while none ran. It keeps no program alive. */
  #wake(afterMs: number): void {
    if (this.#timer !== undefined || this.#isClosed) return
    const pauseMs = this.#pauseUntilMs - performance.now()
    this.#timer = setTimeout(() => this.#send(), Math.max(afterMs, pauseMs))
    ;(this.#timer as { unref?: () => void }).unref?.()
  }

  #send(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (performance.now() < this.#pauseUntilMs) return this.#wake(0)
    while (this.#sending < this.#transport.window && this.#head < this.#waiting.length) void this.#deliver(this.#nextBatch())
  }

  /** The page goes away, or comes back: what waits is sent now, as much as a request may have that outlives its page. */
  leaving(isLeaving: boolean): void {
    this.#transport.leaving?.(isLeaving)
    this.#isLeaving = isLeaving
    if (isLeaving) this.#send()
  }

  async #deliver(batch: readonly Letter[]): Promise<void> {
    this.#sending++
    try {
      const signed = await this.#signed(batch)
      if (signed.length > 0 && !this.#isClosed) await this.#attempt(signed)
    } catch (error) {
      // It would be a fault of ours: the messages are not lost over it.
      this.#again(batch, asError(error))
    }
    this.#sending--
    if (this.#head < this.#waiting.length) this.#send()
  }

  async #attempt(batch: readonly Letter[]): Promise<void> {
    let answers: readonly Answer[]
    try {
      answers = await this.#transport.send(batch.map(({ text }) => text))
      if (answers.length !== batch.length) throw new NotNow(`${batch.length} messages were sent, and ${answers.length} answered`)
    } catch (error) {
      if (this.#isClosed) return
      if (error instanceof TooLarge) return this.#split(batch, error)
      return this.#again(batch, asError(error))
    }
    // Given up meanwhile, and told so.
    if (this.#isClosed) return
    const later = batch.filter((letter, i) => !this.#settle(letter, answers[i]!))
    if (later.length === 0) return this.#backOff.succeeded()
    const askedMs = Math.max(0, ...answers.map(({ retry_after_ms }) => retry_after_ms ?? 0))
    const why = answers.find(({ status }) => status === 'retry')?.errors?.[0]?.message ?? 'no reason given'
    this.#again(later, new NotNow(`the server cannot take messages now: ${why}`, askedMs))
  }

  /** False where it must be sent again. */
  #settle(letter: Letter, { status, errors }: Answer): boolean {
    if (status === 'retry') return false
    this.#forget(letter)
    if (status === 'rejected') this.#reject(letter, errors ?? [])
    else this.#counts.accepted++
    return true
  }

  #split(batch: readonly Letter[], error: TooLarge): void {
    if (batch.length === 1) {
      this.#forget(batch[0]!)
      return this.#reject(batch[0]!, [{ path: '', message: error.message }])
    }
    this.#maxBatchBytes = Math.floor(batch.reduce((sum, { bytes }) => sum + bytes, 0) / 2)
    this.#putBack(batch)
  }

  #again(batch: readonly Letter[], error: Error): void {
    if (this.#isClosed) return
    const askedMs = error instanceof NotNow ? error.retryAfterMs : 0
    // Several batches that were on their way over one connection fail together: that is one failure.
    if (askedMs > 0 || performance.now() >= this.#pauseUntilMs) this.#pauseUntilMs = performance.now() + this.#backOff.failed(askedMs)
    this.#putBack(batch)
    this.#listener.trouble(error)
    this.#wake(0)
  }

  #putBack(batch: readonly Letter[]): void {
    for (const letter of batch) this.#onTheirWay.delete(letter)
    const waiting = this.#waiting.slice(this.#head) as Letter[]
    this.#waiting = [...batch, ...waiting].sort((a, b) => a.place - b.place)
    this.#head = 0
  }

  /** In order, as many as fit, and at least one. */
  #nextBatch(): Letter[] {
    const batch: Letter[] = []
    const maxBytes = this.#isLeaving ? Math.min(this.#maxBatchBytes, MAX_LAST_BYTES) : this.#maxBatchBytes
    let bytes = 0
    while (this.#head < this.#waiting.length) {
      const { bytes: more } = this.#waiting[this.#head]!
      if (batch.length === MAX_BATCH_MESSAGES || (batch.length > 0 && bytes + more > maxBytes)) break
      const letter = this.#take()!
      batch.push(letter)
      this.#onTheirWay.add(letter)
      bytes += more
    }
    return batch
  }

  #take(): Letter | undefined {
    const letter = this.#waiting[this.#head]
    if (letter === undefined) return undefined
    this.#waiting[this.#head++] = undefined
    if (this.#head === this.#waiting.length || this.#head > 10_000) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
    return letter
  }

  /** Those that could be. A message is signed once: what is sealed would have another content each time. */
  async #signed(batch: readonly Letter[]): Promise<readonly Letter[]> {
    if (this.#sign === undefined) return batch
    const all = await Promise.all(batch.map((letter) => this.#signOne(letter, this.#sign!)))
    return batch.filter((_, i) => all[i])
  }

  async #signOne(letter: Letter, sign: Sign): Promise<boolean> {
    if (letter.isSigned) return true
    try {
      const text = await sign(letter.text)
      if (this.#isClosed) return false
      const bytes = utf8Length(text)
      this.#bytes += bytes - letter.bytes
      Object.assign(letter, { text, bytes, isSigned: true })
      return true
    } catch (error) {
      if (this.#isClosed) return false
      this.#forget(letter)
      this.#reject(letter, [{ path: '', message: `it cannot be signed: ${messageOf(error)}` }])
      return false
    }
  }

  #reject({ id, type }: Letter, errors: Rejection['errors']): void {
    this.#counts.rejected++
    this.#listener.rejected({ messageId: id, messageType: type, errors })
  }

  #drop(letter: Letter, reason: Drop['reason']): void {
    this.#forget(letter)
    this.#counts.dropped++
    this.#listener.dropped({ count: 1, reason })
  }

  #forget(letter: Letter): void {
    this.#bytes -= letter.bytes
    this.#pending--
    this.#onTheirWay.delete(letter)
    for (const flush of this.#flushes) {
      if (letter.place > flush.upTo || --flush.missing > 0) continue
      this.#flushes.delete(flush)
      flush.done()
    }
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown))
}
