// Numbered items of any signal, for tests that are the same for all three.

import type { Batch, Signal } from '../batch.ts'
import type { AttributeValue } from '../otlp/any-value.ts'
import { numberedLogRecords, readLogRecords } from './logs.ts'
import { numberedDataPoints, readDataPoints } from './metrics.ts'
import { numberedSpans, readSpans } from './traces.ts'

/** `count` spans, data points or log records whose attribute `n` counts from `first`. */
export function numberedItems(signal: Signal, count: number, first = 0): Batch {
  switch (signal) {
    case 'traces':
      return numberedSpans(count, first)
    case 'metrics':
      return numberedDataPoints(count, first)
    case 'logs':
      return numberedLogRecords(count, first)
  }
}

/** The attribute `n` of every item of a batch, in order. */
export function numbersOf(batch: Batch): (AttributeValue | undefined)[] {
  return itemsOf(batch).map(({ attributes }) => attributes['n'])
}

/** Every item of a batch, decoded. */
export function itemsOf(batch: Batch): readonly { readonly attributes: Readonly<Record<string, AttributeValue>> }[] {
  switch (batch.signal) {
    case 'traces':
      return readSpans(batch)
    case 'metrics':
      return readDataPoints(batch)
    case 'logs':
      return readLogRecords(batch)
  }
}
