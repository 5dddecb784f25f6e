// docs/trace-protocol.md, made of the tables that the code itself reads, and of examples that it maps. `npm run docs` writes it; a test holds that it
// is current.

import {
  executionOf,
  FINISHED,
  isRejection,
  MAPPING_VERSION,
  MAX_JSON_DEPTH,
  MAX_JSON_VALUES,
  MESSAGE_TYPES,
  messageTypeOf,
  outcomeOf,
  readMessage,
  spanOf,
  VERSION,
  type Message,
} from '../core/mplp/index.ts'
import { UNITS } from '../core/mplp/metric-names.ts'
import { BODY_ROWS, ENVELOPE_ROWS, METRICS_ROWS, type Row } from '../core/mplp/rows.ts'
import { SEVERITIES, STATUS_CODES } from '../core/mplp/status.ts'
import { toJson } from '../core/otlp/index.ts'

export const FILE = 'docs/trace-protocol.md'

const ids = { trace_id: 'order-512', span_id: 'step-1' }
const about = (type: string, timestamp: string): object => ({ message_type: type, version: VERSION, timestamp, ...ids })
const START = {
  ...about('start_execution_trace', '2026-02-13T07:00:00.000000001Z'),
  operation_name: 'plan_route',
  service_name: 'planner',
  parent_span_id: null,
  context: { user_id: 'u-9', tenant_id: 'guild-3' },
  attributes: { 'route.legs': 3 },
  sampling: { sampling_rate: 0.5 },
  monitoring_config: { alert_thresholds: { cpu_usage_percent: 80 } },
}
const UPDATE = {
  ...about('update_execution_trace', '2026-02-13T07:00:01Z'),
  status: { code: 'in_progress', progress_percentage: 40 },
  performance_metrics: { cpu_usage_percent: 91.5 },
  events: [{ event_name: 'leg_planned', timestamp: '2026-02-13T07:00:00.5Z', attributes: { leg: 1 } }],
  warnings: [{ warning_code: 'SLOW', message: 'one leg took long' }],
}
const FINISH = {
  ...about('finish_execution_trace', '2026-02-13T07:00:02Z'),
  final_status: { code: 'ok' },
  execution_result: { legs: [{ to: 'Lisbon' }] },
  crew: 'B',
}

/** The whole page. */
export function tracePage(): string {
  const { span, logs, metrics } = example()
  return `<!-- Written by \`npm run docs\` from docs/trace-protocol.ts: change that. -->

# The trace protocol in OTLP

Multi-agent systems that speak the MPLP trace protocol ${VERSION} send JSON: one message when an execution begins, others while it goes on, and one when it
has ended. Millrace makes OTLP of them: **one execution becomes one span**, made when it finishes; what it says on the way becomes log records, and what it
measures gauges, both at once. This is version ${MAPPING_VERSION} of the mapping; a change that moves something elsewhere gets a new number.

The published texts leave much open. What is written here is our reading of them.

## Messages

| \`message_type\` | what it is | body |
|---|---|---|
${messageRows()}

Flat messages have their fields beside \`message_type\` and say \`version\`; envelopes have them in \`payload\`, say \`protocol_version\` and need a
\`message_id\`. Both need a \`timestamp\`. A sender may mix the two. Times are RFC 3339 with up to nine digits behind the second; none is lost. Fields that
are not named here are welcome. Null is absence.

## An example

Three messages:

${blocks([START, UPDATE, FINISH])}

The span, made when the third has come. It has a threshold of 0.5 in its tracestate, so that it counts for two:

${block(span)}

The log records of the second: what it warns of, and a limit that it crossed.

${block(logs)}

And its one measurement:

${block(metrics)}

## Fields of the body

| field | becomes |
|---|---|
${fieldRows(BODY_ROWS)}
| \`collection_…\` | span attributes \`mplp.collection.…\` |
| anything else | span attribute \`mplp.ext.<name>\` |

Of a metrics message only ${list(METRICS_ROWS.keys())} and \`collection_…\` are read so; **every other number in it is a measurement**, and what is no number is kept in
\`mplp.ext.*\`. An anomaly is one log record, \`mplp.anomaly\`, with the whole message as its body.

## Fields around it

| field | becomes |
|---|---|
${fieldRows(ENVELOPE_ROWS)}
| anything else | span attribute \`mplp.ext.<name>\`, \`security\` among them |

## Measurements

Each number is a gauge, for the totals of one execution are not monotonic over time. Its name is \`mplp.\` and its path, with dots; elements of lists are called by
their index. Its unit comes from how its name ends: ${UNITS.map(([suffix, unit]) => `\`${suffix}\` ${unit}`).join(', ')}. Values are doubles, but for integers past 2^53, which keep
every digit as integers. The time is the block's \`timestamp\`, else the message's. The trace id and span id travel as an exemplar.

