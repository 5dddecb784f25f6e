// How a span says which of the run's spans it is: the generator writes these bytes, the counting server reads them back.
//
//   trace id   bytes 0-3 the run · 4-7 the trace's sequence number · 8-15 a mix of it, so that samplers see random bits
//   span id    bytes 0-3 another mix · 4-6 constant · 7 the place in the trace, 1 to 5

export const SPANS_PER_TRACE = 5
export const PLACE_IN_SPAN_ID = 7

/** A bijection on 32 bits whose output looks random. */
export function mix(value: number): number {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}
