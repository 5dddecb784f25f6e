// What every request that is made of messages begins with: a resource, and the scope `mplp`.
//
//   ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }    // and its like of the other signals
//   ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; }

import type { ByteWriter } from '../otlp/byte-writer.ts'
import { varintSize, writeVarint } from '../otlp/wire.ts'
import { room } from './arena.ts'
import type { PieceWriter } from './piece-writer.ts'
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

/**
 * A whole request of one resource, to be copied by whoever keeps it: `items` are fields 2 of its scope. As `beginScope` and `endScope`, but what is long is
 * not moved to make room for its length.
 */
export function requestOf(resource: Uint8Array, items: PieceWriter): Buffer {
  const ofResource = resource.length === 0 ? 0 : 1 + varintSize(resource.length) + resource.length
  const scope = SCOPE.length + items.at
  const length = ofResource + 1 + varintSize(scope) + scope
  const request = room(1 + varintSize(length) + length)
  let p = writeHead(request, 0, 0x0a, length)
  if (ofResource > 0) {
    p = writeHead(request, p, 0x0a, resource.length)
    request.set(resource, p)
    p += resource.length
  }
  p = writeHead(request, p, 0x12, scope)
  request.set(SCOPE, p)
  items.bytes.copy(request, p + SCOPE.length, 0, items.at)
  return request
}

function writeHead(bytes: Buffer, p: number, tag: number, length: number): number {
  bytes[p] = tag
  return writeVarint(bytes, p + 1, length)
}

/** Items of one signal: the bytes of an export request, to be copied by whoever keeps them. */
export interface Items {
  readonly bytes: Buffer
  /** Spans, data points or log records. */
  readonly count: number
}
