// What a branch of a fan-out refused for good and its sender does not hear of, because others took it: that goes to the dead letters.
// `fan-out.ts` calls it.

import type { Batch } from '../batch.ts'
import { type ConsumeError, PartialError, PermanentError, RetryableError } from '../errors.ts'
import { countItems } from '../otlp/count.ts'

export interface KeptRefusal {
  readonly batch: Batch
  readonly refused: number
  readonly reason: string
}

/** `outcome` is what the branch said, `told` what the sender is told. A request each, where that can be told apart. */
export function keptRefusals(batch: Batch, outcome: ConsumeError | undefined, told: ConsumeError | undefined): readonly KeptRefusal[] {
  if (outcome === undefined || outcome === told) return []
  // Of several senders' items it refused some, and did not say whose: only where all come again they are offered to it again for sure.
  if (outcome instanceof PartialError && outcome.chunks === undefined)
    return kept(batch, outcome, told instanceof RetryableError && told.chunks === undefined ? told : undefined)
  return batch.chunks.flatMap((chunk, i) => {
    const one: Batch = { ...batch, chunks: [chunk], count: countItems(batch.signal, chunk) }
    return kept(one, fateOf(outcome, i), fateOf(told, i))
  })
}

function kept(batch: Batch, fate: ConsumeError | undefined, told: ConsumeError | undefined): readonly KeptRefusal[] {
  // Whoever is to send again offers it to this branch again; whoever is told that it was refused has it.
  if (fate === undefined || fate === told || fate instanceof RetryableError) return []
  if (told instanceof RetryableError || told instanceof PermanentError) return []
  const refused = fate instanceof PartialError ? Math.min(fate.refused, batch.count) : batch.count
  return refused === 0 ? [] : [{ batch, refused, reason: fate.message }]
}

function fateOf(error: ConsumeError | undefined, chunk: number): ConsumeError | undefined {
  if (error === undefined || error instanceof PermanentError || error.chunks === undefined) return error
  return error.chunks.get(chunk)
}
