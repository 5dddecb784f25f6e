// tail_sampling and the Collector's, with the same policies on the same traces: they keep the same. Every policy has a pipeline of its own, and
// both programs decide when they are stopped, so no clock is asked.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

import t, { type Test } from 'tap'

import { readSpans } from '../../core/testing/index.ts'
import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { startCollector } from './servers/collector.ts'
import { freePort, type Program } from './servers/program.ts'

const TRACES = 1500

/** As both read them, by the name of their pipeline. */
const POLICIES: Readonly<Record<string, string>> = {
  always: '{ name: a, type: always_sample }',
  latency: '{ name: a, type: latency, latency: { threshold_ms: 150 } }',
  latency_between: '{ name: a, type: latency, latency: { threshold_ms: 50, upper_threshold_ms: 200 } }',
  numeric: '{ name: a, type: numeric_attribute, numeric_attribute: { key: n, min_value: 30, max_value: 60 } }',
  numeric_least: '{ name: a, type: numeric_attribute, numeric_attribute: { key: n, min_value: 90 } }',
  numeric_invert: '{ name: a, type: numeric_attribute, numeric_attribute: { key: n, min_value: 30, max_value: 60, invert_match: true } }',
  string: '{ name: a, type: string_attribute, string_attribute: { key: s, values: [red, green] } }',
  string_invert: '{ name: a, type: string_attribute, string_attribute: { key: s, values: [red, green], invert_match: true } }',
  string_pattern:
    '{ name: a, type: string_attribute, string_attribute: { key: s, values: ["^r.d$", "l+o"], enabled_regex_matching: true, cache_max_size: 10 } }',
  string_pattern_empty: '{ name: a, type: string_attribute, string_attribute: { key: s, values: ["^$"], enabled_regex_matching: true } }',
  boolean: '{ name: a, type: boolean_attribute, boolean_attribute: { key: b, value: true } }',
  boolean_false: '{ name: a, type: boolean_attribute, boolean_attribute: { key: b, value: false } }',
  boolean_invert: '{ name: a, type: boolean_attribute, boolean_attribute: { key: b, value: true, invert_match: true } }',
  probabilistic: '{ name: a, type: probabilistic, probabilistic: { sampling_percentage: 33.3 } }',
  probabilistic_salt: '{ name: a, type: probabilistic, probabilistic: { hash_salt: sea, sampling_percentage: 10 } }',
  status: '{ name: a, type: status_code, status_code: { status_codes: [ERROR] } }',
  status_others: '{ name: a, type: status_code, status_code: { status_codes: [OK] } }',
  spans: '{ name: a, type: span_count, span_count: { min_spans: 2, max_spans: 3 } }',
  trace_state: '{ name: a, type: trace_state, trace_state: { key: vendor, values: [one, two] } }',
  trace_flags: '{ name: a, type: trace_flags }',
  and: '{ name: a, type: and, and: { and_sub_policy: [{ name: b, type: latency, latency: { threshold_ms: 100 } }, { name: c, type: not, not: { not_sub_policy: { name: d, type: string_attribute, string_attribute: { key: s, values: [red] } } } }] } }',
  not: '{ name: a, type: not, not: { not_sub_policy: { name: b, type: probabilistic, probabilistic: { sampling_percentage: 60 } } } }',
  drop: '{ name: all, type: always_sample }, { name: a, type: drop, drop: { drop_sub_policy: [{ name: b, type: string_attribute, string_attribute: { key: s, values: [red] } }] } }',
  composite:
    '{ name: a, type: composite, composite: { max_total_spans_per_second: 1000000, policy_order: [b, c, d], composite_sub_policy: [{ name: b, type: string_attribute, string_attribute: { key: s, values: [red] } }, { name: c, type: latency, latency: { threshold_ms: 200 } }, { name: d, type: always_sample }], rate_allocation: [{ policy: b, percent: 50 }, { policy: c, percent: 0 }] } }',
  several:
    '{ name: a, type: status_code, status_code: { status_codes: [ERROR] } }, { name: b, type: probabilistic, probabilistic: { sampling_percentage: 10 } }, { name: c, type: numeric_attribute, numeric_attribute: { key: n, min_value: 95 } }',
}

const yaml = (port: number, backend: string): string => `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } } }
processors:
  batch: {}
${Object.entries(POLICIES)
  .map(([name, policies]) => `  tail_sampling/${name}: { decision_wait: 10m, num_traces: 100000, policies: [${policies}] }`)
  .join('\n')}
exporters:
${Object.keys(POLICIES)
  .map((name) => `  otlphttp/${name}: { traces_endpoint: "${backend}/${name}", compression: none, sending_queue: { enabled: false } }`)
  .join('\n')}
service:
  telemetry: { metrics: { level: none } }
  pipelines:
${Object.keys(POLICIES)
  .map((name) => `    traces/${name}: { receivers: [otlp], processors: [tail_sampling/${name}, batch], exporters: [otlphttp/${name}] }`)
  .join('\n')}
`

