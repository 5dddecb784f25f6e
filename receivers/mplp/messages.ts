// `POST /v1/messages`: one message, a list of them, or one a line, and an answer for each in the same form.

import type { Executions, Told } from '../../core/executions/index.ts'
import { readJson } from '../../core/mplp/index.ts'
import { badRequest, type HttpExchange, type Refusal, unavailable } from '../../core/server/index.ts'
import { LINES } from './speech.ts'

/** `most` is how many messages a request may have: each has an answer, however small it is. */
export function takeMessages(executions: Executions, body: Uint8Array, exchange: HttpExchange, most: number): void {
  const form = LINES.has(exchange.mediaType) ? 'lines' : 'json'
  // A list is parsed as a whole, lines one by one.
  const messages = form === 'json' ? [...readJson(body, form)] : readJson(body, form)
  if ((Array.isArray(messages) ? messages.length : linesIn(body, most)) > most) return exchange.refuse(tooMany(most))
  executions.take(messages, exchange.origin).then(
    (told) => answer(told, form === 'lines' ? 'lines' : isList(body) ? 'list' : 'one', exchange),
    (error: unknown) => exchange.refuse(unavailable(error instanceof Error ? error.message : String(error))),
  )
}

function answer(told: readonly Told[], form: 'one' | 'list' | 'lines', exchange: HttpExchange): void {
  if (told.length === 0 && form === 'lines') return exchange.refuse(badRequest('there is no message; accepted: one a line'))
  const retryAfterMs = Math.max(0, ...told.map(({ answer }) => answer.retry_after_ms ?? 0))
  const headers = retryAfterMs === 0 ? [] : ['Retry-After', String(Math.ceil(retryAfterMs / 1000))]
  const answers = told.map(({ answer }) => JSON.stringify(answer))
  const body = form === 'lines' ? `${answers.join('\n')}\n` : form === 'list' ? `[${answers.join(',')}]` : answers[0]!
  exchange.answer(statusOf(told), { type: form === 'lines' ? exchange.mediaType : 'application/json', body }, headers)
}

/** What all answers have, 202 where each was accepted now or before, or else 207 (RFC 4918): then each answer must be looked at. */
function statusOf(told: readonly Told[]): number {
  const statuses = new Set(told.map(({ httpStatus }) => httpStatus))
  if (statuses.size === 1) return told[0]!.httpStatus
  return told.every(({ httpStatus }) => httpStatus < 300) ? 202 : 207
}

/** Counted no further than one more than `most`. */
function linesIn(body: Uint8Array, most: number): number {
  let lines = 1
  for (let at = body.indexOf(0x0a); at >= 0 && lines <= most; at = body.indexOf(0x0a, at + 1)) if (at < body.length - 1) lines++
  return lines
}

function tooMany(most: number): Refusal {
  return { ...badRequest(`the request holds more than ${most} messages`), httpStatus: 413 }
}

/** JSON that begins with a bracket is a list. */
function isList(body: Uint8Array): boolean {
  const first = body.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)
  return first === 0x5b
}
