// probabilistic_sampler and the Collector's (0.155): of the same 100,000 spans, and of log records, they keep the same, and write the same into
// what they keep. Every setting has a pipeline of its own, in one program each.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

import t, { type Test } from 'tap'

import {
  encodeLogs,
  encodeTraces,
  type PlainAttributes,
  type PlainLogRecord,
  type PlainSpan,
  readLogRecords,
  readSpans,
} from '../../core/testing/index.ts'
import { startMillrace } from './millrace.ts'
import { LOG_SETTINGS, LOG_STATES, PRIORITIES, TRACE_SETTINGS, TRACE_STATES, VALUES } from './sampling-cases.ts'
import { lacks } from './servers/cache.ts'
import { COLLECTOR_VERSION, startCollector } from './servers/collector.ts'
import { freePort } from './servers/program.ts'

const SPANS = 100_000
const RECORDS = 20_000
const A_REQUEST = 2000
/** With 0 %, a span that is kept by its priority loses a malformed tracestate there, and with it the members of others; here it stays as it came. */
const DECISIONS_ALONE: ReadonlySet<string> = new Set(['none'])

const PATHS = { traces: '/v1/traces', logs: '/v1/logs' } as const
type Signal = keyof typeof PATHS

function yaml(signal: Signal, settings: Readonly<Record<string, object>>, port: number, backend: string): string {
  const names = Object.keys(settings)
  const lines = (line: (name: string) => string): string => names.map(line).join('\n')
  return `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } } }
processors:
${lines((name) => `  probabilistic_sampler/${name}: ${JSON.stringify(settings[name])}`)}
exporters:
${lines((name) => `  otlphttp/${name}: { ${signal}_endpoint: "${backend}/${name}", compression: none, sending_queue: { enabled: false } }`)}
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
${lines((name) => `    ${signal}/${name}: { receivers: [otlp], processors: [probabilistic_sampler/${name}], exporters: [otlphttp/${name}] }`)}
`
}

/** What was kept of one pipeline, by number, and what the samplers wrote into it. */
type Kept = Map<number, string>

async function backend(t: Test, signal: Signal): Promise<{ readonly url: string; readonly kept: Map<string, Kept> }> {
  const kept = new Map<string, Kept>()
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url!.slice(1)
    const items = kept.get(path) ?? new Map<number, string>()
    kept.set(path, items)
    const body = await buffer(request)
    for (const { n, wrote } of signal === 'traces' ? spansIn(body) : recordsIn(body)) items.set(n, wrote)
    response.setHeader('Content-Type', 'application/x-protobuf').end()
  }
  const server = createServer((request, response) => void take(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, kept }
}

const spansIn = (body: Buffer): { readonly n: number; readonly wrote: string }[] =>
  readSpans(body).map(({ traceState, name, attributes }) => ({ n: Number(name), wrote: `${traceState} ${textOf(attributes)}` }))
const recordsIn = (body: Buffer): { readonly n: number; readonly wrote: string }[] =>
  readLogRecords(body).map(({ body: n, attributes }) => ({ n: Number(n), wrote: textOf(attributes) }))

