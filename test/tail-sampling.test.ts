// The program with tail_sampling: the ledger adds up while a backend refuses, and with a storage what waits outlives kill -9.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { encodeTraces, type PlainSpan } from '../core/testing/index.ts'
import { PAGE } from './accounts.ts'
import { httpBackend } from './backend.ts'
import { type Program, running } from './program.ts'
import { sendHttp } from './senders.ts'

// Nothing is due before the program stops, which decides: no story depends on how fast a machine is.
const config = (backend: string, { directory }: { readonly directory?: string }): string => `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
${directory === undefined ? '' : `extensions: { file_storage: { directory: "${directory}" } }`}
processors:
  tail_sampling:
    decision_wait: 10m
    ${directory === undefined ? '' : 'storage: file_storage'}
    policies: [{ name: errors, type: status_code, status_code: { status_codes: [ERROR] } }]
exporters: { otlp_http: { endpoint: "http://${backend}", retry_on_failure: { enabled: false } } }
service:
  ${directory === undefined ? '' : 'extensions: [file_storage]'}
  telemetry: ${PAGE}
  pipelines: { traces: { receivers: [otlp], processors: [tail_sampling], exporters: [otlp_http] } }
`

const traceId = (n: number): string => n.toString(16).padStart(32, '0')
/** Every third trace has an error, in its second request. */
const halves = (n: number): readonly [PlainSpan, PlainSpan] => [
  { traceId: traceId(n), attributes: { n: 2 * n } },
  { traceId: traceId(n), attributes: { n: 2 * n + 1 }, statusCode: n % 3 === 0 ? 2 : 0 },
]
async function send(program: Program, spans: readonly PlainSpan[]): Promise<number> {
  return (await sendHttp(program.url('receivers.otlp'), 'traces', encodeTraces([{ spans }]))).status
}
const kept = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => i + 1)
    .filter((n) => n % 3 === 0)
    .flatMap((n) => [2 * n, 2 * n + 1])

t.test('the ledger adds up when what was kept is refused and offered again', async (t) => {
  const backend = await httpBackend(t, (response, nth) => {
    if (nth <= 2) response.writeHead(503, { 'Retry-After': '0' }).end()
    return nth <= 2
  })
  const program = await running(t, config(backend.address, {}))
  const traces = Array.from({ length: 30 }, (_, i) => halves(i + 1))
  t.equal(
    await send(
      program,
      traces.map(([first]) => first),
    ),
    200,
  )
  t.equal(
    await send(
      program,
      traces.map(([, second]) => second),
    ),
    200,
  )
  program.child.kill('SIGTERM')
  t.equal(await program.ended, 0)
  t.same(backend.taken.numbers('traces'), kept(30))
  const refused = Number(/ (\d+) refused/.exec(program.said())?.[1])
  t.ok(refused > 0 && refused % 2 === 0, `${refused} refused, and created by offering them again`)
  t.match(
    program.said(),
    new RegExp(
      `60 received, and ${refused} \\(tail_sampling: offered again\\), 20 delivered, 40 dropped \\(tail_sampling: not sampled\\), ${refused} refused`,
    ),
  )
})

t.test('with a storage, traces that waited when it was killed are decided whole after the next start', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-tail-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const backend = await httpBackend(t)
  const traces = Array.from({ length: 60 }, (_, i) => halves(i + 1))
  const first = await running(t, config(backend.address, { directory }))
  for (const part of [traces.slice(0, 30), traces.slice(30)])
    t.equal(
      await send(
        first,
        part.map(([one]) => one),
      ),
      200,
    )
  first.child.kill('SIGKILL')
  await once(first.child, 'close')
  t.equal(backend.taken.count('traces'), 0)
  const second = await running(t, config(backend.address, { directory }))
  t.match(second.said(), /an earlier run had taken these spans.*spans=60/)
  t.equal(
    await send(
      second,
      traces.map(([, other]) => other),
    ),
    200,
  )
  second.child.kill('SIGTERM')
  t.equal(await second.ended, 0)
  t.same(backend.taken.numbers('traces'), kept(60), 'whole, and none twice')
  t.match(second.said(), /60 received, and 60 \(tail_sampling: restored\), 40 delivered, 80 dropped/)
  const third = await running(t, config(backend.address, { directory }))
  t.notMatch(third.said(), /an earlier run had taken/)
})
