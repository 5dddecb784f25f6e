// The text of one configuration file, bounded: load.ts calls it. What cannot be read becomes a fault of the file.

import { open } from 'node:fs/promises'
import type { Fault } from './fault.ts'

const MAX_FILE_BYTES = 1 << 20

export async function readText(file: string, faults: Fault[]): Promise<string | undefined> {
  const report = (message: string): undefined => void faults.push({ place: { file, line: 0, column: 0 }, path: [], message })
  try {
    const bytes = await readUpTo(file, MAX_FILE_BYTES + 1)
    if (bytes.length > MAX_FILE_BYTES) return report(`the file is too large; accepted: up to ${MAX_FILE_BYTES} bytes`)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return report('there is no such file')
    if (code === 'EISDIR') return report('this is a folder; accepted: a YAML file')
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return report('the file is not UTF-8; accepted: YAML in UTF-8')
    return report(`the file cannot be read: ${message}`)
  }
}

/** Not by the file's size: a pipe has none, and a device has no end. */
async function readUpTo(file: string, maxBytes: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(maxBytes)
  await using handle = await open(file)
  let length = 0
  while (length < maxBytes) {
    const { bytesRead } = await handle.read(bytes, length, maxBytes - length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return bytes.subarray(0, length)
}
