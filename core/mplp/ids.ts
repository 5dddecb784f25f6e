// Ids as senders write them to the 16 and 8 bytes that OTLP has room for. Every reader of an id of the protocol calls it: what it answers must
// never change, for senders and shards agree by it.

import { hash } from 'node:crypto'

export interface Id {
  readonly bytes: Buffer
  /** The same, in lower case. */
  readonly hex: string
  /** As it was written, where the bytes do not say so. */
  readonly original: string | undefined
}

/** 32 hex digits as they are; any other string by its hash. */
export function traceIdOf(text: string): Id {
  return idOf(text, 32, 'mplp:trace:')
}

/** 16 hex digits as they are; any other string by its hash. */
export function spanIdOf(text: string): Id {
  return idOf(text, 16, 'mplp:span:')
}

function idOf(text: string, digits: number, prefix: string): Id {
  // All zeros are hex digits, but OTLP says that they are no id.
  if (text.length === digits && isHex(text) && !/^0+$/.test(text)) {
    const hex = text.toLowerCase()
    return { bytes: Buffer.from(hex, 'hex'), hex, original: hex === text ? undefined : text }
  }
  const hex = hash('sha256', prefix + text).slice(0, digits)
  return { bytes: Buffer.from(hex, 'hex'), hex, original: text }
}

function isHex(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const isDigit = code >= 0x30 && code <= 0x39
    const letter = code | 0x20
    if (!isDigit && !(letter >= 0x61 && letter <= 0x66 && code >= 0x41)) return false
  }
  return true
}
