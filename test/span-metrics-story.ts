// The story of configs/span-metrics.yaml: spans go in, and when the program ends what was counted has left for Prometheus.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { uncompress } from 'snappy'
import type { Test } from 'tap'
import { listening } from './backend.ts'
import { jsonSpan, type Program } from './program.ts'

export async function spanMetricsStory(
  t: Test,
  running: (env: NodeJS.ProcessEnv) => Promise<Program>,
  stops: (program: Program, account: string) => Promise<void>,
): Promise<void> {
  const written: string[] = []
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // An older Prometheus, which reads 1.0.
    if (request.headers['content-type']?.includes('v2') === true)
      return void request.resume().on('end', () => response.writeHead(415).end())
    written.push((await uncompress(await buffer(request))).toString('latin1'))
    response.writeHead(204).end()
  }
  const prometheus = createServer((request, response) => void take(request, response).catch(() => response.destroy()))
  const program = await running({ PROMETHEUS: `http://${await listening(t, prometheus)}` })

  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }
  const spans = ['GET /orders', 'GET /orders', 'POST /orders'].map((name, i) => ({
    ...jsonSpan(name),
    kind: 2,
    spanId: `${i + 1}`.repeat(16),
  }))
  const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] })
  const headers = { 'content-type': 'application/json' }
  t.equal((await fetch(`${program.url('receivers.otlp')}/v1/traces`, { method: 'POST', headers, body })).status, 200)
  // Two operations with calls and durations, and one edge with its calls and both durations. Nothing has left before: the interval is 15 s.
  await stops(
    program,
    [
      'traces → span_metrics: 3 received, 3 delivered',
      'traces → service_graph: 3 received, 3 delivered',
      'metrics → prometheus_remote_write: 7 received, 7 delivered',
    ].join('\n'),
  )
  const all = written.join('')
  for (const text of ['traces_span_metrics_calls_total', 'traces_span_metrics_duration_seconds', 'GET /orders', 'POST /orders'])
    t.ok(all.includes(text), text)
  for (const text of ['traces_service_graph_request_total', 'traces_service_graph_request_server_seconds', 'virtual_node', 'user'])
    t.ok(all.includes(text), text)
}