function textOf(attributes: PlainAttributes): string {
  const pairs = Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify(pairs, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
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

function hex(random: (below: number) => number, digits: number): string {
  return Array.from({ length: digits }, () => random(16).toString(16)).join('')
}

/** Half of them have no tracestate, as most spans; `rv:?` in one stands for some randomness. */
function spans(): PlainSpan[] {
  const random = numbers(7)
  return Array.from({ length: SPANS }, (_, n) => {
    const traceState = random(2) === 0 ? '' : TRACE_STATES[random(TRACE_STATES.length)]!
    const priority = PRIORITIES[random(20 * PRIORITIES.length)]
    return {
      traceId: hex(random, 32),
      spanId: (n + 1).toString(16).padStart(16, '0'),
      name: String(n),
      traceState: traceState.replace('rv:?', () => `rv:${hex(random, 14)}`),
      attributes: priority === undefined ? {} : { 'sampling.priority': priority },
    }
  })
}

function records(): PlainLogRecord[] {
  const random = numbers(8)
  return Array.from({ length: RECORDS }, (_, n) => {
    const attributes: Record<string, PlainAttributes[string]> = {}
    if (random(3) > 0) attributes['id'] = random(2) === 0 ? hex(random, 8) : VALUES[random(VALUES.length)]!
    if (random(4) === 0) attributes['percent'] = [0, 1, 10, 50.5, 99.99, 100, 101, -1, '50', 2n ** 60n][random(10)]!
    if (random(3) === 0) Object.assign(attributes, LOG_STATES[random(LOG_STATES.length)])
    if (attributes['sampling.randomness'] === '?') attributes['sampling.randomness'] = hex(random, 14)
    return { body: String(n), attributes, ...(random(3) === 0 ? {} : { traceId: hex(random, 32), spanId: hex(random, 15) + '1' }) }
  })
}

/** What each program keeps of the same requests. */
async function compare(
  t: Test,
  signal: Signal,
  settings: Readonly<Record<string, object>>,
  requests: readonly Buffer[],
  total: number,
): Promise<void> {
  const [collectorPort, millracePort] = [await freePort(), await freePort()]
  const [theirs, ours] = [await backend(t, signal), await backend(t, signal)]
  const collector = await startCollector(yaml(signal, settings, collectorPort, theirs.url), collectorPort)
  t.teardown(() => collector.stop())
  const millrace = await startMillrace(yaml(signal, settings, millracePort, ours.url))
  t.teardown(() => millrace.stop())
  for (const body of requests) {
    for (const port of [collectorPort, millracePort]) {
      const headers = { 'content-type': 'application/x-protobuf' }
      const response = await fetch(`http://127.0.0.1:${port}${PATHS[signal]}`, { method: 'POST', headers, body })
      if (response.status !== 200) t.fail(`${response.status}: ${await response.text()}`)
    }
  }
  for (const name of Object.keys(settings)) {
    const [expected, found] = [theirs.kept.get(name) ?? new Map<number, string>(), ours.kept.get(name) ?? new Map<number, string>()]
    t.same(
      differences(expected, found, DECISIONS_ALONE.has(name)),
      [],
      `${name}: ${expected.size} of ${total} kept by Collector ${COLLECTOR_VERSION}`,
    )
    t.ok(expected.size > 0, `${name} keeps something`)
    if (!name.startsWith('all')) t.ok(expected.size < total, `${name} drops something`)
  }
}

/** The first few, each in words. */
function differences(expected: Kept, found: Kept, decisionsAlone: boolean): string[] {
  return [...new Set([...expected.keys(), ...found.keys()])]
    .filter((n) => (decisionsAlone ? expected.has(n) !== found.has(n) : expected.get(n) !== found.get(n)))
    .slice(0, 10)
    .map((n) => `${n}: Collector ${expected.get(n) ?? 'dropped'}; Millrace ${found.get(n) ?? 'dropped'}`)
}

function inRequests<Item>(items: readonly Item[], encode: (items: readonly Item[]) => Buffer): Buffer[] {
  return Array.from({ length: Math.ceil(items.length / A_REQUEST) }, (_, i) => encode(items.slice(i * A_REQUEST, (i + 1) * A_REQUEST)))
}

t.test('spans: the same are kept, with the same tracestate', { skip: lacks('go') }, async (t) => {
  await compare(
    t,
    'traces',
    TRACE_SETTINGS,
    inRequests(spans(), (some) => encodeTraces([{ spans: some }])),
    SPANS,
  )
})

t.test('log records: the same are kept, with the same attributes', { skip: lacks('go') }, async (t) => {
  await compare(
    t,
    'logs',
    LOG_SETTINGS,
    inRequests(records(), (some) => encodeLogs([{ logRecords: some }])),
    RECORDS,
  )
})
