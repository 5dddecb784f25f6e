// The way from one component to several: every branch is awaited, each keeps its own account, and a merged batch that one branch refuses
// is offered to it again chunk by chunk, so that one sender's fault stays one sender's. The end of every pipeline is one of these.

import type { Batch } from '../batch.ts'
import type { Consumer, Logger } from '../component.ts'
import { type ConsumeError, PartialError, PermanentError, RetryableError, asConsumeError } from '../errors.ts'
import { type DestinationAccount, markAccounted } from '../ledger.ts'
import { countItems } from '../otlp/count.ts'
import type { DeadLetters } from './dead-letters.ts'
import { keptRefusals } from './kept-refusals.ts'

export interface Branch {
  readonly id: string
  readonly consumer: Consumer
  /** Absent where the branch is a pipeline, which keeps its own. */
  readonly account?: DestinationAccount
  /** Where what it refuses for good goes while others take it. Without one that is lost, and the log says so. */
  readonly deadLetters?: Pick<DeadLetters, 'add'> | undefined
}

/** What became of a batch on one branch: nothing to say, one error for all of it, or errors of single chunks. */
type Outcome = undefined | ConsumeError

/** Items that one branch refuses of one batch. */
interface Refusals {
  count: number
}

export class FanOut implements Consumer {
  readonly #branches: readonly Branch[]
  readonly #log: Logger

  constructor(branches: readonly Branch[], log: Logger) {
    this.#branches = branches
    this.#log = log
  }

  async consume(batch: Batch, deadlineMs: number): Promise<void> {
    const branches = this.#branches
    if (branches.length === 1) {
      const refusals: Refusals = { count: 0 }
      const outcome = await this.#offer(branches[0]!, batch, deadlineMs, refusals)
      if (outcome === undefined) return
      settle(branches[0]!, refusals)
      throw outcome
    }
    const open: Refusals[] = branches.map(() => ({ count: 0 }))
    const offer = async (branch: Branch, i: number): Promise<Outcome> => {
      const outcome = await this.#offer(branch, batch, deadlineMs, open[i]!)
      if (branch.deadLetters === undefined) settle(branch, open[i]!)
      return outcome
    }
    const outcomes = await Promise.all(branches.map(offer))
    const error = this.#combine(batch, outcomes)
    if (outcomes.some((outcome) => outcome !== undefined))
      await Promise.all(branches.map((branch, i) => this.#keepRefused(branch, batch, open[i]!, outcomes[i], error)))
    if (error !== undefined) throw error
  }

  /** Offers the batch to one branch; never rejects. What is refused is not in the branch's account yet. */
  async #offer(branch: Branch, batch: Batch, deadlineMs: number, refusals: Refusals): Promise<Outcome> {
    try {
      await branch.consumer.consume(batch, deadlineMs)
      if (branch.account !== undefined) branch.account.delivered += batch.count
      return undefined
    } catch (thrown) {
      const error = asConsumeError(thrown)
      if (error instanceof PermanentError && batch.chunks.length > 1) return this.#offerChunks(branch, batch, deadlineMs, refusals)
      if (branch.account !== undefined) {
        const refused = error instanceof PartialError ? Math.min(error.refused, batch.count) : batch.count
        refusals.count += refused
        branch.account.delivered += batch.count - refused
        markAccounted(error)
      }
      return error
    }
  }

  /** The bytes of one sender can never succeed: which one's? */
  async #offerChunks(branch: Branch, batch: Batch, deadlineMs: number, refusals: Refusals): Promise<Outcome> {
    const chunks = new Map<number, ConsumeError>()
    let refused = 0
    let retry = false
    const offer = async (chunk: Uint8Array, i: number): Promise<void> => {
      const count = countItems(batch.signal, chunk)
      const outcome = await this.#offer(branch, { ...batch, chunks: [chunk], count }, deadlineMs, refusals)
      if (outcome === undefined) return
      chunks.set(i, outcome)
      if (outcome instanceof RetryableError) retry = true
      refused += outcome instanceof PartialError ? outcome.refused : count
    }
    await Promise.all(batch.chunks.map(offer))
    if (chunks.size === 0) return undefined
    const first = chunks.values().next().value!
    if (chunks.size === batch.chunks.length && [...chunks.values()].every((error) => error instanceof PermanentError)) return first
    const options = { cause: first, chunks }
    return retry ? new RetryableError(first.message, options) : new PartialError(refused, first.message, options)
  }

