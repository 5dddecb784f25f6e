// What messages say and measure at once: log records, gauges, alerts; alone, late, and many in one window.

import t from 'tap'
import type { Any } from '../otlp/fixtures/oracles.ts'
import { admit } from '../otlp/index.ts'
import { messageIn, NOW } from './fixtures/executions.ts'
import { shownLogs, shownMetrics } from './fixtures/shown.ts'
import { executionOf, type Identity, type Items, type Message, MetricsWindow, type Outcome, outcomeOf } from './index.ts'
import { MOST_REMEMBERED, ROOT } from './metric-names.ts'

type Fields = Readonly<Record<string, unknown>>
const message = (type: string, fields: Fields = {}): Message =>
  messageIn(
    JSON.stringify({
      message_type: type,
      version: '1.0.0-alpha',
      timestamp: '2026-02-03T04:05:06Z',
      trace_id: 'run 7',
      span_id: 'step 1',
      ...fields,
    }),
  )
const start = (fields: Fields = {}): Message =>
  message('start_execution_trace', { operation_name: 'plan', service_name: 'planner', ...fields })
const update = (fields: Fields = {}): Message => message('update_execution_trace', fields)
const metrics = (fields: Fields = {}): Message => message('performance_metrics', fields)

interface Options {
  readonly identity?: Identity
  readonly window?: MetricsWindow
  readonly late?: boolean
}

/** Of the last message; those before it have come. */
function outcome(messages: readonly Message[], { identity = 'service', late = false, window }: Options = {}): Outcome {
  const parts: Uint8Array[] = []
  let last: Outcome | undefined
  for (const one of messages) {
    last = outcomeOf(one, executionOf(parts), { identity, late, now: NOW, window })
    if (last.part !== undefined) parts.push(last.part)
  }
  for (const signal of ['logs', 'metrics'] as const) checked(signal, last![signal])
  return last!
}

function checked(signal: 'logs' | 'metrics', items: Items | undefined): void {
  if (items === undefined) return
  const { chunk, count } = admit(signal, items.bytes)
  if (chunk !== items.bytes || count !== items.count) throw new Error(`the ${signal} are not valid, or not ${items.count}`)
}

const logsFrom = (messages: readonly Message[], options?: Options): Any[] => shown(outcome(messages, options).logs, shownLogs)
const metricsFrom = (messages: readonly Message[], options?: Options): Any[] => shown(outcome(messages, options).metrics, shownMetrics)
const shown = (items: Items | undefined, show: (bytes: Uint8Array) => Any[]): Any[] => (items === undefined ? [] : show(items.bytes))
const byName = (all: readonly Any[]): Record<string, unknown> => Object.fromEntries(all.map(({ name, points }) => [name, points[0].value]))

t.test('logs, errors and warnings are records with trace context', async (t) => {
  const logs = [{ log_timestamp: '2026-02-03T04:05:06.5Z', log_level: 'WARN', log_message: 'hm', log_attributes: { a: 1 }, line: 7 }, {}]
  const errors = ['broke', { message: 'worse', severity: 'critical', error_code: 'E1' }]
  const records = logsFrom([start(), update({ span_logs: logs, errors, warnings: [{ message: 'soon', severity: 'low' }] })])
  t.match(records, [
    {
      time: '2026-02-03T04:05:06.500000000Z',
      severity: 13,
      severityText: 'WARN',
      body: 'hm',
      attributes: { a: '1n', 'mplp.ext.line': '7n' },
      eventName: '',
    },
    { time: '2026-02-03T04:05:06.000000000Z', severity: 0, body: null },
    { severity: 17, severityText: '', body: 'broke' },
    { severity: 21, severityText: 'critical', body: 'worse', attributes: { 'mplp.ext.error_code': 'E1' } },
    { severity: 13, severityText: 'low', body: 'soon' },
  ])
  for (const { traceId, spanId, resource } of records) {
    t.match(
      { traceId, spanId, resource },
      { traceId: start().traceId.hex, spanId: start().spanId!.hex, resource: { 'service.name': 'planner' } },
    )
  }
})

t.test('what says nothing and measures nothing makes no record and no metric', async (t) => {
  t.match(outcome([start()]), { logs: undefined, metrics: undefined })
  t.match(outcome([start(), update({ errors: [], warnings: null, custom_metrics: {}, performance_metrics: { note: 'none' } })]), {
    logs: undefined,
    metrics: undefined,
  })
})

