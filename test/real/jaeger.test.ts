// The exporter `jaeger` into real Jaegers, over OTLP and over api_v2: what its query API gives back is what went in, span by span.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import t from 'tap'

import { jaegerTrace } from './backends.ts'
import { itemsOf, sorted } from './items.ts'
import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { startJaeger } from './servers/jaeger.ts'
import { freePort } from './servers/program.ts'

// oxlint-disable typescript/no-explicit-any -- OTLP/JSON
type Json = Readonly<Record<string, any>>

t.test('jaeger over OTLP and over api_v2', { skip: lacks('go') }, async (t) => {
  const [overOtlp, overApiV2] = [await startJaeger(), await startJaeger()]
  t.teardown(() => Promise.all([overOtlp.stop(), overApiV2.stop()]))
  const port = await freePort()
  const millrace = await startMillrace(`
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
exporters:
  jaeger: { endpoint: ${overOtlp.otlpGrpc}, tls: { insecure: true } }
  jaeger/v2: { endpoint: ${overApiV2.apiV2}, tls: { insecure: true }, protocol: api_v2 }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [jaeger, jaeger/v2] } }
`)
  t.teardown(() => millrace.stop())

  const request = requestOf()
  const answer = await fetch(`http://127.0.0.1:${port}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  })
  t.equal(answer.status, 200)

  const sent = itemsOf(request)
  const atOtlp = await jaegerTrace(overOtlp, TRACE, sent.length)
  t.same(sorted(atOtlp), sorted(sent), 'over OTLP')
  const atApiV2 = await jaegerTrace(overApiV2, TRACE, sent.length)
  t.same(sorted(atApiV2), sorted(itemsOf(asApiV2(request))), 'over api_v2')

  await t.test('its older query API shows the same over both', async (t) => {
    const spansOf = async ({ query }: { readonly query: string }): Promise<Map<string, Json>> => {
      const { data } = (await (await fetch(`${query}/api/traces/${TRACE}`)).json()) as Json
      return new Map(data[0].spans.map((span: Json) => [span['spanID'], { ...span, process: data[0].processes[span['processID']] }]))
    }
    const [otlp, apiV2] = [await spansOf(overOtlp), await spansOf(overApiV2)]
    t.equal(otlp.size, sent.length)
    for (const [id, { processID: _, tags, ...span }] of otlp) {
      const { processID: __, tags: others, ...other } = apiV2.get(id)!
      t.same(withSortedTags(other), withSortedTags(span), `${span['operationName']}`)
      const extra = others.filter(({ key }: Json) => !tags.some((tag: Json) => tag['key'] === key))
      t.ok(
        extra.every(({ key }: Json) => key.startsWith('otel.dropped_')),
        'over api_v2 what was dropped is told beside',
      )
    }
  })

  const listed = (await (await fetch(`${overApiV2.query}/api/services`)).json()) as Json
  t.same(new Set(listed['data']), new Set(['shop', 'bank']), 'the services of a request of several')
})

t.test('a Jaeger that is away, comes, stands still and goes on has every span in the end', { skip: lacks('go') }, async (t) => {
  const [otlpGrpc, apiV2, port] = [await freePort(), await freePort(), await freePort()]
  const folder = await mkdtemp(join(tmpdir(), 'millrace-jaeger-queue-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const more = 'tls: { insecure: true }, timeout: 500ms, retry_on_failure: { initial_interval: 50ms, max_interval: 200ms }'
  const queue = 'sending_queue: { enabled: true, storage: file_storage }'
  const millrace = await startMillrace(`
extensions: { file_storage: { directory: ${folder} } }
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
exporters:
  jaeger: { endpoint: 127.0.0.1:${otlpGrpc}, ${more}, ${queue} }
  jaeger/v2: { endpoint: 127.0.0.1:${apiV2}, ${more}, ${queue}, protocol: api_v2 }
service:
  extensions: [file_storage]
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [jaeger, jaeger/v2] } }
`)
  t.teardown(() => millrace.stop())
  const send = async (traces: readonly string[]): Promise<void> => {
    for (const traceId of traces) {
      const span = { traceId, spanId: id(1), name: 'kept', startTimeUnixNano: at(0), endTimeUnixNano: at(5) }
      const resourceSpans = [
        { resource: { attributes: [{ key: 'service.name', value: { stringValue: 'patient' } }] }, scopeSpans: [{ spans: [span] }] },
      ]
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`http://127.0.0.1:${port}/v1/traces`, { method: 'POST', headers, body: JSON.stringify({ resourceSpans }) })
      t.equal(answer.status, 200)
    }
  }
  const tracesFrom = (n: number): string[] => Array.from({ length: 20 }, (_, i) => (n + i).toString(16).padStart(32, 'd'))

  await send(tracesFrom(0))
  // One takes OTLP, the other api_v2: what one has must not hide what the other lacks.
  const overOtlp = await startJaeger({ otlpGrpc })
  const overApiV2 = await startJaeger({ apiV2 })
  t.teardown(() => Promise.all([overOtlp.stop(), overApiV2.stop()]))
  const arrived = async (traces: readonly string[]): Promise<void> => {
    for (const jaeger of [overOtlp, overApiV2]) for (const trace of traces) t.equal((await jaegerTrace(jaeger, trace, 1)).length, 1)
  }
  await arrived(tracesFrom(0))

  for (const { pid } of [overOtlp, overApiV2]) process.kill(pid, 'SIGSTOP')
  await send(tracesFrom(100))
  // Longer than an attempt may take.
  await sleep(1500)
  for (const { pid } of [overOtlp, overApiV2]) process.kill(pid, 'SIGCONT')
  await send(tracesFrom(200))
  await arrived([...tracesFrom(100), ...tracesFrom(200)])
})