  /**
   * Who is told what: one branch that could not take a chunk now sends it back to its sender, and the others may see it twice; a chunk is
   * refused for good only if every branch refuses it.
   */
  #combine(batch: Batch, outcomes: readonly Outcome[]): Outcome {
    const errors = outcomes.filter((outcome) => outcome !== undefined)
    if (errors.length === 0) return undefined
    this.#warnOfDisagreement(outcomes)
    if (batch.chunks.length === 1 || errors.every((error) => !(error instanceof PermanentError) && error.chunks === undefined))
      return worst(outcomes)
    const chunks = new Map<number, ConsumeError>()
    let refused = 0
    batch.chunks.forEach((chunk, i) => {
      const error = worst(
        outcomes.map((outcome) => (outcome === undefined || outcome instanceof PermanentError ? outcome : fateOf(outcome, i, batch))),
      )
      if (error === undefined) return
      chunks.set(i, error)
      refused += error instanceof PartialError ? error.refused : countItems(batch.signal, chunk)
    })
    if (chunks.size === 0) return undefined
    const all = [...chunks.values()]
    const options = { cause: all[0]!, chunks }
    if (all.some((error) => error instanceof RetryableError)) return new RetryableError(all[0]!.message, options)
    if (chunks.size === batch.chunks.length && all.every((error) => error instanceof PermanentError)) return all[0]
    return new PartialError(refused, all[0]!.message, options)
  }

  /** Settles the account of a branch that has dead letters: what they take was not refused. The sender's answer waits for it. */
  async #keepRefused(branch: Branch, batch: Batch, refusals: Refusals, outcome: Outcome, told: Outcome): Promise<void> {
    const { id, account, deadLetters } = branch
    if (deadLetters === undefined || account === undefined) return
    let kept = 0
    for (const { batch: part, refused, reason } of keptRefusals(batch, outcome, told)) {
      const letter = { batch: part, pipeline: account.pipeline, exporter: id, reason, refused }
      await deadLetters.add(letter).then(
        () => (kept += refused),
        () => {}, // it has said so itself
      )
    }
    settle(branch, refusals, kept)
  }

  #warnOfDisagreement(outcomes: readonly Outcome[]): void {
    outcomes.forEach((outcome, i) => {
      if (outcome === undefined || outcome instanceof RetryableError) return
      if (outcomes.some((other, j) => j !== i && !(other instanceof PermanentError)))
        this.#log.warn({ destination: this.#branches[i]!.id, reason: outcome.message }, 'refused by this destination while others took it')
    })
  }
}

/** `kept` of them lie in the dead letters. */
function settle({ account }: Branch, { count }: Refusals, kept = 0): void {
  if (account === undefined) return
  account.refused += count - kept
  account.deadLettered += kept
}

function fateOf(error: RetryableError | PartialError, chunk: number, batch: Batch): Outcome {
  if (error.chunks !== undefined) return error.chunks.get(chunk)
  return error instanceof PartialError ? unattributed(error, batch) : error
}

/** A destination that refused some items of several senders does not say whose: everyone is warned, nobody is told to send again. */
export function unattributed(cause: PartialError, { count }: { readonly count: number }): PartialError {
  return new PartialError(0, `of ${count} items sent together, ${cause.refused} were refused: ${cause.message}`, { cause })
}

/** What the sender of one chunk is told, by what each branch said of it. */
function worst(outcomes: readonly Outcome[]): Outcome {
  const retry = outcomes.find((outcome) => outcome instanceof RetryableError)
  if (retry !== undefined) return retry
  if (outcomes.includes(undefined)) return undefined
  if (outcomes.every((outcome) => outcome instanceof PermanentError)) return outcomes[0]
  // Nobody took all of it: what is certain is that the fewest were refused everywhere.
  return outcomes
    .filter((outcome) => outcome instanceof PartialError)
    .reduce((least, other) => (other.refused < least.refused ? other : least))
}
