// An existing Collector file, run unchanged by a Collector and by Millrace on the same input: behind both stands the same.

import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import t, { type Test } from 'tap'

import { eventually, startCollectorBackend, type Inlet } from './backends.ts'
import { sendEveryField } from './clients/every-field.ts'
import { sendWithJavaScript } from './clients/javascript.ts'
import { sendWithPython } from './clients/python.ts'
import type { Target } from './clients/target.ts'
import { sorted } from './items.ts'
import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { startCollector } from './servers/collector.ts'
import { freePort } from './servers/program.ts'

interface Ports {
  readonly GRPC_PORT: string
  readonly HTTP_PORT: string
  readonly HEALTH_PORT: string
  readonly METRICS_PORT: string
}

t.test('a Collector file runs unchanged', { skip: lacks('go', 'python3') }, async (t) => {
  const yaml = await readFile(join(import.meta.dirname, 'collector-file.yaml'), 'utf8')
  const backend = await startCollectorBackend(['direct', 'theirsGrpc', 'theirsHttp', 'oursGrpc', 'oursHttp'])
  t.teardown(() => backend.stop())
  const { direct, theirsGrpc, theirsHttp, oursGrpc, oursHttp } = backend.inlets
  const [theirPorts, ourPorts] = [await freePorts(), await freePorts()]
  const collector = await startCollector(yaml, Number(theirPorts.HTTP_PORT), environment(theirPorts, theirsGrpc, theirsHttp))
  t.teardown(() => collector.stop())
  const millrace = await startMillrace(yaml, environment(ourPorts, oursGrpc, oursHttp))
  t.teardown(() => millrace.stop())

  /** The Collector answers before it has delivered; nothing in the file drops an item, so the count is what was sent. */
  const same = async (t: Test, run: string): Promise<void> => {
    const [sent, inlets] = [direct.items(run), [theirsGrpc, theirsHttp, oursGrpc, oursHttp]]
    const arrived = (): number => Math.min(...inlets.map((inlet) => inlet.items(run).length))
    t.ok(sent.length > 0, `${sent.length} items`)
    await eventually(arrived, (least) => least >= sent.length)
    const expected = sorted(theirsGrpc.items(run))
    t.not(JSON.stringify(expected), JSON.stringify(sorted(sent)), 'the file changes what was sent')
    t.same(sorted(theirsHttp.items(run)), expected, 'their two destinations have the same')
    t.same(sorted(oursGrpc.items(run)), expected, 'behind otlp')
    t.same(sorted(oursHttp.items(run)), expected, 'behind otlphttp')
  }
  const reference = { GRPC_PORT: String(direct.grpc), HTTP_PORT: String(direct.http) }
  const targets = (protocol: Target['protocol']): Target[] =>
    [reference, theirPorts, ourPorts].map(({ GRPC_PORT, HTTP_PORT }) => ({
      protocol,
      endpoint: `http://127.0.0.1:${protocol === 'grpc' ? GRPC_PORT : HTTP_PORT}`,
      compression: 'gzip',
    }))

  for (const [name, send, protocol] of [
    ['the Python SDK over gRPC', sendWithPython, 'grpc'],
    ['the JavaScript SDK over HTTP', sendWithJavaScript, 'http/protobuf'],
    ['every field, in JSON', sendEveryField, 'http/json'],
  ] as const) {
    await t.test(name, async (t) => {
      const run = randomUUID()
      await send(run, targets(protocol))
      await same(t, run)
    })
  }

  await t.test('its health check and its own metrics are where it says', async (t) => {
    for (const { HEALTH_PORT, METRICS_PORT } of [theirPorts, ourPorts]) {
      const health = await fetch(`http://127.0.0.1:${HEALTH_PORT}/`)
      t.equal(health.status, 200)
      t.equal(((await health.json()) as { readonly status: string }).status, 'Server available')
      const metrics = await (await fetch(`http://127.0.0.1:${METRICS_PORT}/metrics`)).text()
      t.match(metrics, /^otelcol_receiver_accepted_spans(_total)?\{.*receiver="otlp".*\} [1-9]/m)
    }
  })
})

async function freePorts(): Promise<Ports> {
  const port = async (): Promise<string> => String(await freePort())
  return { GRPC_PORT: await port(), HTTP_PORT: await port(), HEALTH_PORT: await port(), METRICS_PORT: await port() }
}

function environment(ports: Ports, grpc: Inlet, http: Inlet): Record<string, string> {
  return { ...ports, MY_POD_IP: '127.0.0.1', BACKEND_GRPC: `127.0.0.1:${grpc.grpc}`, BACKEND_HTTP: `http://127.0.0.1:${http.http}` }
}
