// Metrics of every kind, and what a Prometheus must have of them: prometheus.test.ts sends the ones and asks for the others.

import { attributes, otlpRequest } from '../../core/prometheus/fixtures/otlp.ts'

const SCALE = 2
const BASE = 2 ** (2 ** -SCALE)

export interface Cases {
  readonly request: Buffer
  /** `name{label="value"} value @milliseconds`, as `samplesOf` writes what a Prometheus has. */
  readonly samples: readonly string[]
  /** The same for native histograms: `name{…} count sum [left,right]=count … @milliseconds`. */
  readonly histograms: readonly string[]
  /** `name{…} labels value @milliseconds`. */
  readonly exemplars: readonly string[]
}

/** Of two times each, in milliseconds since 1970. `job` keeps runs apart. */
export function casesAt(job: string, times: readonly [number, number]): Cases {
  const own = { instance: 'i-1', job }
  const samples: string[] = []
  const histograms: string[] = []
  const exemplars: string[] = []
  const ns = (ms: number): string => `${BigInt(ms) * 1_000_000n}`
  const start = ns(times[0] - 60_000)
  const points = (make: (ms: number, i: number) => object): object[] =>
    times.map((ms, i) => ({ timeUnixNano: ns(ms), startTimeUnixNano: start, ...make(ms, i) }))
  const say = (name: string, labels: Labels, value: (i: number) => string | number): void => {
    for (const [i, ms] of times.entries()) samples.push(`${named({ __name__: name, ...labels, ...own })} ${value(i)} @${ms}`)
  }
  const trace = { traceId: Buffer.alloc(16, 0xab), spanId: Buffer.alloc(8, 0xcd) }
  const ids = `span_id="${'cd'.repeat(8)}",trace_id="${'ab'.repeat(16)}"`

  const metrics: object[] = []
  for (const [name, value, text] of [
    ['plain', 0.1, '0.1'],
    ['negative.zero', -0, '-0'],
    ['largest', Number.MAX_VALUE, '179769313486231570000000000000000000000000000000000000000000000000000000000000000000000000000000'],
    ['smallest', 5e-324, '5e-324'],
    ['infinite', Infinity, '+Inf'],
    ['minus.infinite', -Infinity, '-Inf'],
    ['not.a.number', NaN, 'NaN'],
  ] as const) {
    metrics.push({ name: `value.${name}`, gauge: { dataPoints: points(() => ({ asDouble: value })) } })
    say(`value_${name.replaceAll('.', '_')}`, {}, () => (name === 'largest' ? String(value) : text))
  }
  metrics.push({
    name: 'http.requests',
    unit: '{request}',
    description: 'Requests.',
    sum: {
      aggregationTemporality: 2,
      isMonotonic: true,
      dataPoints: points((ms, i) => ({
        asInt: `${9007199254740990 + i}`,
        attributes: attributes({ 'http.route': '/a "quoted" \\ path', ünïcode: 'ß→漢' }),
        exemplars: [{ timeUnixNano: ns(ms), asDouble: 0.25 + i, ...trace }],
      })),
    },
  })
  for (const [i, ms] of times.entries()) exemplars.push(`http_requests_total ${ids} ${0.25 + i} @${ms}`)
  say('http_requests_total', { http_route: '/a "quoted" \\ path', _n_code: 'ß→漢' }, (i) => 9007199254740990 + i)
  metrics.push({ name: 'queue.size', sum: { aggregationTemporality: 2, dataPoints: points((_, i) => ({ asInt: -3 - i })) } })
  say('queue_size', {}, (i) => -3 - i)
  metrics.push({
    name: 'duration',
    unit: 's',
    histogram: {
      aggregationTemporality: 2,
      dataPoints: points((ms, i) => ({
        count: 6 + i,
        sum: 7.5 + i,
        bucketCounts: [1, 2, 3 + i],
        explicitBounds: [0.005, 1],
        exemplars: [{ timeUnixNano: ns(ms), asDouble: 0.5, ...trace }],
      })),
    },
  })
  say('duration_seconds_bucket', { le: '0.005' }, () => 1)
  say('duration_seconds_bucket', { le: '1' }, () => 3)
  say('duration_seconds_bucket', { le: '+Inf' }, (i) => 6 + i)
  say('duration_seconds_sum', {}, (i) => 7.5 + i)
  say('duration_seconds_count', {}, (i) => 6 + i)
  for (const ms of times) exemplars.push(`duration_seconds_bucket ${ids} 0.5 @${ms}`)
  metrics.push({
    name: 'quantiles',
    summary: {
      dataPoints: points((_, i) => ({
        count: 4 + i,
        sum: 9.5,
        quantileValues: [
          { quantile: 0.5, value: 2 },
          { quantile: 0.99, value: 3.5 },
        ],
      })),
    },
  })
  say('quantiles', { quantile: '0.5' }, () => 2)
  say('quantiles', { quantile: '0.99' }, () => 3.5)
  say('quantiles_sum', {}, () => 9.5)
  say('quantiles_count', {}, (i) => 4 + i)
  const positive = { offset: -3, bucketCounts: [1, 0, 0, 0, 0, 2, 3] }
  metrics.push({
    name: 'native',
    exponentialHistogram: {
      aggregationTemporality: 2,
      dataPoints: points((_, i) => ({
        count: 13 + i,
        sum: 21.5 + i,
        scale: SCALE,
        zeroCount: 4 + i,
        zeroThreshold: 0.001,
        positive,
        negative: { offset: 1, bucketCounts: [2, 1] },
      })),
    },
  })
  const bound = (index: number): number => BASE ** index
  for (const [i, ms] of times.entries()) {
    const buckets = [
      [-bound(3), -bound(2), 1],
      [-bound(2), -bound(1), 2],
      [-0.001, 0.001, 4 + i],
      ...positive.bucketCounts.map((count, at) => [bound(at - 3), bound(at - 2), count]).filter(([, , count]) => count! > 0),
    ].map(([left, right, count]) => `[${near(left!)},${near(right!)}]=${count}`)
    histograms.push(`${named({ __name__: 'native', ...own })} ${13 + i} ${21.5 + i} ${buckets.join(' ')} @${ms}`)
  }
  for (const ms of times.slice(1)) samples.push(`${named({ __name__: 'target_info', deployment_environment: 'test', ...own })} 1 @${ms}`)
  const resource = { 'service.name': job, 'service.instance.id': 'i-1', 'deployment.environment': 'test' }
  return {
    request: otlpRequest(metrics, { resource }),
    samples: samples.sort(),
    histograms: histograms.sort(),
    exemplars: exemplars.sort(),
  }
}

