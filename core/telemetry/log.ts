// The program's own log, to stderr: lines for people, or JSON. `run` makes one for a service; each component gets a Logger with its id.

import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'
import type { LogLevel } from '../config/telemetry-schema.ts'
import { printable, quoted } from '../printable.ts'
import { Repeats } from './repeats.ts'

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Longer values are cut: what others send may end up in a line. */
const MAX_VALUE_LENGTH = 500

export interface LogOptions {
  /** Less important lines are not written. */
  readonly level: LogLevel
  readonly clock: Pick<Clock, 'now' | 'after'>
  /** Gets whole lines. */
  readonly write: (line: string) => void
  /** How a line is written; without it, for people. */
  readonly format?: Format
}

/** One line, with its end. */
export type Format = (time: Date, level: LogLevel, id: string, message: string, fields: object) => string

export interface Log {
  (id: string): Logger
  /** Writes what was held back because it repeated itself. */
  flush(): void
}

/** A warning or an error that repeats itself is written once, and then with `repeated`, how many lines it stands for. */
export function createLog({ level, clock, write, format = forPeople }: LogOptions): Log {
  const repeats = new Repeats(clock)
  const log = (id: string): Logger => {
    const line = (own: LogLevel, fields: object, message: string): void => write(format(clock.now(), own, id, message, fields))
    const at =
      (own: LogLevel) =>
      (fields: object, message: string): void => {
        if (RANK[own] < RANK[level]) return
        if (RANK[own] < RANK.warn) return line(own, fields, message)
        repeats.line(keyOf(own, id, fields, message), (repeated) => line(own, repeated === 0 ? fields : { ...fields, repeated }, message))
      }
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  }
  return Object.assign(log, { flush: () => repeats.flush() })
}

/** Lines are alike if who, what and why are; how many, how long and which one may differ. */
function keyOf(level: LogLevel, id: string, fields: object, message: string): string {
  const { reason, error } = fields as { readonly reason?: unknown; readonly error?: unknown }
  return JSON.stringify([level, id, message, typeof reason === 'string' ? reason : '', error instanceof Error ? error.message : ''])
}

/**
 * `2026-01-31T12:00:00.000Z warn otlp_http retrying endpoint=http://localhost:4318 attempt=2`. Whatever a name or a value holds, one
 * call is one line, and only what stands before the message was written by this program.
 */
function forPeople(time: Date, level: LogLevel, id: string, message: string, fields: object): string {
  return `${time.toISOString()} ${level.padEnd(5)} ${printable(id)} ${printable(message, 2000)}${fieldsOf(fields)}\n`
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