/** Takes traces, and remembers their ids and how many spans came, by path. */
async function backend(t: Test): Promise<{ readonly url: string; readonly kept: Map<string, Map<string, number>> }> {
  const kept = new Map<string, Map<string, number>>()
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url!.slice(1)
    const ids = kept.get(path) ?? new Map<string, number>()
    kept.set(path, ids)
    for (const { traceId } of readSpans(await buffer(request))) ids.set(traceId, (ids.get(traceId) ?? 0) + 1)
    response.setHeader('Content-Type', 'application/x-protobuf').end()
  }
  const server = createServer((request, response) => void take(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, kept }
}

/** The same for every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const mixed = Math.imul(state ^ (state >>> 15), 0x85ebca6b) >>> 0
    return ((mixed ^ (mixed >>> 13)) >>> 0) % below
  }
}

function values(random: (below: number) => number): readonly object[] {
  const all = [
    {
      key: 'n',
      value: [{ intValue: String(random(100)) }, { doubleValue: random(100) }, { stringValue: '45' }][random(8) < 6 ? 0 : random(3)],
    },
    { key: 's', value: [{ stringValue: ['red', 'green', 'blue', 'yellow', ''][random(5)] }, { intValue: '1' }][random(10) === 0 ? 1 : 0] },
    { key: 'b', value: [{ boolValue: random(2) === 0 }, { stringValue: 'true' }][random(10) === 0 ? 1 : 0] },
  ]
  return all.filter(() => random(3) === 0)
}

/** Requests in OTLP/JSON whose traces are spread over resources and requests. */
function requests(): readonly object[] {
  const random = numbers(11)
  const spans = Array.from({ length: TRACES }, () => {
    const traceId = Array.from({ length: 32 }, () => random(16).toString(16)).join('')
    const start = 1_767_225_600_000 + random(1000)
    return Array.from({ length: 1 + random(5) }, () => {
      const from = start + random(120)
      return {
        traceId,
        spanId: Array.from({ length: 16 }, () => random(16).toString(16)).join(''),
        name: 'operation',
        kind: 2,
        startTimeUnixNano: random(50) === 0 ? '0' : `${from}000000`,
        endTimeUnixNano: `${from + random(random(4) === 0 ? 300 : 60)}${String(random(1_000_000)).padStart(6, '0')}`,
        traceState: ['', '', 'vendor=one', 'vendor=three,other=two', 'Broken=,', 'a=b,vendor=two'][random(6)],
        flags: random(5) === 0 ? 257 : 256,
        status: [{}, { code: 1 }, { code: 2 }][random(20) < 18 ? 0 : 1 + random(2)],
        attributes: values(random),
      }
    })
  }).flat()
  const shuffled = spans.map((span) => [random(1_000_000), span] as const).sort(([a], [b]) => a - b)
  const chunks = Array.from({ length: 20 }, (_, i) => shuffled.slice((i * shuffled.length) / 20, ((i + 1) * shuffled.length) / 20))
  return chunks.map((chunk) => ({
    resourceSpans: [0, 1, 2].map((part) => ({
      resource: { attributes: random(8) === 0 ? values(random) : [] },
      scopeSpans: [{ scope: { name: 'test' }, spans: chunk.filter((_, i) => i % 3 === part).map(([, span]) => span) }],
    })),
  }))
}

async function decisionsOf(t: Test, startOne: (yaml: string, port: number) => Promise<Program>): Promise<Map<string, Map<string, number>>> {
  const { url, kept } = await backend(t)
  const port = await freePort()
  const program = await startOne(yaml(port, url), port)
  t.teardown(() => program.stop())
  for (const request of requests()) {
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(request) }
    const answer = await fetch(`http://127.0.0.1:${port}/v1/traces`, init)
    if (answer.status !== 200) throw new Error(`answered ${answer.status}: ${await answer.text()}`)
  }
  await program.stop(60_000)
  return kept
}

t.test('every policy keeps what the Collector keeps', { skip: lacks('go') }, async (t) => {
  const theirs = await decisionsOf(t, startCollector)
  const ours = await decisionsOf(t, (text) => startMillrace(text))
  for (const name of Object.keys(POLICIES)) {
    const [wanted, found] = [theirs, ours].map((all) => [...(all.get(name) ?? [])].map(([id, spans]) => `${id} ${spans}`).sort()) as [
      string[],
      string[],
    ]
    const differing = [...wanted.filter((one) => !found.includes(one)), ...found.filter((one) => !wanted.includes(one))]
    t.same(differing.slice(0, 3), [], `${name}: ${wanted.length} of ${TRACES} traces`)
    if (name !== 'always') t.ok(wanted.length > 0 && wanted.length < TRACES, `${name} keeps some`)
  }
})
