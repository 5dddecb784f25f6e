// What a message says at once: log records, errors and warnings, anomalies and alerts, in the bytes of a logs request. Receivers get them from outcome.ts.
//
//   LogRecord { fixed64 time_unix_nano = 1; SeverityNumber severity_number = 2; string severity_text = 3; AnyValue body = 5;
//     repeated KeyValue attributes = 6; bytes trace_id = 9; bytes span_id = 10; fixed64 observed_time_unix_nano = 11; string event_name = 12; }

import type { Execution } from './execution.ts'
import { resourceOf } from './resource.ts'
import { type JsonObject, type Message, isObject, objectIn, stringIn } from './message.ts'
import { PieceWriter } from './piece-writer.ts'
import { type Items, requestOf } from './request.ts'
import { severityOf } from './status.ts'
import type { Crossing } from './crossings.ts'
import { parseTime } from './time.ts'

const INFO = 9
const WARN = 13
const ERROR = 17

export interface Said {
  readonly alerts: readonly Crossing[]
  /** No span takes the message, because it came late or names none: it is a record itself. */
  readonly unplaced: boolean
  /** Nanoseconds since 1970. */
  readonly now: bigint
}

const out = new PieceWriter(65_536)

/** Undefined where it says nothing of the kind. */
export function logsOf(message: Message, execution: Execution, said: Said): Items | undefined {
  if (!mayBeLogged(message, said)) return undefined
  out.at = 0
  const count = new Records(message, said).write()
  return count === 0 ? undefined : { bytes: requestOf(resourceFor(message, execution), out), count }
}

/** False for most messages. */
export function mayBeLogged({ kind, body }: Message, { alerts, unplaced }: Pick<Said, 'alerts' | 'unplaced'>): boolean {
  return kind === 'anomaly' || alerts.length > 0 || unplaced || SPEAKING.some((key) => body[key] !== undefined)
}

/** What an anomaly says of its service, where nobody else did. */
function resourceFor({ service = '' }: Message, { resource }: Execution): Uint8Array {
  if (resource.length > 0 || service === '') return resource
  return resourceOf([{ kind: 'anomaly', resource: Buffer.alloc(0), service, serviceVersion: '' }]).bytes
}

interface Written {
  readonly time: string | undefined
  readonly severity: number
  readonly severityText: string | undefined
  readonly event?: string
}

/** Without any of these, most messages say nothing. */
const SPEAKING = ['span_logs', 'errors', 'warnings', 'anomaly_detection_results', 'alert_evaluations']

class Records {
  readonly #message: Message
  readonly #said: Said
  #count = 0

  constructor(message: Message, said: Said) {
    this.#message = message
    this.#said = said
  }

  write(): number {
    const { kind, body } = this.#message
    if (kind === 'anomaly') this.#anomaly()
    else if (kind !== 'metrics') this.#inBody(body)
    for (const crossing of this.#said.alerts) this.#crossing(crossing)
    if (this.#said.unplaced && kind !== 'anomaly') {
      this.#whole({ time: undefined, severity: INFO, severityText: undefined, event: 'mplp.message' }, shown(this.#message.whole))
    }
    return this.#count
  }

  #inBody(body: JsonObject): void {
    for (const log of listIn(body, 'span_logs')) this.#log(log as JsonObject)
    for (const error of listIn(body, 'errors')) this.#complaint(error as JsonObject | string, ERROR)
    for (const warning of listIn(body, 'warnings')) this.#complaint(warning as JsonObject | string, WARN)
    for (const found of listIn(objectIn(body, 'anomaly_detection_results'), 'anomaly_details')) this.#found(found as JsonObject)
    for (const alert of listIn(body, 'alert_evaluations')) this.#alert(alert as JsonObject)
  }

