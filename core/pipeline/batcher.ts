// Merges concurrent batches into larger ones while their senders still wait: nobody is answered before downstream has taken what was
// theirs. The `batch` processor is this, configured.

import type { Batch, Origin, Signal } from '../batch.ts'
import type { Clock } from '../clock.ts'
import type { Processor, Consumer } from '../component.ts'
import { type ConsumeError, PartialError, PermanentError, RetryableError, asConsumeError } from '../errors.ts'
import { countItems } from '../otlp/count.ts'
import { piecesOf } from '../otlp/split.ts'
import { unattributed } from './fan-out.ts'

export interface BatcherOptions {
  /** Items at which a merged batch leaves at once. */
  readonly sendBatchSize: number
  /** Items that a merged batch never exceeds; 0: no such bound. */
  readonly sendBatchMaxSize: number
  /** How long a batch that nobody waits for (its deadline is Infinity) may wait for company. */
  readonly timeoutMs: number
  /** How long a batch whose sender waits for the answer may. */
  readonly maxAckDelayMs: number
}

/** Told of every merged batch that leaves: how many items, and whether it was full or had waited long enough. */
export type OnSend = (count: number, trigger: 'size' | 'timeout') => void

/** One call of `consume`: settled when everything it brought is. */
interface Member {
  readonly batch: Batch
  readonly deadlineMs: number
  readonly resolve: () => void
  readonly reject: (error: ConsumeError) => void
  /** Merged batches on their way that carry a part of it. */
  pending: number
  /** Its chunks, or pieces of chunks, that have an answer, and how many of those were refused whole. */
  answered: number
  refusedWhole: number
  /** Items refused in all. */
  refused: number
  /** The gravest error so far: what must be sent again outweighs a refusal, for a sender can only do one of both. */
  error: ConsumeError | undefined
}

/** What waits for company, all of one signal and one origin. */
interface Group {
  readonly signal: Signal
  readonly members: Member[]
  count: number
  dueMs: number
  timer: { cancel(): void } | undefined
}

/** One merged batch; `owners[i]` brought `chunks[i]`. */
interface Pack {
  readonly chunks: Uint8Array[]
  readonly owners: Member[]
  count: number
  deadlineMs: number
}

export class Batcher implements Processor {
  readonly #options: BatcherOptions
  readonly #next: Consumer
  readonly #clock: Clock
  readonly #groups: Readonly<Record<Signal, Map<Origin, Group>>> = { traces: new Map(), metrics: new Map(), logs: new Map() }
  readonly #sending = new Set<Promise<void>>()
  readonly #onSend: OnSend | undefined

  constructor(options: BatcherOptions, next: Consumer, clock: Clock, onSend?: OnSend) {
    this.#options = options
    this.#next = next
    this.#clock = clock
    this.#onSend = onSend
  }

