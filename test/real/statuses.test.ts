// Every status that a sender can be answered, as Python's gRPC and HTTP clients see it, and what the SDK does about it.

import { randomUUID } from 'node:crypto'
import { createServer, type AddressInfo, type Socket } from 'node:net'

import t from 'tap'

import { eventually, startCollectorBackend } from './backends.ts'
import { probeWithPython, sendWithPython, type SeenAnswer } from './clients/python.ts'
import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { startCollector } from './servers/collector.ts'
import { freePort } from './servers/program.ts'

const PROTOBUF = 'application/x-protobuf'
const TOO_LARGE = /larger than 1048576 bytes/
const LARGEST_PAUSE_MS = 60_000

t.test('every status, seen by a client that decodes the whole answer', { skip: lacks('python3') }, async (t) => {
  const hole = await blackHole()
  t.teardown(() => hole.close())
  const ports = await Promise.all(Array.from({ length: 6 }, freePort))
  const millrace = await startMillrace(configuration(ports, await freePort(), hole.port))
  t.teardown(() => millrace.stop())
  const { grpc, http } = await probeWithPython(ports)

  t.test('gRPC', async (t) => {
    t.match(grpc, {
      taken: { code: 'OK', partial: null },
      'taken, gzip': { code: 'OK', partial: null },
      'taken, empty': { code: 'OK', partial: null },
      'in part': { code: 'OK', partial: { rejected: 1, message: /trace_id/ } },
      'destination away': { code: 'UNAVAILABLE', message: /ECONNREFUSED/ },
      'too large': { code: 'RESOURCE_EXHAUSTED', message: TOO_LARGE, retryMs: null },
      'too large, inflated': { code: 'RESOURCE_EXHAUSTED', message: TOO_LARGE, retryMs: null },
      broken: { code: 'INVALID_ARGUMENT', message: /longer than what holds it/, retryMs: null },
      'no pipeline': { code: 'UNIMPLEMENTED', message: /no pipeline takes metrics/, retryMs: null },
      'no method': { code: 'UNIMPLEMENTED', message: /known methods/, retryMs: null },
      nobody: { code: 'UNAUTHENTICATED', message: /authorization/, retryMs: null },
      'too slow': { code: 'DEADLINE_EXCEEDED' },
      'slow, and asked again': { code: 'UNAVAILABLE', message: /no whole answer/ },
    })
    for (const name of ['destination away', 'slow, and asked again']) t.ok(comesAgain(grpc[name]?.retryMs), `${name}: with RetryInfo`)
  })

  t.test('HTTP', async (t) => {
    t.match(http, {
      taken: { code: 200, type: PROTOBUF, partial: null },
      'taken, empty': { code: 200, type: PROTOBUF, partial: null },
      'in part': { code: 200, type: PROTOBUF, partial: { rejected: 1, message: /trace_id/ } },
      'destination away': { code: 503, type: PROTOBUF, message: /ECONNREFUSED/, retryAfter: /^[1-9]\d*$/ },
      'too large, inflated': { code: 413, type: PROTOBUF, message: TOO_LARGE, retryAfter: null },
      broken: { code: 400, type: PROTOBUF, message: /longer than what holds it/, retryAfter: null },
      'broken JSON': { code: 400, type: 'application/json', message: /"code":3,"message":"not JSON/, retryAfter: null },
      'no pipeline': { code: 404, type: PROTOBUF, message: /no pipeline takes metrics/ },
      'no path': { code: 404, type: PROTOBUF, message: /known paths/ },
      'no such method': { code: 405, type: PROTOBUF, message: /use POST/ },
      'no such type': { code: 415, type: 'application/json', message: /text\/plain/ },
      'no such encoding': { code: 415, type: PROTOBUF, message: /gzip, deflate, zstd/ },
      nobody: { code: 401, type: PROTOBUF, message: /authorization/ },
      slow: { code: 503, type: PROTOBUF, message: /no whole answer/, retryAfter: /^[1-9]\d*$/ },
    })
    t.same(Object.keys(http).length, 14)
    t.same(Object.keys(grpc).length, 13)
  })
})

t.test(
  'the Python SDK comes again after UNAVAILABLE, a Collector not after RESOURCE_EXHAUSTED',
  { skip: lacks('go', 'python3') },
  async (t) => {
    const backend = await startCollectorBackend(['away'])
    t.teardown(() => backend.stop())
    const { away } = backend.inlets
    const [grpc, small] = [await freePort(), await freePort()]
    const behind = '{ receivers: [otlp], exporters: [otlp_grpc] }'
    const all = '{ receivers: [otlp, otlp/small], exporters: [otlp_grpc] }'
    const millrace = await startMillrace(`
receivers:
  otlp: { protocols: { grpc: { endpoint: 127.0.0.1:${grpc} } } }
  otlp/small: { protocols: { grpc: { endpoint: 127.0.0.1:${small}, max_recv_msg_size_mib: 1 } } }
exporters: { otlp_grpc: { endpoint: 127.0.0.1:${away.grpc}, tls: { insecure: true }, retry_on_failure: { enabled: false } } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: ${all}, metrics: ${all}, logs: ${all} }
`)
    t.teardown(() => millrace.stop())
    const target = (port: number) => ({ protocol: 'grpc', endpoint: `http://127.0.0.1:${port}`, compression: 'none' }) as const

    await t.test('UNAVAILABLE', async (t) => {
      await backend.program.kill()
      const run = randomUUID()
      const sending = sendWithPython(run, [target(grpc)])
      await eventually(
        () => millrace.output(),
        (output) => output.includes('ECONNREFUSED'),
      )
      await backend.restart()
      t.match(await sending, /Transient error StatusCode.UNAVAILABLE .* retrying in/)
      t.equal(away.items(run).length, 10, 'everything once')
    })

    // The Python SDK tries again whatever it is told; the Collector keeps to the specification.
    await t.test('RESOURCE_EXHAUSTED', async (t) => {
      const frontPort = await freePort()
      const front = await startCollector(
        `
receivers: { otlp: { protocols: { grpc: { endpoint: 127.0.0.1:${frontPort} } } } }
exporters: { otlp_grpc: { endpoint: 127.0.0.1:${small}, compression: none, tls: { insecure: true } } }
service:
  telemetry: { metrics: { level: none }, logs: { level: info } }
  pipelines: { traces: ${behind}, metrics: ${behind}, logs: ${behind} }
`,
        frontPort,
      )
      t.teardown(() => front.stop())
      const run = randomUUID()
      await sendWithPython(run, [target(frontPort)], { LARGE_BYTES: String(2 << 20) })
      await eventually(
        () => front.output().includes('ResourceExhausted') && away.items(run).length === 7,
        (over) => over,
      )
      t.match(front.output(), /Dropping data.*Permanent error.*code = ResourceExhausted.*larger than 1048576 bytes/)
      t.notMatch(front.output(), /Will retry/)
      t.same(new Set(away.items(run).map(({ signal }) => signal)), new Set(['metrics', 'logs']))
    })
  },
)

function comesAgain(retryMs: SeenAnswer['retryMs']): boolean {
  return typeof retryMs === 'number' && retryMs > 0 && retryMs <= LARGEST_PAUSE_MS
}

/** Takes connections, and never answers. */
async function blackHole(): Promise<{ readonly port: number; close(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => void sockets.add(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = (): void => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port: (server.address() as AddressInfo).port, close }
}

/** The order of the ports is that of `python_status.py`. */
function configuration([grpc, http, privateGrpc, privateHttp, slowGrpc, slowHttp]: readonly number[], gone: number, hole: number): string {
  return `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: 127.0.0.1:${grpc}, max_recv_msg_size_mib: 1 }
      http: { endpoint: 127.0.0.1:${http}, max_request_body_size: 1MiB }
  otlp/private:
    protocols:
      grpc: { endpoint: 127.0.0.1:${privateGrpc}, auth: { authenticator: basic_auth } }
      http: { endpoint: 127.0.0.1:${privateHttp}, auth: { authenticator: basic_auth } }
  otlp/slow:
    protocols:
      grpc: { endpoint: 127.0.0.1:${slowGrpc}, timeout: 1s }
      http: { endpoint: 127.0.0.1:${slowHttp}, timeout: 1s }
extensions: { basic_auth: { htpasswd: { inline: "edge:secret" } } }
exporters:
  nop:
  otlp_http/gone: { endpoint: http://127.0.0.1:${gone}, retry_on_failure: { enabled: false } }
  otlp_http/slow: { endpoint: http://127.0.0.1:${hole} }
service:
  extensions: [basic_auth]
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], exporters: [otlp_http/gone] }
    logs: { receivers: [otlp], exporters: [nop] }
    traces/private: { receivers: [otlp/private], exporters: [nop] }
    traces/slow: { receivers: [otlp/slow], exporters: [otlp_http/slow] }
`
}