t.test('numbers are gauges, called by their paths, with units by their suffixes', async (t) => {
  const found = metricsFrom([
    start(),
    metrics({
      cpu: { usage_percent: 5, load: [0.5, { '1m': 2 }], name: 'x' },
      count: 3,
      total_bytes: 9007199254740992,
      rate_per_sec: 1,
      heap_mb: -1,
    }),
  ])
  t.match(byName(found), {
    'mplp.cpu.usage_percent': 5,
    'mplp.cpu.load.0': 0.5,
    'mplp.cpu.load.1.1m': 2,
    'mplp.count': 3,
    'mplp.rate_per_sec': 1,
    'mplp.heap_mb': -1,
  })
  const units = Object.fromEntries(found.map(({ name, unit }) => [name, unit]))
  t.match(units, {
    'mplp.cpu.usage_percent': '%',
    'mplp.cpu.load.0': '',
    'mplp.total_bytes': 'By',
    'mplp.rate_per_sec': '1/s',
    'mplp.heap_mb': 'MBy',
  })
})

t.test('a count past 2^53 keeps every digit; what 64 bits cannot hold is the nearest double', async (t) => {
  const text = JSON.stringify(metrics({ a: 'A', b: 'B' }).whole)
    .replace('"A"', '9007199254740993')
    .replace('"B"', '18446744073709551616')
  t.match(byName(metricsFrom([start(), messageIn(text)])), { 'mplp.a': '9007199254740993n', 'mplp.b': 2 ** 64 })
})

t.test('identity says which attributes points have', async (t) => {
  const attributesOf = (identity: Identity): unknown => metricsFrom([start(), metrics({ a: 1 })], { identity })[0].points[0].attributes
  t.strictSame(attributesOf('service'), { 'mplp.service_name': 'planner' })
  t.strictSame(attributesOf('operation'), { 'mplp.service_name': 'planner', 'mplp.operation_name': 'plan' })
  t.strictSame(attributesOf('execution'), {
    'mplp.service_name': 'planner',
    'mplp.operation_name': 'plan',
    'mplp.trace_id': 'run 7',
    'mplp.span_id': 'step 1',
  })
})

t.test('measurements have the time of their block, and are never of the span', async (t) => {
  const { part, metrics } = outcome([
    start(),
    update({ performance_metrics: { timestamp: '2026-02-03T04:05:05Z', cpu_percent: 4, note: 'hot' } }),
  ])
  t.match(shownMetrics(metrics!.bytes), [
    { name: 'mplp.performance_metrics.cpu_percent', points: [{ time: '2026-02-03T04:05:05.000000000Z' }] },
  ])
  t.ok(part!.includes('mplp.ext.performance_metrics.note'))
  t.notOk(part!.includes('cpu_percent'))
})

t.test('a threshold is an alert when it is crossed, and again only after it was back', async (t) => {
  const limits = {
    monitoring: { alert_thresholds: { cpu_usage_percent: 80 }, performance_targets: { min_throughput: 10, max_latency_ms: 5 } },
  }
  const alertsOf = (...values: readonly number[]): number =>
    logsFrom([start(limits), ...values.map((value) => update({ performance_metrics: { system: { cpu_usage_percent: value } } }))]).length
  t.equal(alertsOf(80), 0, 'at the limit is not past it')
  t.equal(alertsOf(81), 1)
  t.equal(alertsOf(81, 82), 0)
  t.equal(alertsOf(81, 79, 82), 1)
  const [record, ...others] = logsFrom([start(limits), metrics({ cpu: { usage_percent: 91 }, throughput: 10, latency_ms: 4 })])
  t.same(others, [])
  t.match(record, {
    eventName: 'mplp.alert',
    severity: 13,
    body: {
      alert_rule_id: 'alert_thresholds.cpu_usage_percent',
      threshold_value: '80n',
      actual_value: '91n',
      metric_name: 'mplp.cpu.usage_percent',
    },
  })
  t.match(
    logsFrom([start(limits), metrics({ peak_cpu_usage_percent: 91, throughput: 9, latency_ms: 6 })]).map(({ body }) => body.alert_rule_id),
    ['alert_thresholds.cpu_usage_percent', 'performance_targets.throughput', 'performance_targets.latency_ms'],
  )
})

