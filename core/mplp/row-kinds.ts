// What fields of a message can become: rows.ts says which does.

import { parseTraceState } from '../sampling/trace-state.ts'
import { spanIdOf, traceIdOf } from './ids.ts'
import { type JsonObject, type Message, isObject, stringIn } from './message.ts'
import type { Pieces } from './pieces.ts'
import { ERROR, INTERNAL, SPAN_KINDS, spanKindOf, statusCodeOf } from './status.ts'
import { thresholdsIn } from './thresholds.ts'
import { parseTime } from './time.ts'

export interface Row {
  /** In words, for the page. */
  readonly becomes: string
  /** Adds to the span's pieces what the field, which is not null, says of it. */
  write(pieces: Pieces, key: string, value: unknown, message: Message): void
  /** Its numbers are measurements: metrics.ts reads them too. */
  readonly measures?: true
}

/** Everything in an object, one attribute each; nested values as maps and lists. */
export function block(prefix: string): Row {
  return {
    becomes: `span attributes \`${prefix}.*\`, nested values as maps and lists`,
    write: (pieces, _key, value) => pieces.block(prefix, value),
  }
}

export function attribute(name: string): Row {
  return { becomes: `span attribute \`${name}\``, write: (pieces, _key, value) => pieces.attribute('', name, value) }
}

export const attributes: Row = {
  becomes: 'span attributes, types kept; a name that begins with `mplp.` gets `mplp.ext.` before it',
  write(pieces, key, value) {
    if (!isObject(value)) return pieces.ext(key, value)
    for (const name of Object.keys(value)) pieces.attribute(name.startsWith('mplp.') ? 'mplp.ext.' : '', name, value[name])
  },
}

export const resource: Row = {
  becomes: 'attributes of the resource, types kept',
  write(pieces, key, value) {
    if (!isObject(value)) return pieces.ext(key, value)
    pieces.takeResource(value)
  },
}

/** What belongs to the span itself. Only a start is believed alone: others might differ from it, and nothing may be lost. */
function own(becomes: string, write: (pieces: Pieces, text: string, message: Message) => boolean): Row {
  return {
    becomes,
    write(pieces, key, value, message) {
      const taken = typeof value === 'string' && write(pieces, value, message)
      if (!taken || message.kind !== 'start') pieces.ext(key, value)
    },
  }
}

export const name: Row = own("the span's name", (pieces, text) => {
  pieces.operation = text
  pieces.span.text(0x2a, text)
  return true
})

export const spanKind: Row = own(`the span's kind: ${[...SPAN_KINDS.keys()].join(', ')}; internal where there is none`, (pieces, text) => {
  const kind = spanKindOf(text)
  pieces.kind = kind ?? INTERNAL
  return kind !== undefined && [...SPAN_KINDS.keys()].includes(text)
})

export const parent: Row = own(
  "the span's parent, by the rule for `span_id`; what is not 16 hex digits also as `mplp.parent_span_id`",
  (pieces, text) => {
    if (text === '') return false
    const { bytes, original } = spanIdOf(text)
    pieces.span.field(0x22, bytes)
    if (original !== undefined) pieces.attribute('', 'mplp.parent_span_id', original)
    return true
  },
)

export const startTime: Row = own("the span's start", (pieces, text) => {
  pieces.startTime = parseTime(text)
  return pieces.startTime !== undefined
})

export const traceState: Row = {
  becomes: "the span's tracestate where it is a list of W3C Trace Context, else `mplp.trace_state`",
  write(pieces, _key, value, message) {
    if (typeof value !== 'string') return pieces.ext('trace_state', value)
    const state = parseTraceState(value)
    if (typeof state === 'string') return pieces.attribute('', 'mplp.trace_state', value)
    pieces.traceState = state
    if (message.kind !== 'start') pieces.attribute('', 'mplp.trace_state', value)
  },
}

export const baggage: Row = {
  becomes: 'span attributes `baggage.<key>`, percent-encoding undone; `mplp.baggage` where it is no list of `key=value`',
  write(pieces, _key, value) {
    if (isObject(value)) return pieces.block('baggage', value)
    if (typeof value !== 'string' || value === '') return
    const members = value.split(',').map((member) => member.trim())
    if (!members.every((member) => member.indexOf('=') > 0)) return pieces.attribute('', 'mplp.baggage', value)
    for (const member of members) {
      const equals = member.indexOf('=')
      pieces.attribute('baggage.', member.slice(0, equals).trim(), decoded(member.slice(equals + 1).trim()))
    }
  },
}

function decoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const context: Row = {
  becomes:
    'span attributes `mplp.context.*`; `user_id` and `session_id` also `user.id` and `session.id`; `tenant_id` is the tenant, unless a token says otherwise',
  write(pieces, key, value) {
    if (!isObject(value)) return pieces.ext(key, value)
    pieces.block('mplp.context', value)
    const [user, session] = [stringIn(value, 'user_id'), stringIn(value, 'session_id')]
    if (user !== undefined) pieces.attribute('', 'user.id', user)
    if (session !== undefined) pieces.attribute('', 'session.id', session)
  },
}

export const sampling: Row = {
  becomes:
    'span attributes `mplp.sampling.*`; in a start, a `sampling_rate` below 1 becomes the threshold `th` in tracestate, so that counts are adjusted; `not_sampled` becomes `sampling.priority` 0 and a `sampling_priority` that number, which samplers honour',
  write(pieces, key, value) {
    if (!isObject(value)) return pieces.ext(key, value)
    pieces.block('mplp.sampling', value)
    // What was not kept has no threshold that kept it.
    if (value['sampling_decision'] === 'not_sampled') return pieces.attribute('', 'sampling.priority', 0)
    if (typeof value['sampling_rate'] === 'number') pieces.samplingRate = value['sampling_rate']
    if (typeof value['sampling_priority'] === 'number') pieces.attribute('', 'sampling.priority', value['sampling_priority'])
  },
}

export const monitoring: Row = {
  becomes: 'span attributes `mplp.monitoring.*`; `alert_thresholds` and `performance_targets` are compared with what is measured',
  write(pieces, key, value) {
    if (!isObject(value)) return pieces.ext(key, value)
    pieces.block('mplp.monitoring', value)
    pieces.thresholds.push(...thresholdsIn(value))
  },
}

const STATUS_WORDS = ['code', 'status_code']
const STATUS_TEXTS = ['message', 'status_message']

export const status: Row = {
  becomes:
    'OK for ok, completed, success; ERROR with the message for failed, cancelled, timeout; the word itself `mplp.status`, the message `mplp.status_message`, what else it says `mplp.status_<name>`; of `span_status`, whose code comes first, `mplp.span_status` and so on',
  write(pieces, key, value, message) {
    if (typeof value === 'string') return pieces.status('mplp.status', value)
    if (!isObject(value)) return pieces.ext(key, value)
    const prefix = key === 'span_status' ? 'mplp.span_status' : 'mplp.status'
    const word = STATUS_WORDS.map((name) => stringIn(value, name)).find((found) => found !== undefined)
    for (const name of Object.keys(value)) writeStatus(pieces, prefix, name, value[name], word, message)
  },
}

function writeStatus(pieces: Pieces, prefix: string, name: string, value: unknown, word: string | undefined, message: Message): void {
  if (name === 'progress_percentage') return pieces.attribute('', 'mplp.progress', value)
  if (STATUS_WORDS.includes(name) && typeof value === 'string') return pieces.status(prefix, value)
  if (!STATUS_TEXTS.includes(name) || typeof value !== 'string') return pieces.attribute(`${prefix}_`, name, value)
  // OTLP has a place for the message of a failure alone.
  if (message.kind === 'finish' && statusCodeOf(word) === ERROR) pieces.statusMessage = value
  else pieces.attribute('', `${prefix}_message`, value)
}

export const operation: Row = {
  becomes: 'span attributes `mplp.operation.*`; a text is `mplp.operation.operation_name`',
  write(pieces, _key, value) {
    if (isObject(value)) pieces.block('mplp.operation', value)
    else pieces.attribute('mplp.operation.', 'operation_name', value)
  },
}

export const events: Row = {
  becomes:
    'span events: `event_name`, `timestamp` and `attributes`, also as `event_timestamp` and `event_attributes`; what else they say `mplp.ext.*`',
  write(pieces, key, value, message) {
    if (!Array.isArray(value)) return pieces.ext(key, value)
    for (const event of value as readonly JsonObject[]) pieces.event(event, message.time)
  },
}

