// By what a message is known again: who sent it, what it calls itself, what it says. Intake makes them of each that it believes.

import { hash } from 'node:crypto'
import type { Message, ParsedJson } from '../mplp/index.ts'
import { canonicalJson, type JsonObject, NotCanonicalError, type Trusted } from '../trust/index.ts'

/** By sender and id; a message without one by what it says. One that proves the sender that it names is the same whoever passes it on, or plays it again. */
export function keyOf({ id, sender }: Message, { origin: { tenant, subject }, proved }: Trusted, content: string): string {
  return JSON.stringify([tenant, sender === undefined ? subject : (proved ?? subject), sender, id ?? content])
}

const SENDER = /^\["(?:[^"\\]|\\.)*",(?:"(?:[^"\\]|\\.)*"|null)/

/** Of a key: whose message it is, as far as that is proved. What a message calls its sender is not: anybody may call himself anything. */
export function senderIn(key: string): string {
  return SENDER.exec(key)?.[0] ?? ''
}

/**
 * A digest of what a message says. Of one that proves nothing it is that of its text: whoever repeats a message sends the same text, and canonical JSON takes a
 * tenth of what a message costs. Of others it is not of how they are written, nor of the proofs beside them, which may be new.
 */
export function contentOf({ message, text }: Trusted, { exact, digest }: ParsedJson): string {
  if (message === exact && message['security'] === undefined) return digest
  return hash('sha256', text ?? textOf(message), 'base64')
}

function textOf(message: JsonObject): string {
  try {
    return canonicalJson(message, 'security')
  } catch (error) {
    if (!(error instanceof NotCanonicalError)) throw error
    return JSON.stringify({ ...message, security: undefined }, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
  }
}
