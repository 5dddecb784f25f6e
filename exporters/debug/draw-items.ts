// Log records and data points as lines of text, one or a few each. Names come from outside: control characters are escaped.

import { type AttributeValue, type Attributes, type DataPoint, type Item, type LogRecord, otlp, printable } from '../../core/index.ts'
import { duration, time } from './draw.ts'

const MAX_LINE = 400
const MAX_DETAIL = 1000

/** At most `most` of the log records of a request. */
export function drawLogs(chunk: Uint8Array, most: number, detailed: boolean): string[] {
  const edits = new otlp.RequestEdits(otlp.indexChunk('logs', chunk))
  const record = new otlp.LogRecordCursor(edits, () => {})
  return each(edits, record, most, () => [recordLine(record), ...(detailed ? recordDetails(record) : [])])
}

/** The same of data points. */
export function drawMetrics(chunk: Uint8Array, most: number, detailed: boolean): string[] {
  const edits = new otlp.RequestEdits(otlp.indexChunk('metrics', chunk))
  const point = new otlp.DataPointCursor(edits, () => {})
  return each(edits, point, most, () => [pointLine(point), ...(detailed ? pointDetails(point) : [])])
}

function each(edits: otlp.RequestEdits, cursor: { moveTo(item: number): void }, most: number, draw: () => readonly string[]): string[] {
  const lines: string[] = []
  for (let i = 0; i < Math.min(most, edits.index.itemCount); i++) {
    cursor.moveTo(i)
    for (const line of draw()) lines.push(line)
  }
  return lines
}

/** `2026-01-01T00:00:00.000Z  ERROR  shop  payment refused` */
function recordLine(record: LogRecord): string {
  const nanos = record.timeUnixNano === 0n ? record.observedTimeUnixNano : record.timeUnixNano
  const severity = record.severityText === '' ? severityName(record.severityNumber) : record.severityText
  const what = [record.eventName, record.body === undefined ? '' : bare(record.body)].filter((part) => part !== '').join(' ')
  return printable([time(nanos), severity, serviceOf(record), what].filter((part) => part !== '').join('  '), MAX_LINE)
}

/** 1 … 24 are six names, four numbers each. */
function severityName(number: number): string {
  if (number < 1 || number > 24) return number === 0 ? '' : `severity ${number}`
  const name = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'][Math.floor((number - 1) / 4)]!
  const step = (number - 1) % 4
  return step === 0 ? name : `${name}${step + 1}`
}

function* recordDetails(record: LogRecord): Generator<string> {
  if (record.traceId !== '') yield `    trace ${record.traceId}${record.spanId === '' ? '' : `, span ${record.spanId}`}`
  yield* sharedDetails(record)
}

/** `http.requests{route="/a"}  sum, cumulative  5 {request}  shop` */
function pointLine(point: DataPoint): string {
  const labels = [...point.attributes].map(([key, value]) => `${key}=${shown(value)}`)
  const kind = [point.metricType.replace('_', ' '), ['', 'delta', 'cumulative'][point.aggregationTemporality] ?? ''].filter(
    (part) => part !== '',
  )
  const unit = point.metricUnit === '' ? '' : ` ${point.metricUnit}`
  const measured =
    point.metricType === 'gauge' || point.metricType === 'sum'
      ? `${point.value === undefined ? 'no value' : String(point.value)}${unit}`
      : `${String(point.count)} values${point.sum === undefined ? '' : `, sum ${point.sum}${unit}`}`
  const name = `${point.metricName}${labels.length === 0 ? '' : `{${labels.join(', ')}}`}`
  return printable([name, kind.join(', '), measured, serviceOf(point)].join('  '), MAX_LINE)
}

function* pointDetails(point: DataPoint): Generator<string> {
  const { timeUnixNano: at, startTimeUnixNano: start } = point
  yield `    at ${time(at)}${start === 0n ? '' : `, over ${duration(at - start)}`}`
  if (point.metricDescription !== '') yield printable(`    ${point.metricDescription}`, MAX_DETAIL)
  yield* sharedDetails(point, true)
}

function* sharedDetails(item: Item, withoutAttributes: boolean = false): Generator<string> {
  if (!withoutAttributes) for (const pair of pairs(item.attributes)) yield printable(`    ${pair}`, MAX_DETAIL)
  if (item.scopeName !== '') yield printable(`    scope ${item.scopeName} ${item.scopeVersion}`.trimEnd(), MAX_DETAIL)
  const shared = [...pairs(item.resource)]
  if (shared.length > 0) yield printable(`    resource ${shared.join(', ')}`, MAX_DETAIL)
}

function* pairs(attributes: Attributes): Generator<string> {
  for (const [key, value] of attributes) yield `${key}: ${shown(value)}`
}

function serviceOf(item: Item): string {
  const name = item.resource.get('service.name')
  return typeof name === 'string' ? name : '(no service.name)'
}

function bare(value: AttributeValue): string {
  return typeof value === 'string' ? value : shown(value)
}

function shown(value: AttributeValue): string {
  if (value === null) return 'empty'
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('base64')}`
  if (Array.isArray(value)) return `[${(value as readonly AttributeValue[]).map(shown).join(', ')}]`
  if (typeof value === 'object')
    return `{${Object.entries(value)
      .map(([key, inner]) => `${key}: ${shown(inner)}`)
      .join(', ')}}`
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
