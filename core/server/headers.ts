// What a request's headers say of its body: the encoding of OTLP, the compression, the length. The door reads them before it reads bytes.

import type { Encoding } from '../otlp/export-response.ts'
import { type Refusal, badRequest, wrongCoding } from './refusal.ts'

export type Coding = 'gzip' | 'deflate' | 'zstd'

export const CONTENT_TYPE: Readonly<Record<Encoding, string>> = { protobuf: 'application/x-protobuf', json: 'application/json' }

/** Lower case, without parameters: such as `charset=utf-8` say nothing here. */
export function mediaTypeOf(contentType: string | undefined): string | undefined {
  if (contentType === CONTENT_TYPE.protobuf || contentType === undefined) return contentType
  const semicolon = contentType.indexOf(';')
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase()
}

/** Undefined for a type that OTLP does not know. */
export function encodingOf(contentType: string | undefined): Encoding | undefined {
  const type = mediaTypeOf(contentType)
  return type === CONTENT_TYPE.protobuf ? 'protobuf' : type === CONTENT_TYPE.json ? 'json' : undefined
}

/** Undefined where the body is as it is. Codings on top of one another are refused: each would multiply what a bomb can do. */
export function codingOf(contentEncoding: string | undefined): Coding | undefined | Refusal {
  if (contentEncoding === undefined) return undefined
  const coding = contentEncoding.trim().toLowerCase()
  if (coding === 'gzip' || coding === 'deflate' || coding === 'zstd') return coding
  if (coding === 'x-gzip') return 'gzip'
  if (coding === '' || coding === 'identity') return undefined
  if (coding.includes(',')) return badRequest(`Content-Encoding is ${contentEncoding}; at most one coding is accepted`)
  return wrongCoding(contentEncoding)
}

/** -1 where the length is not known before the end. Node has refused what is not a number. */
export function lengthOf(contentLength: string | undefined): number {
  return contentLength === undefined ? -1 : Number(contentLength)
}
