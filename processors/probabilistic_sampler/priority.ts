// What the span attribute `sampling.priority` says, whatever type a client or a translation made of it.

import type { AttributeValue } from '../../core/factory.ts'

/** Undefined where it is no number, or one below 0: then it asks for nothing. */
export function isZeroOrMore(value: AttributeValue): 'zero' | 'more' | undefined {
  const number = typeof value === 'string' ? numberFrom(value) : value
  if (typeof number !== 'number' && typeof number !== 'bigint') return undefined
  if (number > 0) return 'more'
  // oxlint-disable-next-line eqeqeq -- a bigint's zero, too
  return number == 0 ? 'zero' : undefined
}

/** As Go's strconv.ParseFloat reads decimals; what is too large for a double is none. */
function numberFrom(text: string): number | undefined {
  if (/^\+?inf(?:inity)?$/i.test(text)) return Infinity
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return undefined
  const number = Number(text)
  return Number.isFinite(number) ? number : undefined
}
