// The story of configs/prometheus.yaml: increments come in, totals stand at a destination of remote write and on the page. configs.test.ts runs it.

import { rm } from 'node:fs/promises'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { receiver } from '../exporters/prometheus_remote_write/fixtures/receiver.ts'
import type { Program } from './program.ts'

type Run = (env: NodeJS.ProcessEnv) => Promise<Program>
type Stop = (program: Program, account: string) => Promise<void>

/** Three more requests, counted from the last report. */
const report = (ms: number): string => {
  const point = {
    startTimeUnixNano: `${ms - 1000}000000`,
    timeUnixNano: `${ms}000000`,
    asInt: '3',
    attributes: [{ key: 'route', value: { stringValue: '/a' } }],
  }
  const sum = { aggregationTemporality: 1, isMonotonic: true, dataPoints: [point] }
  const resource = {
    attributes: [
      { key: 'service.name', value: { stringValue: 'shop' } },
      { key: 'deployment.environment.name', value: { stringValue: 'test' } },
    ],
  }
  return JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [{ name: 'requests', sum }] }] }] })
}

export async function prometheusStory(t: Test, run: Run, stop: Stop): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-prometheus-story-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const { endpoint, seen } = await receiver(t)
  const program = await run({ PROMETHEUS: endpoint, METRICS_PORT: '0', QUEUE_FOLDER: join(folder, 'queue') })
  t.notMatch(program.said(), /warning/)
  const now = Date.now()
  for (const ms of [now - 2000, now - 1000]) {
    const headers = { 'content-type': 'application/json' }
    t.equal((await fetch(`${program.url('receivers.otlp')}/v1/metrics`, { method: 'POST', headers, body: report(ms) })).status, 200)
  }
  const samples = (): object[] =>
    seen.flatMap(({ series }) => series.flatMap(({ name, samples }) => samples.map(({ value, timestamp }) => ({ name, value, timestamp }))))
  for (let wait = 0; wait < 200 && samples().length < 4; wait++) await new Promise((resolve) => setTimeout(resolve, 50))
  const labels = '{deployment_environment_name="test",job="shop",route="/a"}'
  t.match(
    samples().filter((sample) => (sample as { readonly name: string }).name.startsWith('requests')),
    [
      { name: `requests_total${labels}`, value: 3, timestamp: now - 2000 },
      { name: `requests_total${labels}`, value: 6, timestamp: now - 1000 },
    ],
  )
  t.match(await (await fetch(`${program.url('exporters.prometheus')}/metrics`)).text(), /^requests_total\{job="shop",route="\/a"\} 6$/m)
  await stop(program, 'metrics → prometheus_remote_write: 2 received, 2 delivered\nmetrics → prometheus: 2 received, 2 delivered')
}
