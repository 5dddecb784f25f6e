// What every request that is made of messages begins with: a resource, and the scope `mplp`.
//
//   ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }    // and its like of the other signals
//   ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; }

import type { ByteWriter } from '../otlp/byte-writer.ts'
import { VERSION } from './schema.ts'

export interface Scope {
  readonly resource: number
  readonly scope: number
}

const SCOPE = scopeField('mplp', VERSION)

function scopeField(name: string, version: string): Buffer {
  const body = Buffer.concat([
    Buffer.from([0x0a, name.length]),
    Buffer.from(name),
    Buffer.from([0x12, version.length]),
    Buffer.from(version),
  ])
  return Buffer.concat([Buffer.from([0x0a, body.length]), body])
}

/** Opens a resource, whose body is `resource`, and a scope in it: what is written next, in fields 2, are its items. */
export function beginScope(out: ByteWriter, resource: Uint8Array): Scope {
  const ofResource = out.begin(0x0a)
  if (resource.length > 0) out.field(0x0a, resource)
  const scope = out.begin(0x12)
  out.raw(SCOPE)
  return { resource: ofResource, scope }
}

export function endScope(out: ByteWriter, { resource, scope }: Scope): void {
  out.end(scope)
  out.end(resource)
}

/** Items of one signal: the bytes of an export request, in memory of its own. */
export interface Items {
  readonly bytes: Buffer
  /** Spans, data points or log records. */
  readonly count: number
}
