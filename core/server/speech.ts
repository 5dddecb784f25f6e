// What is spoken at a path of the HTTP door: which bodies are taken there, and how a refusal reads. OTLP, where a path says nothing else.

import { encodeStatus } from '../otlp/rpc-status.ts'
import { CONTENT_TYPE, encodingOf } from './headers.ts'
import type { Refusal } from './refusal.ts'

export interface Content {
  readonly type: string
  readonly body: string | Uint8Array
}

export interface Speech {
  /** Media types of the bodies that are taken: lower case, without parameters. */
  readonly types: readonly string[]
  /** `contentType` is the request's, as it was sent. */
  refusal(refusal: Refusal, contentType: string | undefined): Content
}

const MAX_MESSAGE_LENGTH = 1024

export const OTLP: Speech = {
  types: [CONTENT_TYPE.protobuf, CONTENT_TYPE.json],
  refusal({ code, message }, contentType) {
    // Whoever sent neither gets words that a person with curl can read.
    const encoding = encodingOf(contentType) ?? 'json'
    return { type: CONTENT_TYPE[encoding], body: encodeStatus(encoding, code, message.slice(0, MAX_MESSAGE_LENGTH)) }
  },
}
