// Settings of `span_metrics` under which Millrace and the Collector are compared, and the spans that they count.

type Json = Readonly<Record<string, unknown>>

/** By name, which is their namespace, too. Intervals and the instance's id are the same for all. */
export const SETTINGS: Readonly<Record<string, Json>> = {
  plain: {},
  dimensions: { dimensions: [{ name: 'http.route' }, { name: 'mixed' }, { name: 'region', default: 'nowhere' }, { name: 'odd' }] },
  apart: {
    dimensions: [{ name: 'http.route' }],
    calls_dimensions: [{ name: 'region' }],
    histogram: { dimensions: [{ name: 'mixed', default: 'none' }] },
  },
  globs: { dimensions: [{ glob: 'http.*' }, { glob: 'k8s.**.name' }, { name: 'region' }] },
  excluded: { exclude_dimensions: ['span.name', 'status.code', 'service.name', 'span.kind', 'collector.instance.id'] },
  'exponential-ms': { histogram: { exponential: {} } },
  'exponential-small': { histogram: { unit: 's', exponential: { max_size: 7 } } },
  seconds: { histogram: { unit: 's' } },
  buckets: { histogram: { explicit: { buckets: ['100us', '1ms', '2ms', '6ms', '10ms', '100ms', '250ms'] } } },
  disabled: { histogram: { disable: true } },
  exemplars: { exemplars: { enabled: true }, dimensions: [{ name: 'http.route' }] },
  'two-exemplars': { exemplars: { enabled: true, max_per_data_point: 2 }, histogram: { exponential: {} } },
  events: {
    events: { enabled: true, dimensions: [{ name: 'exception.type' }, { name: 'host', default: 'no' }] },
    exemplars: { enabled: true },
  },
  limited: { aggregation_cardinality_limit: 3, dimensions: [{ name: 'http.route' }], exemplars: { enabled: true } },
  scopes: { include_instrumentation_scope: ['express'], exclude_dimensions: ['span.name'] },
  method: { enable_metrics_sampling_method: true },
  'by-service': { resource_metrics_key_attributes: ['service.name'] },
  delta: { aggregation_temporality: 'AGGREGATION_TEMPORALITY_DELTA', dimensions: [{ name: 'region' }] },
  'delta-exponential': { aggregation_temporality: 'AGGREGATION_TEMPORALITY_DELTA', histogram: { exponential: {} } },
}

const START = 1_767_225_600_000_000_000n
/** Nanoseconds. Ends of buckets among them, and what goes back in time. */
const DURATIONS = [
  0n,
  1n,
  999n,
  100_000n,
  1_000_000n,
  2_000_000n,
  2_000_001n,
  3_456_789n,
  10_000_000n,
  49_999_999n,
  123_456_789n,
  1_400_000_000n,
  15_000_000_001n,
  86_400_000_000_000n,
  -5n,
]
const STATES = ['', '', '', 'ot=th:8', 'ot=th:c', 'v=w,ot=th:e', 'ot=rv:abcdefabcdefab', 'ot=th:x', 'nonsense']
const ROUTES = ['/', '/cart', '/cart/{id}', '/a\u0000b', 'ünïcode', '']
const MIXED = [
  { intValue: '200' },
  { stringValue: '200' },
  { boolValue: true },
  { stringValue: 'true' },
  { doubleValue: 0.5 },
  { intValue: '-7' },
]
const ODD = [
  { bytesValue: 'AP/+' },
  { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }] } },
  { kvlistValue: { values: [{ key: 'k', value: { intValue: '1' } }] } },
  {},
]
const RESOURCES: readonly Json[][] = [
  [text('service.name', 'shop'), text('host', 'a'), text('k8s.pod.name', 'p'), { key: 'pid', value: { intValue: '1' } }],
  [text('host', 'a'), { key: 'pid', value: { intValue: '1' } }, text('service.name', 'shop'), text('k8s.pod.name', 'p')],
  [text('service.name', 'shop'), { key: 'pid', value: { intValue: '2' } }, text('region', 'eu')],
  [text('service.name', 'bank'), text('http.scheme', 'https')],
  [{ key: 'service.name', value: { intValue: '7' } }],
  [text('host', 'nameless')],
]

function text(key: string, value: string): Json {
  return { key, value: { stringValue: value } }
}

/** One request: the same in every run. */
export function request(): Json {
  const next = numbers(7)
  const one = <T>(from: readonly T[]): T => from[next(from.length)]!
  const span = (): Json => {
    const duration = one(DURATIONS)
    return {
      traceId: hex(next, 32),
      spanId: hex(next, 16),
      traceState: one(STATES),
      name: one(['GET', 'GET /cart', 'SELECT', '']),
      kind: next(7),
      startTimeUnixNano: String(START),
      endTimeUnixNano: String(START + (next(2) === 0 ? duration : BigInt(next(2_000_000_000)))),
      status: one([{}, { code: 1 }, { code: 2, message: 'no' }, { code: 3 }]),
      attributes: attributes(one, next),
      events: Array.from({ length: next(3) }, () => ({
        timeUnixNano: String(START),
        name: one(['exception', 'log']),
        attributes: one([[], [text('exception.type', 'Timeout')], [text('exception.type', 'Refused'), text('host', 'of the event')]]),
      })),
    }
  }
  const scopes = [{ name: 'express', version: '4.1' }, { name: 'other' }, {}]
  return {
    resourceSpans: Array.from({ length: 24 }, (_, i) => ({
      resource: { attributes: RESOURCES[i % RESOURCES.length] },
      // The Collector does not tell scopes apart in its keys: whichever came first would name them all.
      scopeSpans: [{ scope: scopes[i % RESOURCES.length === 3 ? 0 : 1 + next(2)], spans: Array.from({ length: 1 + next(40) }, span) }],
    })),
  }
}

function attributes(one: <T>(from: readonly T[]) => T, next: (below: number) => number): Json[] {
  const all: Json[] = [{ key: 'n', value: { intValue: String(next(1000)) } }]
  if (next(3) > 0) all.push(text('http.route', one(ROUTES)))
  if (next(2) > 0) all.push({ key: 'mixed', value: one(MIXED) })
  if (next(3) === 0) all.push(text('region', one(['eu', 'us'])))
  if (next(4) === 0) all.push({ key: 'odd', value: one(ODD) })
  if (next(4) === 0) all.push(text('http.method', one(['GET', 'POST'])), text('k8s.a.b.name', 'deep'), text('k8s.pod.name', 'own'))
  return all
}

/** The same numbers in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 8) % below
  }
}

function hex(next: (below: number) => number, digits: number): string {
  return Array.from({ length: digits }, () => (1 + next(15)).toString(16)).join('')
}
