// Requests of the trace protocol, prepared as body.ts prepares those of traces: nine messages an execution of each dialect, one a line, patched so that
// no two requests hold the same ids. Sealed ones carry an HMAC that is made anew for each.

import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Message, MessageOptions } from './body.ts'

/** The key of the HMAC; the scenario's configuration has it too. */
export const SEAL_KEY = 'sixteen bytes or more, for the benchmark'
const FIXTURES = join(import.meta.dirname, '../core/mplp/fixtures')
const NAMES = ['flat-start', 'flat-update', 'flat-metrics', 'flat-anomaly', 'flat-finish']
const ENVELOPES = ['envelope-start', 'envelope-update', 'envelope-metrics', 'envelope-finish']
export const MESSAGES_PER_EXECUTION: number = NAMES.length + ENVELOPES.length
/** Stands where the number of an execution goes, as eight hexadecimal digits. */
const NUMBER = '@@@@@@@@'
const SEAL = '#'.repeat(64)

export interface ProtocolRequest {
  readonly message: Message
  readonly patch: (message: Message, first: number) => void
}

/** One message's own text over which its HMAC is made, and where that stands in the request. */
interface Sealed {
  readonly text: Buffer
  readonly numbersAt: readonly number[]
  readonly sealAt: number
}

export function protocolRequest({ spans: count, host, path }: MessageOptions, isSealed: boolean): ProtocolRequest {
  if (count % MESSAGES_PER_EXECUTION !== 0)
    throw new RangeError(`messages per request: got ${count}; accepted are the multiples of ${MESSAGES_PER_EXECUTION}`)
  const templates = [...NAMES, ...ENVELOPES].map((name) => template(name, isSealed))
  const executions = count / MESSAGES_PER_EXECUTION
  const lines = Array.from({ length: executions }, () => templates.map(({ line }) => line)).flat()
  const body = Buffer.from(`${lines.join('\n')}\n`)
  const head = Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-ndjson\r\nContent-Length: ${body.length}\r\n\r\n`,
  )
  const bytes = Buffer.concat([head, body])
  const numbersAt = allOf(bytes, NUMBER)
  const perExecution = numbersAt.length / executions
  const sealsAt = allOf(bytes, SEAL)
  const sealed = sealsAt.map((sealAt, i): Sealed => {
    const { canonical } = templates[i % templates.length]!
    const text = Buffer.from(canonical)
    return { text, numbersAt: allOf(text, NUMBER), sealAt }
  })
  const none = new Int32Array(0)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return {
    message: { bytes, bodyAt: head.length, view, spans: count, traceIdAt: none, parentIdAt: none, userAt: none },
    patch(message, first) {
      const number = (execution: number): string => (first / MESSAGES_PER_EXECUTION + execution).toString(16).padStart(8, '0')
      for (const [i, at] of numbersAt.entries()) message.bytes.write(number(Math.floor(i / perExecution)), at, 'latin1')
      for (const [i, { text, numbersAt: at, sealAt }] of sealed.entries()) {
        for (const offset of at) text.write(number(Math.floor(i / templates.length)), offset, 'latin1')
        message.bytes.write(createHmac('sha256', SEAL_KEY).update(text).digest('hex'), sealAt, 'latin1')
      }
    },
  }
}

function template(name: string, isSealed: boolean): { readonly line: string; readonly canonical: string } {
  const text = readFileSync(join(FIXTURES, `${name}.json`), 'utf8')
    .replaceAll('run 417', `run ${NUMBER}`)
    .replaceAll('0af76519', NUMBER)
    .replaceAll('"msg-', `"${NUMBER}-`)
  const { security: _, ...message } = JSON.parse(text) as Record<string, unknown>
  const security = isSealed ? { security: { integrity_check: `hmac-sha256:${SEAL}` } } : {}
  return { line: JSON.stringify({ ...message, ...security }), canonical: JSON.stringify(inOrder(message)) }
}

/** With the members of every object sorted: RFC 8785, as far as the fixtures need it. */
function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(inOrder)
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, inOrder((value as Record<string, unknown>)[key])]),
  )
}

function allOf(bytes: Buffer, mark: string): number[] {
  const found: number[] = []
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + mark.length)) found.push(at)
  return found
}
