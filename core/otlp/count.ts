// How many items a request of a batch holds. For the rare places that must tell merged requests apart; a batch knows its own total.

import type { Signal } from '../batch.ts'
import { indexChunk } from './requests.ts'

export function countItems(signal: Signal, chunk: Uint8Array): number {
  return indexChunk(signal, chunk).itemCount
}
