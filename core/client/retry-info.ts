// How long a gRPC server wants us to wait: google.rpc.RetryInfo among the details of its status.
//
//   Status    { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
//   Any       { string type_url = 1; bytes value = 2; }
//   RetryInfo { google.protobuf.Duration retry_delay = 1; }
//   Duration  { int64 seconds = 1; int32 nanos = 2; }

import { lastField, stringField, uintField } from '../otlp/small-message.ts'
import { next, readUint32, skipValue } from '../otlp/wire.ts'

/** Longer wishes are not believed, as with `Retry-After`. */
const MAX_MS = 3_600_000
const DETAILS = 0x1a

/** Milliseconds; 0 where it is there and names no delay; undefined where there is none. */
export function retryInfoMs(status: Uint8Array): number | undefined {
  for (const detail of detailsOf(status)) {
    if (!stringField(detail, 0x0a).endsWith('/google.rpc.RetryInfo')) continue
    const value = lastField(detail, 0x12)
    const delay = value && lastField(value, 0x0a)
    if (delay === undefined) return 0
    return Math.min(uintField(delay, 0x08) * 1000 + uintField(delay, 0x10) / 1e6, MAX_MS)
  }
  return undefined
}

function detailsOf(status: Uint8Array): readonly Uint8Array[] {
  const found: Uint8Array[] = []
  let p = 0
  while (p < status.length) {
    const tag = readUint32(status, p, status.length)
    if (tag < 8) break
    const start = next
    p = skipValue(status, start, status.length, tag, 0)
    if (p < 0) break
    if (tag !== DETAILS) continue
    const length = readUint32(status, start, status.length)
    found.push(status.subarray(next, next + length))
  }
  return found
}
