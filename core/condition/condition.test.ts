// Conditions as users write them: what they can name, what they come to, and what is said of those that are none.

import t from 'tap'
import { otlp } from '../index.ts'
import { encodeLogs, encodeMetrics, encodeTraces } from '../testing/index.ts'
import { conditionFault, Conditions, type ConditionContext, type Verdict } from './index.ts'
import { VIEWS } from './views.ts'
import { wordsOf } from './vocabulary.ts'

const TRACES = encodeTraces([
  {
    resource: { 'service.name': 'shop', n: 7 },
    scopeName: 'lib',
    spans: [
      {
        name: 'GET /käse',
        kind: 2,
        statusCode: 2,
        startTimeUnixNano: 1_000_000_000n,
        endTimeUnixNano: 1_250_000_000n,
        attributes: {
          route: '/a',
          code: 500,
          ratio: 0.5,
          whole: 3,
          yes: true,
          list: ['a', 1],
          map: { deep: { x: 1 } },
          big: 2n ** 60n,
          nothing: null,
        },
      },
      { name: 'other', attributes: { code: 'text' } },
    ],
  },
])
const LOGS = encodeLogs([
  {
    resource: { host: 'h' },
    scopeName: 'l',
    logRecords: [
      { body: 'my password', severityNumber: 17, attributes: { a: 1 } },
      { body: null, severityNumber: 0 },
    ],
  },
])
const METRICS = encodeMetrics([
  {
    resource: { host: 'h' },
    scopeName: 'm',
    metrics: [
      { name: 'requests', unit: '1', type: 'sum', dataPoints: [{ value: 5, attributes: { a: 1 } }, { value: 2.5 }] },
      { name: 'load', type: 'gauge', dataPoints: [{ value: 0.5 }] },
    ],
  },
])
const CHUNKS = {
  span: ['traces', TRACES],
  log_record: ['logs', LOGS],
  metric: ['metrics', METRICS],
  data_point: ['metrics', METRICS],
} as const

function ask(context: ConditionContext, text: string, item = 0): Verdict {
  const edits = new otlp.RequestEdits()
  const conditions = new Conditions(context, [text], edits)
  const [signal, chunk] = CHUNKS[context]
  edits.begin(otlp.indexChunk(signal, chunk))
  return conditions.any(item)
}

const HOLDS: Readonly<Record<ConditionContext, readonly string[]>> = {
  span: [
    'name == "GET /käse"',
    'name.startsWith("GET ") && kind == SPAN_KIND_SERVER',
    'status.code == STATUS_CODE_ERROR',
    'status.message == ""',
    'duration_ms == 250.0 && duration_ms >= 250',
    'end_time_unix_nano - start_time_unix_nano == 250000000',
    'trace_id.size() == 32 && span_id.size() == 16 && parent_span_id == ""',
    'attributes["route"] == "/a"',
    'attributes.route.matches("^/[a-z]$")',
    'attributes["code"] >= 500 && attributes["code"] % 100 == 0',
    'attributes["ratio"] == 0.5 && attributes["whole"] == 3 && attributes["whole"] == 3.0',
    'attributes["big"] == 1152921504606846976',
    'attributes["yes"]',
    'attributes["nothing"] == null',
    '"a" in attributes["list"] && 1 in attributes["list"] && size(attributes["list"]) == 2',
    'attributes["map"]["deep"]["x"] == 1',
    '"route" in attributes && !("missing" in attributes) && has(attributes.route) && !has(attributes.missing)',
    'attributes["missing"] == 1 || true',
    'attributes[?"missing"].orValue("none") == "none"',
    'attributes.exists(key, key.startsWith("ro"))',
    'size(attributes) == 9',
    'resource.attributes["service.name"] == "shop" && resource.attributes["n"] == 7',
    'scope.name == "lib" && scope.version == "" && size(scope.attributes) == 0',
  ],
  log_record: [
    'body.matches("pass(word)?")',
    'body.matches("(?i)PASSWORD$") && !body.matches("PASSWORD") && ["x"].exists(x, body.matches("(?is)^MY."))',
    'severity_number >= SEVERITY_NUMBER_ERROR',
    'severity_text == "" && event_name == "" && trace_id == "" && attributes["a"] == 1',
    'resource.attributes["host"] == "h" && scope.name == "l"',
  ],
  metric: [
    'name == "requests" && metric.type == "sum" && unit == "1" && metric.name == name',
    'resource.attributes["host"] == "h" && scope.name == "m"',
  ],
  data_point: [
    'metric.name == "requests" && metric.type == "sum"',
    'value == 5 && value > 4.5',
    'count == null && sum == null',
    'attributes["a"] == 1 && scope.name == "m" && metric.resource.attributes["host"] == "h"',
  ],
}
for (const [context, texts] of Object.entries(HOLDS) as [ConditionContext, readonly string[]][]) {
  t.test(`a condition on a ${context} can name what that has`, async (t) => {
    for (const text of texts) t.equal(ask(context, text), true, text)
  })
}

t.test('each item is asked for itself', async (t) => {
  t.equal(ask('span', 'name == "other" && !("route" in attributes)', 1), true)
  t.equal(ask('span', 'name == "other"', 0), false)
  t.equal(ask('log_record', 'body == null && severity_number == SEVERITY_NUMBER_UNSPECIFIED', 1), true)
  t.equal(ask('data_point', 'value == 2.5', 1), true)
  t.equal(ask('data_point', 'metric.name == "load" && metric.type == "gauge"', 2), true)
  t.equal(ask('metric', 'name == "load"', 1), true)
})

