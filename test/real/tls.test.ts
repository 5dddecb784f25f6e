// Every leg over TLS with certificates on both ends: the SDKs of Python and Go and a Collector in front, Millrace, and a Collector behind it.

import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import t from 'tap'

import { Authority } from '../../core/tls/fixtures/certificates.ts'
import { eventually, startCollectorBackend } from './backends.ts'
import { sendWithPython } from './clients/python.ts'
import { sendWithTelemetrygen, TELEMETRYGEN_ITEMS } from './clients/telemetrygen.ts'
import { sorted } from './items.ts'
import { startMillrace } from './millrace.ts'
import { lacks } from './servers/cache.ts'
import { startCollector } from './servers/collector.ts'
import { freePort } from './servers/program.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-certificates-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

/** Servers and clients have authorities of their own: a certificate of the wrong one would fail every test here. */
const servers = new Authority('servers')
const clients = new Authority('clients')
const [serversFile, clientsFile] = [file('servers.pem', servers.cert), file('clients.pem', clients.cert)]
const [server, client] = [pair('server', servers.sign()), pair('client', clients.sign({ usage: 'client' }))]
const asServer = `{ cert_file: ${server.cert}, key_file: ${server.key}, client_ca_file: ${clientsFile} }`
const asClient = `{ ca_file: ${serversFile}, cert_file: ${client.cert}, key_file: ${client.key} }`
const SDK_ENVIRONMENT = {
  // Where a machine sets it, the library below the SDK's HTTP exporters believes it before what the SDK says.
  REQUESTS_CA_BUNDLE: serversFile,
  OTEL_EXPORTER_OTLP_CERTIFICATE: serversFile,
  OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: client.cert,
  OTEL_EXPORTER_OTLP_CLIENT_KEY: client.key,
}

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
function pair(
  name: string,
  { cert, key }: { readonly cert: string; readonly key: string },
): { readonly cert: string; readonly key: string } {
  return { cert: file(`${name}.pem`, cert), key: file(`${name}-key.pem`, key) }
}

t.test('clients → mTLS → Millrace → mTLS → Collector', { skip: lacks('go', 'python3') }, async (t) => {
  const backend = await startCollectorBackend(['direct', 'http', 'grpc'], asServer)
  t.teardown(() => backend.stop())
  const { direct, http, grpc } = backend.inlets
  const [httpPort, grpcPort, frontPort] = [await freePort(), await freePort(), await freePort()]
  const all = '{ receivers: [otlp], processors: [batch], exporters: [otlp_http, otlp_grpc] }'
  const millrace = await startMillrace(`
receivers:
  otlp:
    protocols:
      http: { endpoint: 127.0.0.1:${httpPort}, tls: ${asServer} }
      grpc: { endpoint: 127.0.0.1:${grpcPort}, tls: ${asServer} }
processors: { batch: {} }
exporters:
  otlp_http: { endpoint: https://127.0.0.1:${http.http}, tls: ${asClient} }
  otlp_grpc: { endpoint: 127.0.0.1:${grpc.grpc}, tls: ${asClient} }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: ${all}, metrics: ${all}, logs: ${all} }
`)
  t.teardown(() => millrace.stop())
  const front = await startCollector(
    `
receivers: { otlp: { protocols: { grpc: { endpoint: 127.0.0.1:${frontPort}, tls: ${asServer} } } } }
exporters: { otlp_grpc: { endpoint: 127.0.0.1:${grpcPort}, tls: ${asClient}, compression: zstd } }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines: { traces: &all { receivers: [otlp], exporters: [otlp_grpc] }, metrics: *all, logs: *all }
`,
    frontPort,
  )
  t.teardown(() => front.stop())
  const reference = { protocol: 'http/protobuf', endpoint: `https://127.0.0.1:${direct.http}`, compression: 'none' } as const

  for (const [name, protocol, port] of [
    ['Python over gRPC', 'grpc', grpcPort],
    ['Python over HTTP', 'http/protobuf', httpPort],
    ['Python over gRPC by way of a Collector', 'grpc', frontPort],
  ] as const) {
    await t.test(name, async (t) => {
      const run = randomUUID()
      await sendWithPython(run, [reference, { protocol, endpoint: `https://127.0.0.1:${port}`, compression: 'gzip' }], SDK_ENVIRONMENT)
      const sent = sorted(direct.items(run))
      t.equal(sent.length, 10)
      // The Collector in front answers before it has delivered.
      await eventually(
        () => Math.min(http.items(run).length, grpc.items(run).length),
        (least) => least >= sent.length,
      )
      t.same(sorted(http.items(run)), sent, 'behind otlp_http')
      t.same(sorted(grpc.items(run)), sent, 'behind otlp_grpc')
    })
  }

  for (const [protocol, port] of [
    ['grpc', grpcPort],
    ['http/protobuf', httpPort],
  ] as const) {
    await t.test(`Go, telemetrygen, ${protocol}`, async (t) => {
      const run = randomUUID()
      const certificates = { authority: serversFile, ...client }
      await sendWithTelemetrygen(run, { protocol, endpoint: `https://127.0.0.1:${port}`, compression: 'none' }, certificates)
      t.equal(http.items(run).length, 3 * TELEMETRYGEN_ITEMS)
      t.same(sorted(grpc.items(run)), sorted(http.items(run)))
      const nobody = sendWithTelemetrygen(
        run,
        { protocol, endpoint: `https://127.0.0.1:${port}`, compression: 'none' },
        { authority: serversFile },
      )
      await t.rejects(nobody, 'a sender without a certificate is not served')
      t.equal(http.items(run).length, 3 * TELEMETRYGEN_ITEMS)
    })
  }
})
