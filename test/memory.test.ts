// A flood of large requests before a destination that answers none of them: memory stays within its limit, senders are told to come back,
// and all are served once there is room.

import t from 'tap'
import { tracesBatch } from '../core/testing/index.ts'
import { account, PAGE, pageOf, settled } from './accounts.ts'
import { httpBackend } from './backend.ts'
import { running } from './program.ts'
import { sendHttp } from './senders.ts'

const MIB = 1024 * 1024
const REQUESTS = 220
/** How many senders come back together. */
const AT_ONCE = 20
const LIMIT_MIB = 90
/** What the process takes beside what the limiter counts: the program, and what its allocator keeps. */
const OWN_MIB = 170

const padding = 'x'.repeat(MIB)
const request = (n: number): Uint8Array => tracesBatch([{ spans: [{ name: 'large', attributes: { n, padding } }] }]).chunks[0]!

t.test('memory is bounded, and whoever was refused is served later', async (t) => {
  const held = Promise.withResolvers<boolean>()
  const backend = await httpBackend(t, () => held.promise)
  const program = await running(
    t,
    `
receivers: { otlp: { max_in_flight_bytes: 10GiB, protocols: { http: { endpoint: "127.0.0.1:0", timeout: 50s } } } }
processors: { memory_limiter: { check_interval: 50ms, min_gc_interval_when_soft_limited: 50ms, limit_mib: ${LIMIT_MIB}, spike_limit_mib: 30 } }
exporters: { otlp_http: { endpoint: "http://${backend.address}", timeout: 50s, compression: none } }
service:
  telemetry: ${PAGE}
  pipelines: { traces: { receivers: [otlp], processors: [memory_limiter], exporters: [otlp_http] } }
`,
  )
  const url = program.url('receivers.otlp')
  const rssMib = async (): Promise<number> => Number(/^otelcol_process_memory_rss (\d+)/m.exec(await pageOf(program))![1]) / MIB

  const statuses = new Map<number, number>()
  const send = async (n: number): Promise<void> => {
    // A sender whose body is not read to its end may find the connection closed before it has read why.
    statuses.set(
      n,
      await sendHttp(url, 'traces', request(n)).then(
        ({ status }) => status,
        () => 503,
      ),
    )
  }
  const answers = Array.from({ length: REQUESTS }, (_, n) => send(n))
  /** Until nobody is answered any more: the rest are held. */
  for (let before = -1; statuses.size === 0 || statuses.size > before;) {
    before = statuses.size
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  const peakMib = await rssMib()
  t.ok(peakMib < LIMIT_MIB + OWN_MIB, `${Math.round(peakMib)} MiB`)
  t.same([...new Set(statuses.values())], [503])
  held.resolve(false)
  await Promise.all(answers)
  for (;;) {
    const refused = [...statuses].filter(([, status]) => status !== 200).map(([n]) => n)
    if (refused.length === 0) break
    await Promise.all(refused.slice(0, AT_ONCE).map((n) => send(n)))
    if (refused.slice(0, AT_ONCE).some((n) => statuses.get(n) !== 200)) await new Promise((resolve) => setTimeout(resolve, 100))
  }

  t.same(
    backend.taken.numbers('traces'),
    Array.from({ length: REQUESTS }, (_, n) => n),
    'each once',
  )
  const row = (await settled(program))['traces → otlp_http']!
  t.same(row, account({ received: REQUESTS + row.refused, delivered: REQUESTS, refused: row.refused }))
})