  #anomaly(): void {
    const { whole, body } = this.#message
    const about = objectIn(body, 'anomaly_info')
    const severityText = stringIn(about, 'severity')
    const time = stringIn(about, 'detection_time')
    this.#whole({ time, severity: severityOf(severityText) || WARN, severityText, event: 'mplp.anomaly' }, shown(whole))
  }

  #found(anomaly: JsonObject): void {
    const severityText = stringIn(anomaly, 'anomaly_severity') ?? stringIn(anomaly, 'severity')
    const time = stringIn(anomaly, 'detection_timestamp')
    this.#whole({ time, severity: severityOf(severityText) || WARN, severityText, event: 'mplp.anomaly' }, anomaly)
  }

  #alert(alert: JsonObject): void {
    const severityText = stringIn(alert, 'severity')
    const time = stringIn(alert, 'evaluation_timestamp')
    this.#whole({ time, severity: severityOf(severityText) || WARN, severityText, event: 'mplp.alert' }, alert)
  }

  /** In the form of an alert evaluation that a sender makes. */
  #crossing({ threshold, value, metric }: Crossing): void {
    const { name, limit, below, target } = threshold
    const body = {
      alert_rule_id: `${target ? 'performance_targets' : 'alert_thresholds'}.${name}`,
      evaluation_result: 'triggered',
      metric_name: metric,
      threshold_value: limit,
      actual_value: value,
      severity: 'warning',
      alert_message: `${metric} is ${value}, ${below ? 'below' : 'above'} ${limit}`,
    }
    this.#whole({ time: undefined, severity: WARN, severityText: 'warning', event: 'mplp.alert' }, body)
  }

  #whole(written: Written, body: unknown): void {
    const start = this.#begin(written)
    this.#body(body)
    out.end(start)
  }

  #log(log: JsonObject): void {
    const severityText = stringIn(log, 'log_level')
    const time = stringIn(log, 'log_timestamp') ?? stringIn(log, 'timestamp')
    const start = this.#begin({ time, severity: severityOf(severityText), severityText })
    if (typeof log['log_message'] === 'string') this.#body(log['log_message'])
    attributes(log, LOG_FIELDS)
    out.end(start)
  }

  /** An error or a warning: `least` is how severe it is, unless it says that it is worse. */
  #complaint(complaint: JsonObject | string, least: number): void {
    const fields = typeof complaint === 'string' ? { message: complaint } : complaint
    const severityText = stringIn(fields, 'severity')
    const severity = Math.max(least, severityOf(severityText))
    const start = this.#begin({ time: stringIn(fields, 'timestamp'), severity, severityText })
    if (typeof fields['message'] === 'string') this.#body(fields['message'])
    attributes(fields, COMPLAINT_FIELDS)
    out.end(start)
  }

  #begin({ time, severity, severityText, event }: Written): number {
    this.#count++
    const { traceId, spanId, time: ofMessage } = this.#message
    const start = out.begin(0x12)
    out.time(0x09, time === undefined ? ofMessage : (parseTime(time) ?? ofMessage))
    out.time(0x59, this.#said.now)
    if (severity > 0) {
      out.byte(0x10)
      out.byte(severity)
    }
    if (severityText !== undefined) out.text(0x1a, severityText)
    out.field(0x4a, traceId.bytes)
    if (spanId !== undefined) out.field(0x52, spanId.bytes)
    if (event !== undefined) out.text(0x62, event)
    return start
  }

  #body(value: unknown): void {
    const start = out.begin(0x2a)
    out.value(value)
    out.end(start)
  }
}

const LOG_FIELDS: ReadonlySet<string> = new Set(['log_timestamp', 'timestamp', 'log_level', 'log_message', 'log_attributes', 'attributes'])
const COMPLAINT_FIELDS: ReadonlySet<string> = new Set(['timestamp', 'severity', 'message', 'attributes'])

/** The record's attributes as such; what has no other place under `mplp.ext.` */
function attributes(record: JsonObject, placed: ReadonlySet<string>): void {
  for (const key of Object.keys(record)) {
    const value = record[key]
    if (!placed.has(key)) out.attribute(0x32, 'mplp.ext.', key, value)
    else if (isObject(value)) for (const name of Object.keys(value)) out.attribute(0x32, '', name, value[name])
  }
}

function listIn(object: JsonObject | undefined, key: string): readonly unknown[] {
  const value = object?.[key]
  return Array.isArray(value) ? value : []
}

/** A whole message without its sender's secrets. */
function shown(whole: JsonObject): JsonObject {
  const sender = objectIn(whole, 'sender')
  const authentication = objectIn(sender, 'authentication')
  if (authentication === undefined) return whole
  const who = Object.fromEntries(
    ['method', 'service_account'].flatMap((key) => (key in authentication ? [[key, authentication[key]]] : [])),
  )
  return { ...whole, sender: { ...sender, authentication: who } }
}
