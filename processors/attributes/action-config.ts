// One action of the attributes processor, as users write it. The factory checks it, actions.ts compiles it.

import type { AttributeValue } from '../../core/index.ts'

/** One action as configured; which keys go with which action is checked by `check`. */
export interface ActionConfig {
  readonly key: string
  readonly action: 'insert' | 'update' | 'upsert' | 'delete' | 'hash' | 'convert'
  readonly value?: unknown
  readonly from_attribute?: string
  readonly converted_type?: 'int' | 'double' | 'string'
}

export function isValue(value: unknown): value is AttributeValue {
  return (
    ['string', 'number', 'bigint', 'boolean'].includes(typeof value) ||
    (Array.isArray(value) && value.every((one) => !Array.isArray(one) && isValue(one)))
  )
}
