// The log as JSON, a pino line each, for whatever collects logs. Loaded only where `service.telemetry.logs.encoding` says so.

import { pino } from 'pino'
import type { Format } from './log.ts'

/** Written by the log itself. */
const OWN = new Set(['level', 'time', 'component', 'msg'])

export function jsonFormat(): Format {
  let line = ''
  const log = pino(
    {
      level: 'trace',
      base: null,
      timestamp: false, // the line's own time is in its fields
      formatters: { level: (level) => ({ level }) },
    },
    { write: (text: string) => void (line = text) },
  )
  return (time, level, component, message, fields) => {
    log[level]({ time: time.toISOString(), component, ...safe(fields) }, message)
    return line
  }
}

function safe(fields: object): object {
  const entries = Object.entries(fields).map(([key, value]) => [
    OWN.has(key) ? `_${key}` : key,
    value instanceof Error ? value.message : value,
  ])
  return Object.fromEntries(entries) as object
}