export const links: Row = {
  becomes:
    'span links, by the rules for ids; `relationship` is an attribute, ids that are no hex digits are kept in `mplp.trace_id`, `mplp.span_id`',
  write(pieces, key, value) {
    if (!Array.isArray(value)) return pieces.ext(key, value)
    for (const link of value as readonly JsonObject[]) writeLink(pieces, link)
  },
}

function writeLink({ span }: Pieces, link: JsonObject): void {
  const [trace, other] = [traceIdOf(link['trace_id'] as string), spanIdOf(link['span_id'] as string)]
  const start = span.begin(0x6a)
  span.field(0x0a, trace.bytes)
  span.field(0x12, other.bytes)
  if (trace.original !== undefined) span.attribute(0x22, '', 'mplp.trace_id', trace.original)
  if (other.original !== undefined) span.attribute(0x22, '', 'mplp.span_id', other.original)
  for (const name of Object.keys(link)) writeLinkField(span, name, link[name])
  span.end(start)
}

function writeLinkField(span: Pieces['span'], name: string, value: unknown): void {
  if (name === 'trace_id' || name === 'span_id') return
  if (name === 'relationship') return span.attribute(0x22, '', name, value)
  if (name === 'trace_state' && typeof value === 'string' && typeof parseTraceState(value) !== 'string') return span.text(0x1a, value)
  if (name !== 'attributes' || !isObject(value)) return span.attribute(0x22, 'mplp.ext.', name, value)
  for (const key of Object.keys(value)) span.attribute(0x22, '', key, value[key])
}

/** Of `authentication` only what says who: the rest is secret. */
export const sender: Row = {
  becomes: 'span attributes `mplp.sender.*`; of `authentication` the `method` and the `service_account` alone, for the rest is secret',
  write(pieces, key, value) {
    if (!isObject(value)) return pieces.ext(key, value)
    for (const name of Object.keys(value)) {
      const member = value[name]
      if (name !== 'authentication' || !isObject(member)) pieces.attribute('mplp.sender.', name, member)
      else
        for (const said of ['method', 'service_account'])
          if (said in member) pieces.attribute('mplp.sender.authentication.', said, member[said])
    }
  },
}

export const anomalies: Row = {
  becomes:
    'log records `mplp.anomaly`, one for each of `anomaly_details`, the body the whole of it; what else it says span attributes `mplp.anomaly.*`',
  write(pieces, key, value) {
    if (!isObject(value)) return pieces.ext(key, value)
    for (const name of Object.keys(value)) {
      if (name !== 'anomaly_details' || !Array.isArray(value[name])) pieces.attribute('mplp.anomaly.', name, value[name])
    }
  },
}

export function records(becomes: string): Row {
  return { becomes, write: (pieces, key, value) => (Array.isArray(value) ? undefined : pieces.ext(key, value)) }
}

export const measurements: Row = {
  becomes: 'a gauge for each number; what is no number `mplp.ext.*`, by its path',
  measures: true,
  write: (pieces, key, value) => pieces.notMeasured('mplp.ext.', key, value, 0),
}

/** What the message itself is made of, and ids: message.ts has read it. */
export const read = (becomes: string): Row => ({ becomes, write: () => {} })

export const service: Row = {
  becomes: '`service.name` of the resource where it has none, else the span attribute `mplp.service_name`',
  write: (pieces, key, value) => (typeof value === 'string' ? (pieces.service = value) && undefined : pieces.ext(key, value)),
}

export const serviceVersion: Row = {
  becomes: '`service.version` of the resource where it has none, else the span attribute `mplp.service_version`',
  write: (pieces, key, value) => (typeof value === 'string' ? (pieces.serviceVersion = value) && undefined : pieces.ext(key, value)),
}

export const timestamp: Row = {
  becomes:
    "the span's start or end where a start or a finish says no other, else `mplp.ext.timestamp`; the time of what has none of its own",
  write(pieces, key, value, { kind, time, timestamp }) {
    if ((kind !== 'start' && kind !== 'finish') || time !== timestamp) pieces.ext(key, value)
  },
}