/** To so many digits as a bound that is computed in two ways has in common. */
function near(value: number): string {
  return value.toPrecision(9)
}

type Labels = Readonly<Record<string, string>>
interface Matrix {
  readonly result: readonly {
    readonly metric: Labels
    readonly values?: readonly (readonly [number, string])[]
    readonly histograms?: readonly (readonly [
      number,
      { readonly count: string; readonly sum: string; readonly buckets?: readonly (readonly [number, string, string, string])[] },
    ])[]
  }[]
}

function named({ __name__: name = '', ...labels }: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`)
  return `${name}{${pairs.sort().join(',')}}`
}

/** What a Prometheus has, of the answer to a query for a range. */
export function samplesOf(data: unknown): string[] {
  return (data as Matrix).result
    .flatMap(({ metric, values = [] }) =>
      values.map(([seconds, value]) => `${named(metric)} ${numberOf(value)} @${Math.round(seconds * 1000)}`),
    )
    .sort()
}

/** As JavaScript writes it, where that writes it otherwise. */
function numberOf(text: string): string {
  return ['NaN', '+Inf', '-Inf', '-0'].includes(text) ? text : String(Number(text))
}

export function histogramsOf(data: unknown): string[] {
  return (data as Matrix).result
    .flatMap(({ metric, histograms = [] }) =>
      histograms.map(([seconds, { count, sum, buckets = [] }]) => {
        const parts = buckets.map(([, left, right, inside]) => `[${near(Number(left))},${near(Number(right))}]=${inside}`)
        return `${named(metric)} ${count} ${sum} ${parts.join(' ')} @${Math.round(seconds * 1000)}`
      }),
    )
    .sort()
}

export function exemplarsOf(data: unknown): string[] {
  const all = data as readonly {
    readonly seriesLabels: Labels
    readonly exemplars: readonly { readonly labels: Labels; readonly value: string; readonly timestamp: number }[]
  }[]
  return all
    .flatMap(({ seriesLabels, exemplars }) =>
      exemplars.map(
        ({ labels, value, timestamp }) =>
          `${seriesLabels['__name__']} ${named(labels).slice(1, -1)} ${Number(value)} @${Math.round(timestamp * 1000)}`,
      ),
    )
    .sort()
}