  consume(batch: Batch, deadlineMs: number): Promise<void> {
    if (batch.count === 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#add({ batch, deadlineMs, resolve, reject, pending: 0, answered: 0, refusedWhole: 0, refused: 0, error: undefined })
    })
  }

  async start(): Promise<void> {}

  /** Sends what waits and sees it settled, or returns when `abort` fires: the senders then learn from their own deadlines. */
  async stop(abort: AbortSignal): Promise<void> {
    for (const groups of Object.values(this.#groups)) for (const [origin, group] of groups) this.#flush(origin, group)
    const settled = Promise.all(this.#sending)
    if (abort.aborted) return
    await new Promise<void>((resolve) => {
      abort.addEventListener('abort', () => resolve(), { once: true })
      void settled.then(() => resolve())
    })
  }

  #add(member: Member): void {
    const { origin, signal } = member.batch
    const groups = this.#groups[signal]
    let group = groups.get(origin)
    if (group === undefined) groups.set(origin, (group = { signal, members: [], count: 0, dueMs: Infinity, timer: undefined }))
    group.members.push(member)
    group.count += member.batch.count
    if (group.count >= this.#options.sendBatchSize) return this.#flush(origin, group, 'size')
    const waitMs = member.deadlineMs === Infinity ? this.#options.timeoutMs : this.#options.maxAckDelayMs
    if (waitMs === 0) return this.#flush(origin, group)
    this.#arm(origin, group, this.#clock.monotonicMs() + waitMs)
  }

  #arm(origin: Origin, group: Group, dueMs: number): void {
    if (dueMs >= group.dueMs) return
    group.timer?.cancel()
    group.dueMs = dueMs
    group.timer = this.#clock.after(dueMs - this.#clock.monotonicMs(), () => this.#flush(origin, group))
  }

  #flush(origin: Origin, group: Group, trigger: 'size' | 'timeout' = 'timeout'): void {
    group.timer?.cancel()
    this.#groups[group.signal].delete(origin)
    for (const pack of this.#packsOf(group.members)) {
      this.#onSend?.(pack.count, trigger)
      const sent = this.#send(pack).finally(() => this.#sending.delete(sent))
      this.#sending.add(sent)
    }
  }

  #packsOf(members: readonly Member[]): Pack[] {
    const packs: Pack[] = []
    const max = this.#options.sendBatchMaxSize
    for (const member of members) {
      if (max === 0) addTo(packs, Infinity, member, member.batch.chunks, member.batch.count)
      else for (const chunk of member.batch.chunks) addSplit(packs, max, member, chunk)
      if (member.pending === 0) answer(member) // nothing of it could be cut
    }
    return packs
  }

  /** Never rejects: it settles its members. */
  async #send(pack: Pack): Promise<void> {
    const { signal, origin } = pack.owners[0]!.batch
    try {
      await this.#next.consume({ signal, chunks: pack.chunks, count: pack.count, origin }, pack.deadlineMs)
      settle(pack, () => undefined)
    } catch (thrown) {
      const error = asConsumeError(thrown)
      settle(pack, verdicts(pack, error))
    }
  }
}

/** Puts a member's chunks into the last pack, or into a new one where that is full. */
function addTo(packs: Pack[], max: number, member: Member, chunks: readonly Uint8Array[], count: number): void {
  let pack = packs.at(-1)
  if (pack === undefined || pack.count + count > max) packs.push((pack = { chunks: [], owners: [], count: 0, deadlineMs: Infinity }))
  if (pack.owners.at(-1) !== member) member.pending++
  for (const chunk of chunks) {
    pack.chunks.push(chunk)
    pack.owners.push(member)
  }
  pack.count += count
  pack.deadlineMs = Math.min(pack.deadlineMs, member.deadlineMs)
}

function addSplit(packs: Pack[], max: number, member: Member, chunk: Uint8Array): void {
  const { signal } = member.batch
  const last = packs.at(-1)
  const room = last === undefined || last.count >= max ? max : max - last.count
  try {
    const pieces = piecesOf(signal, { chunk, count: countItems(signal, chunk) }, room, max)
    for (const piece of pieces) addTo(packs, max, member, [piece.chunk], piece.count)
  } catch (thrown) {
    note(member, asConsumeError(thrown), chunk)
  }
}

/** What each chunk's owner is told of an error that met the merged batch. */
function verdicts(pack: Pack, error: ConsumeError): (chunk: number) => ConsumeError | undefined {
  if (error instanceof PartialError || error instanceof RetryableError) {
    const { chunks } = error
    if (chunks !== undefined) return (chunk) => chunks.get(chunk)
  }
  const shared = new Set(pack.owners).size > 1
  if (error instanceof PartialError && shared) {
    const warning = unattributed(error, pack)
    return () => warning
  }
  return () => error
}

/** Takes one pack off each of its members, and answers those that have no other. */
function settle(pack: Pack, verdict: (chunk: number) => ConsumeError | undefined): void {
  pack.owners.forEach((member, chunk) => {
    note(member, verdict(chunk), pack.chunks[chunk]!)
    if (pack.owners[chunk + 1] !== member && --member.pending === 0) answer(member)
  })
}

function note(member: Member, error: ConsumeError | undefined, chunk: Uint8Array): void {
  member.answered++
  if (error === undefined) return
  if (error instanceof PermanentError) {
    member.refusedWhole++
    member.refused += countItems(member.batch.signal, chunk)
  } else if (error instanceof PartialError) member.refused += error.refused
  if (member.error === undefined || (error instanceof RetryableError && !(member.error instanceof RetryableError))) member.error = error
}

function answer(member: Member): void {
  const { error } = member
  if (error === undefined) member.resolve()
  else if (error instanceof RetryableError || member.answered === 1 || member.refusedWhole === member.answered) member.reject(error)
  else member.reject(new PartialError(member.refused, error.message, { cause: error }))
}
