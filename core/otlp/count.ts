// How many items a request of a batch holds. For the rare places that must tell merged requests apart; a batch knows its own total.

import type { Signal } from '../batch.ts'
import { indexTraces } from './traces.ts'

export function countItems(signal: Signal, chunk: Uint8Array): number {
  if (signal !== 'traces') throw new Error(`chunks of ${signal} cannot be counted yet`)
  return indexTraces(chunk).spanCount
}
