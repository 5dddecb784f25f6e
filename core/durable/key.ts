// A key of 32 bytes as people write it. `file_storage` checks it when a file is loaded; it, the audit log, the archive and the commands that look at them read it.

import { readFileSync } from 'node:fs'
import { quoted } from '../printable.ts'
import { whyUnreadable } from '../unreadable.ts'

/** 32 bytes as base64 or as 64 hexadecimal digits; undefined where the text is neither. */
export function encryptionKeyOf(text: string): Uint8Array | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex')
  return /^[A-Za-z0-9+/]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : undefined
}

/** The same in a file; `setting` is how errors name what names it. @throws Error in words, with setting and path. */
export function encryptionKeyIn(setting: string, file: string): Uint8Array {
  const name = `${setting} ${quoted(file, 500)}`
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new Error(`${name} cannot be read: ${whyUnreadable(error as NodeJS.ErrnoException)}`, { cause: error })
  }
  const key = encryptionKeyOf(text)
  if (key === undefined) throw new Error(`${name} holds no key; accepted: 32 bytes in base64 or as 64 hexadecimal digits`)
  return key
}