t.test('how long it takes by the clock is compared with the limit, too', async (t) => {
  const limits = start({ monitoring: { alert_thresholds: { duration_ms: 1000 } } })
  t.equal(logsFrom([limits, update({ timestamp: '2026-02-03T04:05:07Z' })]).length, 0)
  t.match(logsFrom([limits, update({ timestamp: '2026-02-03T04:05:07.001Z' })]), [
    { body: { metric_name: 'duration_ms', actual_value: '1001n' } },
  ])
  t.match(logsFrom([limits, update({ performance_metrics: { duration_ms: 1500 } })]), [{ body: { actual_value: '1500n' } }])
})

t.test('a late message still says and measures, and is a record itself, for no span takes it', async (t) => {
  const late = update({
    span_logs: [{ log_message: 'after' }],
    performance_metrics: { a: 1 },
    service_name: 'planner',
    sender: { authentication: { token: 'SECRET' } },
  })
  const { part, logs, metrics } = outcome([late], { late: true })
  t.equal(part, undefined)
  t.match(shownLogs(logs!.bytes), [
    { body: 'after' },
    { eventName: 'mplp.message', body: { message_type: 'update_execution_trace' }, resource: { 'service.name': 'planner' } },
  ])
  t.match(shownMetrics(metrics!.bytes), [{ name: 'mplp.performance_metrics.a', resource: { 'service.name': 'planner' } }])
  t.notOk(logs!.bytes.includes('SECRET'))
})

t.test('measurements without a span go their way; their words are a record', async (t) => {
  const { part, logs, metrics: measured } = outcome([metrics({ span_id: undefined, a: 1, metric_source: 'probe' })])
  t.equal(part, undefined)
  t.match(shownLogs(logs!.bytes), [{ eventName: 'mplp.message', spanId: '', body: { metric_source: 'probe' } }])
  t.match(shownMetrics(measured!.bytes), [{ name: 'mplp.a', points: [{ exemplars: [{ spanId: '', traceId: metrics().traceId.hex }] }] }])
})

t.test('executions that would write one series are joined in a window', async (t) => {
  const window = new MetricsWindow('service')
  const of = (trace: string, value: number, second: number): readonly Message[] => [
    start({ trace_id: trace }),
    metrics({ trace_id: trace, a_ms: value, timestamp: `2026-02-03T04:05:0${second}Z` }),
  ]
  for (const messages of [of('one', 5, 2), of('two', 1, 9), of('three', 3, 4)]) t.equal(outcome(messages, { window }).metrics, undefined)
  const items = window.take()
  checked('metrics', items)
  const found = shown(items, shownMetrics)
  t.strictSame(byName(found), { 'mplp.a_ms': 1, 'mplp.a_ms.min': 1, 'mplp.a_ms.max': 5, 'mplp.a_ms.sum': 9 })
  for (const { unit, points } of found) {
    t.equal(unit, 'ms')
    t.match(points, [
      {
        time: '2026-02-03T04:05:09.000000000Z',
        attributes: { 'mplp.service_name': 'planner' },
        exemplars: [{ traceId: of('two', 1, 9)[0]!.traceId.hex }],
      },
    ])
  }
  t.equal(window.take(), undefined, 'it is empty then')
})

t.test('other series of a window stay alone', async (t) => {
  const window = new MetricsWindow('operation')
  for (const [operation, host] of [
    ['plan', 'a'],
    ['plan', 'b'],
    ['act', 'a'],
  ]) {
    outcome([start({ operation_name: operation, resource: { host } }), metrics({ a: 1 })], { window })
  }
  const items = window.take()
  checked('metrics', items)
  t.match(
    shown(items, shownMetrics).map(({ resource, name, points }) => [resource.host, points[0].attributes['mplp.operation_name'], name]),
    [
      ['a', 'plan', 'mplp.a'],
      ['b', 'plan', 'mplp.a'],
      ['a', 'act', 'mplp.a'],
    ],
  )
})

t.test('paths that senders choose are forgotten before they fill the memory', async (t) => {
  const used = ROOT.to('used')
  t.equal(ROOT.to('used'), used)
  for (let i = 0; i < MOST_REMEMBERED; i++) ROOT.to('chosen').to(`path ${i}`)
  t.not(ROOT.to('used'), used)
  t.match(byName(metricsFrom([metrics({ used: 1, chosen: { 'path 7': 2 } })])), { 'mplp.used': 1, 'mplp.chosen.path 7': 2 })
  const long = 'k'.repeat(1000)
  t.not(ROOT.to(long), ROOT.to(long))
})
