// A request of spans that lie in slabs: those of one scope together, each resource and scope once, and neighbours copied in one go.

import { varintSize, writeVarint } from '../otlp/wire.ts'
import {
  RESOURCE_FROM,
  RESOURCE_TO,
  ROW,
  ROW_BITS,
  SCOPE_FROM,
  SCOPE_STRIDE,
  SCOPE_TO,
  type Slab,
  SPAN_FROM,
  SPAN_SCOPE,
  SPAN_STRIDE,
  SPAN_TO,
} from './slab.ts'

export type Slabs = readonly (Slab | undefined)[]

/** References in ascending order. */
export function requestOf(slabs: Slabs, sorted: Int32Array): Buffer {
  const sizes = measure(slabs, sorted)
  const out = Buffer.allocUnsafeSlow(sizes.total)
  const written = write(slabs, sorted, sizes, out)
  if (written !== out.length) throw new Error(`a request of ${out.length} bytes was measured, and ${written} were written`)
  return out
}

interface Sizes {
  total: number
  readonly resources: number[]
  readonly scopes: number[]
}

/** The lengths of each ResourceSpans' and each ScopeSpans' body, in order: protobuf puts a length before what it measures. */
function measure(slabs: Slabs, sorted: Int32Array): Sizes {
  const sizes: Sizes = { total: 0, resources: [], scopes: [] }
  eachScope(slabs, sorted, (slab, scope, first, end, isSameResource) => {
    let body = slab.scopes[scope + SCOPE_TO]! - slab.scopes[scope + SCOPE_FROM]!
    for (let i = first; i < end; i++) {
      const at = (sorted[i]! & ROW) * SPAN_STRIDE
      body += slab.spans[at + SPAN_TO]! - slab.spans[at + SPAN_FROM]!
    }
    sizes.scopes.push(body)
    const field = 1 + varintSize(body) + body
    if (isSameResource) sizes.resources[sizes.resources.length - 1]! += field
    else sizes.resources.push(slab.scopes[scope + RESOURCE_TO]! - slab.scopes[scope + RESOURCE_FROM]! + field)
  })
  for (const body of sizes.resources) sizes.total += 1 + varintSize(body) + body
  return sizes
}

function write(slabs: Slabs, sorted: Int32Array, sizes: Sizes, out: Buffer): number {
  let p = 0
  let resource = 0
  let scopeNumber = 0
  eachScope(slabs, sorted, (slab, scope, first, end, isSameResource) => {
    if (!isSameResource) {
      out[p++] = 0x0a
      p = writeVarint(out, p, sizes.resources[resource++]!)
      p += slab.bytes.copy(out, p, slab.scopes[scope + RESOURCE_FROM], slab.scopes[scope + RESOURCE_TO])
    }
    out[p++] = 0x12
    p = writeVarint(out, p, sizes.scopes[scopeNumber++]!)
    p += slab.bytes.copy(out, p, slab.scopes[scope + SCOPE_FROM], slab.scopes[scope + SCOPE_TO])
    let from = -1
    let to = -1
    for (let i = first; i < end; i++) {
      const at = (sorted[i]! & ROW) * SPAN_STRIDE
      if (slab.spans[at + SPAN_FROM] !== to) {
        if (from >= 0) p += slab.bytes.copy(out, p, from, to)
        from = slab.spans[at + SPAN_FROM]!
      }
      to = slab.spans[at + SPAN_TO]!
    }
    p += slab.bytes.copy(out, p, from, to)
  })
  return p
}

function eachScope(
  slabs: Slabs,
  sorted: Int32Array,
  visit: (slab: Slab, scope: number, first: number, end: number, isSameResource: boolean) => void,
): void {
  let lastSlab: Slab | undefined
  let lastScope = -1
  for (let first = 0, end = 0; first < sorted.length; first = end) {
    const number = sorted[first]! >>> ROW_BITS
    const slab = slabs[number]!
    const scope = slab.spans[(sorted[first]! & ROW) * SPAN_STRIDE + SPAN_SCOPE]!
    end = first + 1
    while (
      end < sorted.length &&
      sorted[end]! >>> ROW_BITS === number &&
      slab.spans[(sorted[end]! & ROW) * SPAN_STRIDE + SPAN_SCOPE] === scope
    )
      end++
    const at = scope * SCOPE_STRIDE
    const isSame = slab === lastSlab && slab.scopes[at + RESOURCE_FROM] === slab.scopes[lastScope + RESOURCE_FROM]
    visit(slab, at, first, end, isSame)
    lastSlab = slab
    lastScope = at
  }
}