/** Tags are compared elsewhere, with their types. */
function withSortedTags(span: Json): Json {
  const { logs, process, warnings: _, ...rest } = span
  const byKey = (list: readonly Json[]): Json[] => list.toSorted((a, b) => (a['key'] < b['key'] ? -1 : 1))
  return {
    ...rest,
    logs: logs.map(({ timestamp, fields }: Json) => ({
      timestamp,
      fields: byKey(fields).filter(({ key }) => !key.startsWith('otel.dropped')),
    })),
    process: { ...process, tags: byKey(process.tags) },
  }
}

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const id = (n: number): string => n.toString(16).padStart(16, 'a')
const START = 1_767_225_600_123_456_789n
const at = (ns: number): string => String(START + BigInt(ns))
const ATTRIBUTES = [
  { key: 'text', value: { stringValue: 'ünïcode 🧀' } },
  { key: 'empty', value: { stringValue: '' } },
  { key: 'least', value: { intValue: '-9223372036854775808' } },
  { key: 'most', value: { intValue: '9223372036854775807' } },
  { key: 'zero', value: { intValue: '0' } },
  { key: 'real', value: { doubleValue: 2.5 } },
  { key: 'tiny', value: { doubleValue: 5e-324 } },
  { key: 'yes', value: { boolValue: true } },
  { key: 'no', value: { boolValue: false } },
  { key: 'bytes', value: { bytesValue: 'AP/+' } },
  { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }, { boolValue: true }] } } },
  {
    key: 'map',
    value: {
      kvlistValue: {
        values: [
          { key: 'b', value: { intValue: '1' } },
          { key: 'a', value: { stringValue: 'x' } },
        ],
      },
    },
  },
]

function requestOf(): Json {
  const span = (n: number, more: Json): Json => ({
    traceId: TRACE,
    spanId: id(n),
    name: `span ${n}`,
    startTimeUnixNano: at(n),
    endTimeUnixNano: at(n + 1_000_001),
    ...more,
  })
  const kinds = [1, 2, 3, 4, 5].map((kind) => span(10 + kind, { parentSpanId: id(1), kind }))
  const statuses = [{ code: 1 }, { code: 2 }, { code: 2, message: 'no rows' }].map((status, i) =>
    span(20 + i, { parentSpanId: id(1), status }),
  )
  return {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }, ...ATTRIBUTES] },
        scopeSpans: [
          {
            scope: { name: 'every.field', version: '1' },
            spans: [
              span(1, { name: 'GET /käse', kind: 2, attributes: ATTRIBUTES }),
              span(2, {
                parentSpanId: id(1),
                traceState: 'a=1,b=2',
                droppedAttributesCount: 3,
                droppedEventsCount: 4,
                droppedLinksCount: 5,
                events: [
                  { timeUnixNano: at(5), name: 'exception', attributes: ATTRIBUTES },
                  { timeUnixNano: at(6), name: 'two', droppedAttributesCount: 2 },
                ],
                links: [
                  {
                    traceId: 'f'.repeat(32),
                    spanId: 'e'.repeat(16),
                    traceState: 'c=3',
                    attributes: [{ key: 'why', value: { stringValue: 'retry' } }],
                  },
                ],
              }),
              // A span that takes no time is given a nanosecond by Jaeger itself.
              span(3, { parentSpanId: id(1), endTimeUnixNano: at(4) }),
              ...kinds,
            ],
          },
          { scope: {}, spans: statuses },
        ],
      },
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'bank' } }] },
        scopeSpans: [{ scope: { name: 'other' }, spans: [span(30, { parentSpanId: id(2), kind: 2 })] }],
      },
    ],
  }
}

/** What there is no room for in Jaeger's own protocol, and what stands elsewhere there. */
function asApiV2(request: Json): Json {
  const dropped = (key: string, count: number | undefined): Json[] =>
    count ? [{ key: `otel.dropped_${key}_count`, value: { intValue: String(count) } }] : []
  const spanOf = ({
    droppedAttributesCount: a,
    droppedEventsCount: e,
    droppedLinksCount: l,
    links = [],
    events = [],
    ...span
  }: Json): Json => ({
    ...span,
    attributes: [...flat(span['attributes']), ...dropped('attributes', a), ...dropped('events', e), ...dropped('links', l)],
    events: events.map(({ droppedAttributesCount: count, attributes, ...event }: Json) => ({
      ...event,
      attributes: [...flat(attributes), ...dropped('attributes', count)],
    })),
    links: links.map(({ traceId, spanId }: Json) => ({
      traceId,
      spanId,
      attributes: [{ key: 'opentracing.ref_type', value: { stringValue: 'follows_from' } }],
    })),
  })
  return {
    resourceSpans: request['resourceSpans'].map(({ resource, scopeSpans }: Json) => ({
      resource: { attributes: flat(resource.attributes) },
      scopeSpans: scopeSpans.map(({ scope, spans }: Json) => ({ scope, spans: spans.map(spanOf) })),
    })),
  }
}

/** Lists and maps are JSON. */
function flat(attributes: readonly Json[] = []): Json[] {
  const json: Readonly<Record<string, string>> = { list: '["a",1,true]', map: '{"a":"x","b":1}' }
  return attributes.map(({ key, value }) => ({ key, value: json[key] === undefined ? value : { stringValue: json[key] } }))
}
