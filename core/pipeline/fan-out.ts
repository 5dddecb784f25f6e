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
      const outcome = await this.#offer(branches[0]!, batch, deadlineMs)
      if (outcome !== undefined) throw outcome
      return
    }
    const outcomes = await Promise.all(branches.map((branch) => this.#offer(branch, batch, deadlineMs)))
    const error = this.#combine(batch, outcomes)
    if (outcomes.some((outcome) => outcome !== undefined)) await this.#keepRefused(batch, outcomes, error)
    if (error !== undefined) throw error
  }

  /** Offers the batch to one branch; never rejects. The branch's account is settled when it returns. */
  async #offer(branch: Branch, batch: Batch, deadlineMs: number): Promise<Outcome> {
    try {
      await branch.consumer.consume(batch, deadlineMs)
      if (branch.account !== undefined) branch.account.delivered += batch.count
      return undefined
    } catch (thrown) {
      const error = asConsumeError(thrown)
      if (error instanceof PermanentError && batch.chunks.length > 1) return this.#offerChunks(branch, batch, deadlineMs)
      if (branch.account !== undefined) {
        const refused = error instanceof PartialError ? Math.min(error.refused, batch.count) : batch.count
        branch.account.refused += refused
        branch.account.delivered += batch.count - refused
        markAccounted(error)
      }
      return error
    }
  }

  /** The bytes of one sender can never succeed: which one's? */
  async #offerChunks(branch: Branch, batch: Batch, deadlineMs: number): Promise<Outcome> {
    const chunks = new Map<number, ConsumeError>()
    let refused = 0
    let retry = false
    const offer = async (chunk: Uint8Array, i: number): Promise<void> => {
      const count = countItems(batch.signal, chunk)
      const outcome = await this.#offer(branch, { ...batch, chunks: [chunk], count }, deadlineMs)
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

  /** The sender's answer waits for it. What cannot be kept stays refused in the account. */
  async #keepRefused(batch: Batch, outcomes: readonly Outcome[], told: Outcome): Promise<void> {
    const keep = async ({ id, account, deadLetters }: Branch, outcome: Outcome): Promise<void> => {
      if (deadLetters === undefined || account === undefined) return
      for (const { batch: part, refused, reason } of keptRefusals(batch, outcome, told)) {
        const isKept = await deadLetters.add({ batch: part, pipeline: account.pipeline, exporter: id, reason, refused }).then(
          () => true,
          () => false,
        )
        if (!isKept) continue
        account.refused -= refused
        account.deadLettered += refused
      }
    }
    await Promise.all(this.#branches.map((branch, i) => keep(branch, outcomes[i])))
  }

  #warnOfDisagreement(outcomes: readonly Outcome[]): void {
    outcomes.forEach((outcome, i) => {
      if (outcome === undefined || outcome instanceof RetryableError) return
      if (outcomes.some((other, j) => j !== i && !(other instanceof PermanentError)))
        this.#log.warn({ destination: this.#branches[i]!.id, reason: outcome.message }, 'refused by this destination while others took it')
    })
  }
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
