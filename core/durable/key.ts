// The key of an encrypted log as people write it. `file_storage` checks it when a file is loaded; it and the commands that look at logs read it.

/** 32 bytes as base64 or as 64 hexadecimal digits; undefined where the text is neither. */
export function encryptionKeyOf(text: string): Uint8Array | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex')
  return /^[A-Za-z0-9+/]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : undefined
}