t.test('what has no answer says why', async (t) => {
  t.match(ask('span', 'attributes["missing"] == "x"'), { isMissing: true, message: 'No such key: missing' })
  t.match(ask('span', 'attributes["map"]["none"] == 1'), { isMissing: true })
  t.match(ask('span', 'attributes["code"].startsWith("5")'), { isMissing: false, message: /startsWith/ })
  const edits = new otlp.RequestEdits()
  const several = new Conditions('span', ['attributes["missing"] == "x"', 'name == "other"'], edits)
  edits.begin(otlp.indexChunk('traces', TRACES))
  t.match(several.any(0), { isMissing: true })
  t.equal(several.any(1), true, 'another one may still hold')
})

t.test('what is no condition is said in one line, with what would be', async (t) => {
  const cases: readonly (readonly [ConditionContext, string, RegExp | string])[] = [
    ['span', 'nmae == "x"', /Unknown variable: nmae; known are name, kind, .*; did you mean "name"\?$/],
    ['span', 'kind == "server"', /not a condition in CEL: no such overload: int == string$/],
    ['span', 'name', 'is string; accepted: a condition, which is true or false'],
    ['span', 'status.cod == 1', /No such key: cod/],
    ['span', 'name == ', /^not a condition in CEL: [^\n]+$/],
    ['span', 'name.matches("(a+)+$")', /^the pattern "\(a\+\)\+\$" can take forever: at character 1, "\(a\+\)\+"/],
    ['span', 'name.matches(scope.name)', /^matches\(scope\.name\): accepted is a pattern in quotes/],
    ['span', 'name == "b" || name.matches("a(")', /^the pattern "a\(" is none: Invalid regular expression/],
    ['span', '', /^not a condition in CEL/],
    ['log_record', 'kind == 1', /Unknown variable: kind/],
    ['span', `${'('.repeat(100)}true${')'.repeat(100)}`, /^not a condition in CEL: .*depth/i],
    ['span', Array.from({ length: 3000 }, () => 'true').join(' && '), /^not a condition in CEL/],
  ]
  for (const [context, text, expected] of cases) {
    const fault = conditionFault(context, text)
    if (typeof expected === 'string') t.equal(fault, expected)
    else t.match(fault, expected, text.slice(0, 40))
  }
  t.throws(() => new Conditions('span', ['nope'], new otlp.RequestEdits()), { name: 'TypeError', message: /Unknown variable: nope/ })
})

t.test('OTTL is answered with the CEL that it would be, where that can be told', async (t) => {
  const cases: readonly (readonly [ConditionContext, string, string])[] = [
    ['span', 'name == "a and b" and kind == SPAN_KIND_SERVER', 'name == "a and b" && kind == SPAN_KIND_SERVER'],
    ['span', 'not (name == "x") or IsMatch(name, "^a.*")', '!(name == "x") || name.matches("^a.*")'],
    ['span', 'attributes["x"] != nil and resource.attributes["y"] == nil', '"x" in attributes && !("y" in resource.attributes)'],
    ['span', 'span.attributes["x"] == 1', 'attributes["x"] == 1'],
    [
      'log_record',
      'IsMatch(body, ".*password.*") or severity_number < SEVERITY_NUMBER_WARN',
      'body.matches(".*password.*") || severity_number < SEVERITY_NUMBER_WARN',
    ],
    ['metric', 'type == METRIC_DATA_TYPE_HISTOGRAM', 'metric.type == "histogram"'],
    [
      'data_point',
      'metric.type == METRIC_DATA_TYPE_SUMMARY and datapoint.attributes["a"] == "b"',
      'metric.type == "summary" && attributes["a"] == "b"',
    ],
  ]
  for (const [context, text, cel] of cases)
    t.equal(conditionFault(context, text), `conditions are written in CEL, and this is OTTL; accepted: ${cel}`)
  t.match(conditionFault('span', 'Unknown(name) and kind == 1'), /^not a condition in CEL/)
})

t.test('every member of a view is a word, and every word a member', async (t) => {
  for (const [context, view] of Object.entries(VIEWS) as [ConditionContext, (typeof VIEWS)[ConditionContext]][]) {
    const made: object = new view(new otlp.RequestEdits())
    const members = new Set<string>(Object.keys(made))
    for (let proto = Object.getPrototypeOf(made); proto !== Object.prototype; proto = Object.getPrototypeOf(proto))
      for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(proto)))
        if (typeof descriptor.get === 'function') members.add(name)
    members.delete('edits')
    if (context === 'metric') members.delete('type') // a function of CEL: `metric.type` says it
    t.same([...members].sort(), [...wordsOf(context)].sort(), context)
  }
})

t.test('no key of an attribute is special', async (t) => {
  const request = encodeTraces([{ spans: [{ attributes: { ['__proto__']: 'p', constructor: 'c', map: { ['__proto__']: 1 } } }] }])
  const edits = new otlp.RequestEdits()
  const holds = new Conditions(
    'span',
    ['attributes["__proto__"] == "p" && attributes["constructor"] == "c" && attributes["map"]["__proto__"] == 1'],
    edits,
  )
  edits.begin(otlp.indexChunk('traces', request))
  t.equal(holds.any(0), true)
  const other = new Conditions('span', ['"toString" in attributes'], edits)
  t.equal(other.any(0), false)
  t.equal(({} as { polluted?: unknown }).polluted, undefined)
})
