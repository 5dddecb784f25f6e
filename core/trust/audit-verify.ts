// Goes through an audit log from its first line to its head, and says where it was edited, reordered or cut. `millrace audit verify` and the
// extension's tests call it.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { BEFORE_FIRST, headIn, headOf, type Link, linkOf, ROTATED } from './audit-chain.ts'

export interface AuditFault {
  readonly file: string
  /** Undefined where no single line is at fault. */
  readonly line?: number
  readonly message: string
}
export interface AuditFound {
  readonly files: number
  readonly lines: number
  /** Lines behind the head: the process ended after it had written them, before it could note that. */
  readonly beyondHead: number
}

/** What was rotated out of the log `file`, oldest first. */
export function rotatedFrom(file: string): readonly string[] {
  const [folder, name] = [dirname(file), basename(file)]
  const rotated = readdirSync(folder).filter((other) => other.startsWith(`${name}.`) && ROTATED.test(other.slice(name.length)))
  const number = (other: string): number => Number(ROTATED.exec(other)![1])
  return rotated.sort((a, b) => number(a) - number(b)).map((other) => join(folder, other))
}

/** @throws what the file system says where a file cannot be read. */
export async function verifyAudit(file: string, key: Uint8Array | undefined): Promise<AuditFound | AuditFault> {
  const headFile = headOf(file)
  if (!existsSync(headFile))
    return { file: headFile, message: 'there is no such file, so that nobody can tell whether the log was cut at its end' }
  const head = headIn(readFileSync(headFile, 'utf8'), key)
  if (typeof head === 'string') return { file: headFile, message: head }
  const rotated = rotatedFrom(file)
  // It is not there where the process ended while it rotated.
  const files = rotated.length > 0 && !existsSync(file) ? rotated : [...rotated, file]
  let at: Link = BEFORE_FIRST
  let isHeadMet = head.seq === 0
  for (const each of files) {
    let number = 0
    for await (const line of linesOf(each)) {
      number++
      if (line.isTorn) return { file: each, line: number, message: 'it has no end: it was cut, or being written when the process ended' }
      const next = linkOf(line.text, at, key)
      if (typeof next === 'string') return { file: each, line: number, message: next }
      at = next
      if (at.seq !== head.seq) continue
      if (at.hash !== head.hash)
        return { file: each, line: number, message: `it is not the one that ${basename(headFile)} names: one of them was changed` }
      isHeadMet = true
    }
  }
  if (isHeadMet) return { files: files.length, lines: at.seq, beyondHead: at.seq - head.seq }
  return { file, message: `it ends with the line ${at.seq}, and ${basename(headFile)} says that ${head.seq} were written: it was cut` }
}

async function* linesOf(file: string): AsyncIterable<{ readonly text: string; readonly isTorn: boolean }> {
  const handle = await open(file)
  let rest = ''
  for await (const piece of handle.createReadStream({ encoding: 'utf8' }) as AsyncIterable<string>) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop()!
    for (const text of lines) yield { text, isTorn: false }
  }
  if (rest !== '') yield { text: rest, isTorn: true }
}
