// The words of the protocol and what they are in OTLP: states, span kinds, severities. The mapping and its page read these tables.

export const OK = 1
export const ERROR = 2

/** Words for how an execution went, in lower case. Others leave the status unset: it goes on, or nobody says. */
export const STATUS_CODES: ReadonlyMap<string, number> = new Map([
  ...['ok', 'completed', 'complete', 'success', 'successful', 'succeeded'].map((word) => [word, OK] as const),
  ...['failed', 'failure', 'error', 'cancelled', 'canceled', 'timeout', 'timed_out', 'aborted'].map((word) => [word, ERROR] as const),
])

export const INTERNAL = 1
export const SPAN_KINDS: ReadonlyMap<string, number> = new Map([
  ['internal', INTERNAL],
  ['server', 2],
  ['client', 3],
  ['producer', 4],
  ['consumer', 5],
])

/** Severity numbers of OpenTelemetry's log model: TRACE is 1, DEBUG 5, INFO 9, WARN 13, ERROR 17, FATAL 21. */
export const SEVERITIES: ReadonlyMap<string, number> = new Map([
  ['trace', 1],
  ['debug', 5],
  ['info', 9],
  ['information', 9],
  ['notice', 10],
  ['low', 9],
  ['warn', 13],
  ['warning', 13],
  ['medium', 13],
  ['moderate', 13],
  ['error', 17],
  ['high', 17],
  ['severe', 17],
  ['critical', 21],
  ['fatal', 21],
  ['emergency', 21],
])

export function statusCodeOf(word: string | undefined): number {
  return word === undefined ? 0 : (STATUS_CODES.get(word.toLowerCase()) ?? 0)
}

/** 0, which is unspecified, for a word that is none of these. */
export function severityOf(word: string | undefined): number {
  return word === undefined ? 0 : (SEVERITIES.get(word.toLowerCase()) ?? 0)
}

/** `server`, `SERVER` and `SPAN_KIND_SERVER` are one. */
export function spanKindOf(word: string): number | undefined {
  return SPAN_KINDS.get(word.toLowerCase().replace(/^span_kind_/, ''))
}
