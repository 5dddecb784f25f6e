// The program is killed while totals of increments wait on disk for a destination of remote write that is away: each increment is counted once.

import { rm } from 'node:fs/promises'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { receiver, type SeenSample, takesAll } from '../exporters/prometheus_remote_write/fixtures/receiver.ts'
import { type Program, start } from './program.ts'

const CONFIG = (endpoint: string, folder: string): string => `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
extensions: { file_storage: { directory: "${folder}", create_directory: true } }
exporters:
  prometheus_remote_write:
    endpoint: "${endpoint}"
    delta: convert
    retry_on_failure: { initial_interval: 20ms, max_interval: 50ms }
    sending_queue: { enabled: true, storage: file_storage }
service:
  extensions: [file_storage]
  telemetry: { metrics: { level: none } }
  pipelines: { metrics: { receivers: [otlp], exporters: [prometheus_remote_write] } }
`

/** So many more since the last report. */
async function report(program: Program, ms: number, increment: number): Promise<number> {
  const point = { startTimeUnixNano: `${ms - 10}000000`, timeUnixNano: `${ms}000000`, asInt: String(increment) }
  const sum = { aggregationTemporality: 1, isMonotonic: true, dataPoints: [point] }
  const body = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'counted', sum }] }] }] })
  const headers = { 'content-type': 'application/json' }
  return (await fetch(`${program.url('receivers.otlp')}/v1/metrics`, { method: 'POST', headers, body })).status
}

t.test('what was added up before a crash is delivered as it was, and what comes after begins anew', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-prometheus-kills-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  let isDown = true
  const { endpoint, seen } = await receiver(t, (response, one) => {
    if (isDown) response.writeHead(503).end()
    else takesAll(response, one)
  })
  const config = join(folder, 'config.yaml')
  writeFileSync(config, CONFIG(endpoint, join(folder, 'queue')))
  const run = async (): Promise<Program> => {
    const program = start(t, ['run', '--config', config])
    await program.says(/^ready in/m)
    return program
  }
  const began = Date.now() - 1000
  const first = await run()
  for (const [i, increment] of [3, 4, 5].entries()) t.equal(await report(first, began + 10 * (i + 1), increment), 200)
  while (seen.length < 3) await sleep(5)
  first.child.kill('SIGKILL')
  await first.ended
  seen.length = 0

  const second = await run()
  t.equal(await report(second, began + 100, 6), 200)
  t.equal(await report(second, began + 110, 7), 200)
  isDown = false
  const taken = (): SeenSample[] =>
    seen.flatMap(({ series }) => series.filter(({ name }) => name === 'counted_total').flatMap(({ samples }) => samples))
  const last = (): SeenSample | undefined => taken().at(-1)
  for (let wait = 0; wait < 400 && last()?.timestamp !== began + 110; wait++) await sleep(25)
  const byTime = new Map(taken().map(({ timestamp, value, start }) => [timestamp - began, [value, start - began]]))
  t.same(
    [...byTime],
    [
      [10, [3, 0]],
      [20, [7, 0]],
      [30, [12, 0]],
      [100, [6, 90]],
      [110, [13, 90]],
    ],
    'totals by time, with the time that they count from, in their order',
  )
  second.child.kill('SIGTERM')
  t.equal(await second.ended, 0)
})
