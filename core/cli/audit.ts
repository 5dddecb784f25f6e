// `millrace audit verify FILE…`: whether audit logs are as they were written. Nothing is started, and no configuration is needed.

import { readFile } from 'node:fs/promises'
import { encryptionKeyOf } from '../durable/key.ts'
import { printable } from '../printable.ts'
import { type AuditFault, type AuditFound, verifyAudit } from '../trust/audit-verify.ts'
import { FAILED, OK, type Terminal } from './terminal.ts'

export interface AuditAsked {
  /** Logs, without what was rotated out of them: that is looked for beside. */
  readonly logs: readonly string[]
  readonly keyFile?: string
  readonly json: boolean
}

export async function verifyAudits({ logs, keyFile, json }: AuditAsked, terminal: Terminal): Promise<number> {
  try {
    const key = keyFile === undefined ? undefined : await keyIn(keyFile)
    let code = OK
    for (const log of logs) {
      const found = await verifyAudit(log, key)
      if ('message' in found) code = FAILED
      terminal.out(
        json ? `${JSON.stringify({ log, ok: !('message' in found), ...found })}\n` : `${worded(log, found, key !== undefined)}\n`,
      )
    }
    return code
  } catch (error) {
    terminal.err(`millrace: ${printable((error as Error).message, 2000)}\n`)
    return FAILED
  }
}

async function keyIn(file: string): Promise<Uint8Array> {
  const key = encryptionKeyOf((await readFile(file, 'utf8')).trim())
  if (key === undefined) throw new Error(`${file} holds no key; accepted: 32 bytes, in base64 or as 64 hexadecimal digits`)
  return key
}

function worded(log: string, found: AuditFault | AuditFound, hasKey: boolean): string {
  if ('message' in found) return `${printable(found.file)}${found.line === undefined ? '' : `:${found.line}`}: ${found.message}`
  const { files, lines, beyondHead } = found
  const parts = [
    `${lines} ${lines === 1 ? 'line' : 'lines'} in ${files} ${files === 1 ? 'file' : 'files'}, chained from the first to the last`,
  ]
  if (hasKey) parts.push('every seal fits')
  if (beyondHead > 0) parts.push(`${beyondHead} behind where the log is said to end: the process ended while it wrote them`)
  // Truth in words: without a key anybody who can write the file can chain it anew.
  return `${printable(log)}: ${parts.join('; ')}${hasKey ? '' : '. Seals were not looked at: --key-file'}`
}
