// The text of an attribute's value, by which values are told apart: in Prometheus labels are texts, so the number 200 and the text `200` are one
// series here already.

import { otlp } from '../../core/index.ts'

/** `body` is an AnyValue's. */
export function asText(body: Buffer): string {
  const value = otlp.readAnyValue(body, 0, body.length)
  switch (typeof value) {
    case 'string':
      return value
    case 'object':
      return value === null ? '' : body.toString('latin1')
    default:
      return String(value)
  }
}
