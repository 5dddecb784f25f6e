// A client that no SDK is: one request a signal, in JSON, with every field of OTLP and values that SDKs do not make (NaN, summaries, 64 bits).

import type { Target } from './target.ts'

type Json = Readonly<Record<string, unknown>>

const NOW = '1767225600123456789'
const TRACE = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }

/** `run` is an attribute of the resource. Resolves when every target has taken everything. */
export async function sendEveryField(run: string, targets: readonly Target[]): Promise<void> {
  for (const { endpoint } of targets) {
    await post(`${endpoint}/v1/traces`, { resourceSpans: [{ ...resource(run), scopeSpans: [{ ...SCOPE, spans: SPANS }] }] })
    await post(`${endpoint}/v1/metrics`, { resourceMetrics: [{ ...resource(run), scopeMetrics: [{ ...SCOPE, metrics: METRICS }] }] })
    await post(`${endpoint}/v1/logs`, { resourceLogs: [{ ...resource(run), scopeLogs: [{ ...SCOPE, logRecords: RECORDS }] }] })
  }
}

async function post(url: string, request: Json): Promise<void> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(request) })
  const answer = await response.text()
  if (!response.ok || !/^(\{\}|\{"partialSuccess":\{\}\})$/.test(answer)) {
    throw new Error(`${url} answered ${response.status} ${answer}; accepted is 200 without partial success`)
  }
}

const ATTRIBUTES = [
  { key: 'text', value: { stringValue: 'ünïcode 🧀' } },
  { key: 'empty', value: { stringValue: '' } },
  { key: 'none', value: {} },
  { key: 'least', value: { intValue: '-9223372036854775808' } },
  { key: 'most', value: { intValue: '9223372036854775807' } },
  { key: 'zero', value: { intValue: '0' } },
  { key: 'nan', value: { doubleValue: 'NaN' } },
  { key: 'real', value: { doubleValue: 5e-324 } },
  { key: 'no', value: { boolValue: false } },
  { key: 'bytes', value: { bytesValue: 'AP/+' } },
  {
    key: 'list',
    value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }, { boolValue: true }, { doubleValue: '-Infinity' }] } },
  },
  {
    key: 'map',
    value: { kvlistValue: { values: [{ key: 'deep', value: { kvlistValue: { values: [{ key: 'er', value: { intValue: '1' } }] } } }] } },
  },
]
const SCOPE = {
  scope: { name: 'every.field', version: '1', attributes: ATTRIBUTES, droppedAttributesCount: 1 },
  schemaUrl: 'https://example.org/2',
}

function resource(run: string): Json {
  const attributes = [
    ...ATTRIBUTES,
    { key: 'service.name', value: { stringValue: 'every-field' } },
    { key: 'run', value: { stringValue: run } },
  ]
  return { resource: { attributes, droppedAttributesCount: 2 }, schemaUrl: 'https://example.org/1' }
}

const SPANS = [
  {
    ...TRACE,
    parentSpanId: '00f067aa0ba902b7',
    traceState: 'a=1,b=2',
    flags: 257,
    name: 'GET /käse',
    kind: 5,
    startTimeUnixNano: NOW,
    endTimeUnixNano: '18446744073709551615',
    attributes: ATTRIBUTES,
    droppedAttributesCount: 3,
    events: [{ timeUnixNano: NOW, name: 'one', attributes: ATTRIBUTES, droppedAttributesCount: 4 }, { name: 'two' }],
    droppedEventsCount: 5,
    links: [{ ...TRACE, traceState: 'c=3', flags: 1, attributes: ATTRIBUTES, droppedAttributesCount: 6 }],
    droppedLinksCount: 7,
    status: { code: 2, message: 'no rows' },
  },
  { ...TRACE, spanId: 'b7ad6b7169203332' },
]

const EXEMPLAR = { ...TRACE, filteredAttributes: ATTRIBUTES, timeUnixNano: NOW }
const POINT = { attributes: ATTRIBUTES, startTimeUnixNano: NOW, timeUnixNano: '1767225601123456789', flags: 1 }
const DISTRIBUTION = { ...POINT, count: '18446744073709551615', sum: 5.5, min: -1, max: 5, exemplars: [{ ...EXEMPLAR, asInt: '7' }] }
const NUMBERS = [
  { ...POINT, asDouble: 'NaN', exemplars: [{ ...EXEMPLAR, asDouble: 'Infinity' }] },
  { ...POINT, asInt: '-9223372036854775808' },
  { ...POINT, asDouble: 0 },
  { ...POINT, asInt: '0' },
]
const named = (name: string, rest: Json): Json => ({ name, description: `A ${name}.`, unit: '{thing}', metadata: ATTRIBUTES, ...rest })

const METRICS = [
  named('gauge', { gauge: { dataPoints: NUMBERS } }),
  named('delta', { sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: NUMBERS } }),
  named('cumulative', { sum: { aggregationTemporality: 2, isMonotonic: false, dataPoints: NUMBERS } }),
  named('histogram', {
    histogram: {
      aggregationTemporality: 1,
      dataPoints: [
        { ...DISTRIBUTION, bucketCounts: ['1', '0', '18446744073709551614'], explicitBounds: [-0.5, 2.5] },
        { ...POINT, count: '0' },
      ],
    },
  }),
  named('exponential', {
    exponentialHistogram: {
      aggregationTemporality: 2,
      dataPoints: [
        {
          ...DISTRIBUTION,
          scale: -3,
          zeroCount: '9007199254740993',
          zeroThreshold: 0.25,
          positive: { offset: -2, bucketCounts: ['1', '9007199254740993'] },
          negative: { offset: 5, bucketCounts: ['0', '300'] },
        },
      ],
    },
  }),
  named('summary', {
    summary: {
      dataPoints: [
        {
          ...POINT,
          count: '3',
          sum: 4.5,
          quantileValues: [
            { quantile: 0.5, value: 1 },
            { quantile: 1, value: 'NaN' },
          ],
        },
      ],
    },
  }),
]

const RECORDS = [
  {
    ...TRACE,
    timeUnixNano: NOW,
    observedTimeUnixNano: '1767225601123456789',
    severityNumber: 18,
    severityText: 'ERROR2',
    body: { kvlistValue: { values: ATTRIBUTES } },
    attributes: ATTRIBUTES,
    droppedAttributesCount: 8,
    flags: 1,
    eventName: 'cart.opened',
  },
  { body: { stringValue: 'ein Käse' } },
  {},
]
