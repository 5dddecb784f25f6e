// The program's own log: text lines to stderr. `run` makes one for a service; each component gets a Logger with its id.

import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'
import type { ServiceConfig } from '../config/service.ts'
import { printable, quoted } from '../printable.ts'

export type LogLevel = ServiceConfig['telemetry']['logLevel']
const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Longer values are cut: what others send may end up in a line. */
const MAX_VALUE_LENGTH = 500

export interface LogOptions {
  /** Less important lines are not written. */
  readonly level: LogLevel
  readonly clock: Pick<Clock, 'now'>
  /** Gets whole lines. */
  readonly write: (line: string) => void
}

/**
 * `2026-01-31T12:00:00.000Z warn otlp_http retrying endpoint=http://localhost:4318 attempt=2`. Whatever a name or a value holds, one
 * call is one line, and only what stands before the message was written by this program.
 */
export function createLog({ level, clock, write }: LogOptions): (id: string) => Logger {
  return (id) => {
    const at =
      (own: LogLevel) =>
      (fields: object, message: string): void => {
        if (RANK[own] < RANK[level]) return
        write(`${clock.now().toISOString()} ${own.padEnd(5)} ${printable(id)} ${printable(message, 2000)}${fieldsOf(fields)}\n`)
      }
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  }
}

function fieldsOf(fields: object): string {
  let text = ''
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) text += ` ${word(key)}=${shown(value)}`
  }
  return text
}

function shown(value: unknown): string {
  if (typeof value === 'string') return word(value)
  if (value instanceof Error) return quoted(value.message, MAX_VALUE_LENGTH)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString()
  if (typeof value !== 'object' || value === null) return printable(String(value))
  try {
    return printable(JSON.stringify(value, numbersAsText), MAX_VALUE_LENGTH)
  } catch (error) {
    return quoted(`not shown: ${String(error)}`, MAX_VALUE_LENGTH) // It refers to itself, or its toJSON throws.
  }
}

/** Bare if it cannot be mistaken for something else. */
function word(text: string): string {
  return text.length <= MAX_VALUE_LENGTH && /^[\w.:/@%+,()[\]-]+$/.test(text) ? text : quoted(text, MAX_VALUE_LENGTH)
}

function numbersAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