\`metrics.identity\` says which attributes points have: \`service\` (\`mplp.service_name\`), \`operation\` (also \`mplp.operation_name\`) or \`execution\` (also
\`mplp.trace_id\` and \`mplp.span_id\`). Executions that would write one series at one time are joined over a short window: the gauge is the last value, and where there were
several messages, \`<name>.min\`, \`<name>.max\` and \`<name>.sum\` stand beside it.

\`alert_thresholds\` and \`performance_targets\` are compared with what is measured as it arrives, by the last keys of its path joined with \`_\`:
\`cpu_usage_percent\` is meant for \`cpu.usage_percent\`, \`system_metrics.cpu_usage_percent\` and \`peak_cpu_usage_percent\`. \`min_…\` is crossed by what is less, all others by what
is more; \`duration_ms\` also by the time since the start. A crossing is a log record \`mplp.alert\` of severity WARN; the next comes only after the value was back.

## Words

- Status OK: ${words(STATUS_CODES, 1)}. ERROR: ${words(STATUS_CODES, 2)}. Others leave it unset.
- Severity ${[9, 10, 13, 17, 21, 5, 1].map((number) => `${number}: ${words(SEVERITIES, number)}`).join('; ')}.

## Our reading

- **Ids.** \`trace_id\` of 32 and \`span_id\` of 16 hex digits are used as they are. Any other text is hashed: the first 16 bytes of SHA-256 over \`mplp:trace:\` and the text, the first
  8 over \`mplp:span:\` and the text. Every sender and every process agrees.
- **Which message counts.** In a span an attribute is there once. Where two messages say different things of it, the later one by its time counts, and what the other said is kept
  in a span event \`mplp.replaced\` at the time at which it was replaced. So nothing that a sender wrote is lost.
- **The span's own fields** (name, kind, parent, start) come from the start. Other messages may say them where there is no start; what they say is kept in \`mplp.ext.*\`, too.
- **Without a start** an execution is a span all the same, with \`mplp.incomplete\`; it begins with the first that was heard of it. One of which nothing was heard for too long ends with
  an error and \`mplp.status\` \`timeout\`; one that is open when the program stops, without storage, with \`interrupted\`.
- **Late messages**, and measurements without a \`span_id\`, have no span that could take their words: they are a log record \`mplp.message\` with the whole message as its body.
- **Secrets.** Of \`sender.authentication\` the \`method\` and the \`service_account\` go on, and nothing else.
- **Names that begin with \`mplp.\`** are ours: a sender's attribute of such a name gets \`mplp.ext.\` before it.
- **Sampling.** A \`sampling_rate\` becomes \`th\` in the tracestate, unless that has one. Where the sender drew otherwise than by the trace id, \`rv\` says with what randomness, so that
  samplers after it do not take the threshold for a mistake.
- **Numbers.** JSON does not tell 1 from 1.0: in attributes both are the integer. Integers of more than 64 bits are texts in attributes.
- **Bounds.** Lists and objects may lie ${MAX_JSON_DEPTH} deep, a message may have ${MAX_JSON_VALUES} values, ids up to 1,024 characters. What is past them is rejected.
`
}

function messageRows(): string {
  return MESSAGE_TYPES.map((type) => {
    const { kind, payloadKey } = messageTypeOf(type)!
    return `| \`${type}\` | ${KINDS[kind]} | ${payloadKey === '' ? 'the message itself' : `\`payload.${payloadKey}\``} |`
  }).join('\n')
}

const KINDS: Readonly<Record<Message['kind'], string>> = {
  start: 'an execution begins',
  update: 'it goes on',
  finish: 'it ended',
  metrics: 'measurements',
  anomaly: 'an anomaly that someone else found',
}

/** One row for all fields that become the same. */
function fieldRows(rows: ReadonlyMap<string, Row>): string {
  const byMeaning = new Map<string, string[]>()
  for (const [field, { becomes }] of rows) byMeaning.set(becomes, [...(byMeaning.get(becomes) ?? []), field])
  return [...byMeaning].map(([becomes, fields]) => `| ${list(fields)} | ${becomes} |`).join('\n')
}

function list(names: Iterable<string>): string {
  return [...names].map((name) => `\`${name}\``).join(', ')
}

function words(table: ReadonlyMap<string, number>, wanted: number): string {
  return [...table].flatMap(([word, code]) => (code === wanted ? [word] : [])).join(', ')
}

interface Example {
  readonly span: unknown
  readonly logs: unknown
  readonly metrics: unknown
}

function example(): Example {
  const parts: Uint8Array[] = []
  let [logs, metrics, span]: unknown[] = []
  for (const value of [START, UPDATE, FINISH]) {
    const message = readMessage(value)
    if (isRejection(message)) throw new Error(message.faults[0]?.message ?? 'an example is wrong')
    const outcome = outcomeOf(message, executionOf(parts), { identity: 'operation', late: false, now: message.time })
    if (outcome.part !== undefined) parts.push(outcome.part)
    if (outcome.logs !== undefined) logs = shown('logs', outcome.logs.bytes)
    if (outcome.metrics !== undefined) metrics = shown('metrics', outcome.metrics.bytes)
    if (message.kind === 'finish') span = shown('traces', spanOf(message.execution!, parts, FINISHED))
  }
  return { span, logs, metrics }
}

function shown(signal: 'traces' | 'metrics' | 'logs', bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(toJson(signal, bytes)).toString())
}

function blocks(values: readonly unknown[]): string {
  return values.map(block).join('\n\n')
}

function block(value: unknown): string {
  return `\`\`\`json\n${laidOut(value, '')}\n\`\`\``
}

/** JSON in which what fits on a line stands on one. */
function laidOut(value: unknown, indent: string): string {
  const inline = JSON.stringify(value, null, 1).replace(/\n\s*/g, ' ')
  if (typeof value !== 'object' || value === null || inline.length + indent.length <= 120) return inline
  const inner = `${indent}  `
  const entries = Array.isArray(value)
    ? value.map((element) => laidOut(element, inner))
    : Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}: ${laidOut(member, inner)}`)
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  return `${open}\n${entries.map((entry) => `${inner}${entry}`).join(',\n')}\n${indent}${close}`
}
