// The audit log's lines and what chains them, for the extension that writes it and the command that verifies it.
//
//   line: {"seq":2,"time":"…","kind":"refusal",…,"prev":"<hex>","seal":"<hex>"}
//   head: {"seq":2,"hash":"<hex>","seal":"<hex>"}          beside the log, as <file>.head: where it ends
//
// `prev` is the SHA-256 of the line before, as it stands, without its line break; 64 zeros in the first. `seal`, where there is a key, is the
// HMAC-SHA256 of the canonical JSON (RFC 8785) of everything else: who has no key can chain lines, and not seal them.

import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import { canonicalJson, NotCanonicalError } from './canonical-json.ts'
import type { JsonObject } from './verdict.ts'

export interface Link {
  readonly seq: number
  /** Of the line. */
  readonly hash: string
}
export const BEFORE_FIRST: Link = { seq: 0, hash: '0'.repeat(64) }

/** Of a log with this name; `audit.jsonl` is followed by `audit.jsonl.000001` and so on, oldest first, and then itself. */
export const headOf = (file: string): string => `${file}.head`
export const ROTATED: RegExp = /\.(\d{6,})$/

export function chained(fields: JsonObject, before: Link, key: Uint8Array | undefined): { readonly line: string; readonly link: Link } {
  const seq = before.seq + 1
  const entry = { seq, ...fields, prev: before.hash }
  const line = JSON.stringify(key === undefined ? entry : { ...entry, seal: sealOf(entry, key) })
  return { line, link: { seq, hash: hash('sha256', line) } }
}

export function headText({ seq, hash }: Link, key: Uint8Array | undefined): string {
  const head = { seq, hash }
  return `${JSON.stringify(key === undefined ? head : { ...head, seal: sealOf(head, key) })}\n`
}

/** What is wrong with the line behind `before`, or where it leads. */
export function linkOf(line: string, before: Link, key: Uint8Array | undefined): Link | string {
  const entry = objectOf(line)
  if (entry === undefined) return 'it is no line of an audit log'
  if (entry['seq'] !== before.seq + 1)
    return `it has the number ${Number(entry['seq'])}, and ${before.seq + 1} is next: lines are missing, moved, or there twice`
  if (entry['prev'] !== before.hash) return 'the line before it is not the one that it was written behind: one of them was changed'
  if (key !== undefined && !isSealed(entry, key)) return 'its seal does not fit: it was changed, or written without the key'
  return { seq: before.seq + 1, hash: hash('sha256', line) }
}

/** What stands in a head, or what is wrong with it. */
export function headIn(text: string, key: Uint8Array | undefined): Link | string {
  const head = objectOf(text)
  const { seq, hash } = head ?? {}
  if (head === undefined || typeof seq !== 'number' || typeof hash !== 'string') return 'it is no head of an audit log'
  if (key !== undefined && !isSealed(head, key)) return 'its seal does not fit: it was changed, or written without the key'
  return { seq, hash }
}

/** The link that a line claims to be, for what goes on behind it. */
export function claimedLink(line: string): Link | undefined {
  const seq = objectOf(line)?.['seq']
  return typeof seq === 'number' && Number.isSafeInteger(seq) ? { seq, hash: hash('sha256', line) } : undefined
}

function isSealed({ seal, ...rest }: JsonObject, key: Uint8Array): boolean {
  if (typeof seal !== 'string' || !/^[0-9a-f]{64}$/.test(seal)) return false
  try {
    return timingSafeEqual(Buffer.from(seal, 'hex'), Buffer.from(sealOf(rest, key), 'hex'))
  } catch (error) {
    // We have written nothing that has no canonical form.
    if (error instanceof NotCanonicalError) return false
    throw error
  }
}

function sealOf(fields: JsonObject, key: Uint8Array): string {
  return createHmac('sha256', key).update(canonicalJson(fields)).digest('hex')
}

function objectOf(text: string): JsonObject | undefined {
  try {
    const found: unknown = JSON.parse(text)
    return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as JsonObject) : undefined
  } catch {
    return undefined
  }
}
