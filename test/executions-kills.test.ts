// The program is killed at random times while executions begin: none whose start was accepted is lost, and each ends as one span.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { httpBackend } from './backend.ts'
import { type Program, running } from './program.ts'

const KILLS = 3

const start = (run: number): string =>
  JSON.stringify({
    message_type: 'start_execution_trace',
    version: '1.0.0-alpha',
    message_id: `start ${run}`,
    timestamp: '2026-01-01T00:00:00Z',
    trace_id: `run ${run}`,
    span_id: 'whole',
    operation_name: 'plan',
    service_name: 'planner',
    attributes: { n: run },
  })
const finish = (run: number): string =>
  JSON.stringify({
    message_type: 'finish_execution_trace',
    version: '1.0.0-alpha',
    message_id: `finish ${run}`,
    timestamp: '2026-01-01T00:00:01Z',
    trace_id: `run ${run}`,
    span_id: 'whole',
    final_status: { code: 'ok' },
  })

async function post(program: Program, lines: readonly string[]): Promise<readonly string[]> {
  const headers = { 'content-type': 'application/x-ndjson' }
  const answer = await fetch(`${program.url('receivers.mplp')}/v1/messages`, { method: 'POST', headers, body: lines.join('\n') })
  const text = await answer.text()
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { readonly status: string }).status)
}

t.test('no start that was accepted is lost, whenever the program dies', async (t) => {
  const backend = await httpBackend(t)
  // Not within the test's own folder, which is made anew with each file in it.
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const yaml = `
receivers: { mplp: { endpoint: "127.0.0.1:0", storage: file_storage } }
extensions: { file_storage: { directory: "${join(folder, 'storage')}" } }
exporters: { otlp_http: { endpoint: "http://${backend.address}" } }
service:
  extensions: [file_storage]
  pipelines: { traces: { receivers: [mplp], exporters: [otlp_http] } }
`
  const accepted = new Set<number>()
  let run = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const program = await running(t, yaml)
    const dies = sleep(100 + Math.random() * 300).then(() => program.child.kill('SIGKILL'))
    const sends = async (): Promise<void> => {
      for (;;) {
        const runs = Array.from({ length: 20 }, () => ++run)
        const statuses = await post(program, runs.map(start)).catch(() => undefined)
        if (statuses === undefined) return
        for (const [i, status] of statuses.entries()) if (status === 'accepted') accepted.add(runs[i]!)
      }
    }
    await Promise.all([dies, sends(), sends(), sends(), once(program.child, 'exit')])
  }
  t.ok(accepted.size > 100, `${accepted.size} starts were accepted before ${KILLS} kills`)
  const program = await running(t, yaml)
  const runs = [...accepted]
  t.same(new Set(await post(program, runs.map(start))), new Set(['duplicate']), 'each is known')
  t.same(new Set(await post(program, runs.map(finish))), new Set(['accepted']))
  const ended = backend.taken.items('traces')
  t.same(
    backend.taken.numbers('traces'),
    runs.sort((a, b) => a - b),
    'each has become one span, with what its start said',
  )
  t.notOk(ended.some(({ attributes }) => 'mplp.incomplete' in attributes))
  program.child.kill('SIGTERM')
  t.equal(await program.ended, 0)
})
