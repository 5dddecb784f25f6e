// Every file in configs/ runs as it stands: a span goes in, comes out changed as the file says, and the program ends in order.

import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { Client, credentials } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { numberedSpans, readSpans } from '../core/testing/index.ts'
import { Authority } from '../core/tls/fixtures/certificates.ts'
import { agentsStory } from './agents-story.ts'
import { anomalyStory } from './anomaly-story.ts'
import { archiveStory } from './archive-story.ts'
import { httpBackend } from './backend.ts'
import { cardStory } from './card-story.ts'
import { edgeStory, gatewayStory } from './edge-and-gateway.ts'
import { jsonSpan, postSpans, type Program, start } from './program.ts'
import { prometheusStory } from './prometheus-story.ts'
import { spanMetricsStory } from './span-metrics-story.ts'
import { traceProtocolStory } from './trace-protocol-story.ts'
import { trustStory } from './trust-story.ts'

const CONFIGS = join(import.meta.dirname, '../configs')

/** Ready, on ports that the system chose. */
async function running(t: Test, file: string, env: NodeJS.ProcessEnv = {}): Promise<Program> {
  const program = start(t, ['run', '--config', join(CONFIGS, file)], {
    env: { ...process.env, OTLP_HTTP_PORT: '0', OTLP_GRPC_PORT: '0', HEALTH_PORT: '0', ...env },
  })
  await program.says(/^ready in/m)
  return program
}

async function stops(t: Test, { child, ended, said }: Program, account: string): Promise<void> {
  child.kill('SIGTERM')
  t.equal(await ended, 0)
  t.match(said(), `stopped\n${account}\n`)
}

const stories: Readonly<Record<string, (t: Test) => Promise<void>>> = {
  'edge.yaml': edgeStory,
  'gateway.yaml': gatewayStory,

  'agents.yaml': (t) =>
    agentsStory(
      t,
      (env) => running(t, 'agents.yaml', env),
      (program, account) => stops(t, program, account),
    ),

  'archive.yaml': (t) =>
    archiveStory(
      t,
      (env) => running(t, 'archive.yaml', env),
      (program, account) => stops(t, program, account),
    ),

  'card.yaml': (t) => cardStory(t, (env) => running(t, 'card.yaml', env)),

  'prometheus.yaml': (t) =>
    prometheusStory(
      t,
      (env) => running(t, 'prometheus.yaml', env),
      (program, account) => stops(t, program, account),
    ),

  'span-metrics.yaml': (t) =>
    spanMetricsStory(
      t,
      (env) => running(t, 'span-metrics.yaml', env),
      (program, account) => stops(t, program, account),
    ),

  'anomaly.yaml': (t) =>
    anomalyStory(
      t,
      (env) => running(t, 'anomaly.yaml', env),
      async ({ child, ended, said }, account) => {
        child.kill('SIGTERM')
        t.equal(await ended, 0)
        t.match(said(), account)
      },
    ),

  'trace-protocol.yaml': (t) =>
    traceProtocolStory(
      t,
      (env) => running(t, 'trace-protocol.yaml', env),
      (program, account) => stops(t, program, account),
    ),

  'trust.yaml': (t) =>
    trustStory(
      t,
      (env) => running(t, 'trust.yaml', env),
      (program, account) => stops(t, program, account),
    ),

  async 'quickstart.yaml'(t) {
    const program = await running(t, 'quickstart.yaml')
    t.equal(await postSpans(program.url('receivers.otlp'), [jsonSpan('GET /orders')]), 200)
    await program.says(/GET \/orders/)
    const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'paid' } }] }] }] })
    const headers = { 'content-type': 'application/json' }
    t.equal((await fetch(`${program.url('receivers.otlp')}/v1/logs`, { method: 'POST', headers, body })).status, 200)
    await program.says(/paid/)
    await stops(t, program, 'traces → debug: 1 received, 1 delivered\nlogs → debug: 1 received, 1 delivered')
  },

  async 'plugin.yaml'(t) {
    const program = await running(t, 'plugin.yaml')
    const spans = [jsonSpan('GET /orders'), jsonSpan('GET /healthz', { 'http.route': '/healthz' })]
    t.equal(await postSpans(program.url('receivers.otlp'), spans), 200)
    await program.says(/cloud\.region\W+eu-west-1/)
    t.notMatch(program.said(), /GET \/healthz/)
    await stops(t, program, 'traces → debug: 2 received, 1 delivered, 1 dropped (acme_region: probe)')
  },

  async 'otlp-tls.yaml'(t) {
    const authority = new Authority()
    const [server, sender] = [authority.sign(), authority.sign({ usage: 'client' })]
    const folder = t.testdir({ 'server.crt': server.cert, 'server.key': server.key, 'clients.crt': authority.cert })
    const program = await running(t, 'otlp-tls.yaml', { CERTIFICATES: folder, OTLP_GRPC_PORT: '0' })
    const port = (protocol: string): string => program.address('receivers.otlp', protocol).split(':')[1]!
    const post = (options: object): Promise<number> => {
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      const headers = { 'content-type': 'application/json' }
      const all = { ...options, ca: authority.cert, host: '127.0.0.1', port: port('http'), path: '/v1/traces', method: 'POST', headers }
      const request = httpsRequest(all, (response) => resolve(response.resume().statusCode!)).on('error', reject)
      request.end(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [jsonSpan('over HTTP')] }] }] }))
      return promise
    }
    t.equal(await post(sender), 200)
    await t.rejects(post({}), 'without a certificate')

    const [ca, key, cert] = [authority.cert, sender.key, sender.cert].map((text) => Buffer.from(text))
    const client = new Client(`127.0.0.1:${port('grpc')}`, credentials.createSsl(ca, key, cert), {
      'grpc.ssl_target_name_override': 'localhost',
    })
    t.teardown(() => client.close())
    const pass = (bytes: Buffer): Buffer => bytes
    const body = Buffer.from(numberedSpans(2).chunks[0]!)
    const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
    const error = await new Promise((resolve) => client.makeUnaryRequest(path, pass, pass, body, resolve))
    t.equal(error, null)
    await stops(t, program, 'traces → debug: 3 received, 3 delivered')
  },

  async 'forward.yaml'(t) {
    const arrived: Buffer[] = []
    const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      arrived.push(gunzipSync(await buffer(request)))
      response.setHeader('Content-Type', 'application/x-protobuf').end()
    }
    const backend = createServer((request, response) => void take(request, response)).listen(0, '127.0.0.1')
    t.teardown(() => backend.close())
    await once(backend, 'listening')

    const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
    const program = await running(t, 'forward.yaml', { BACKEND: url, ENVIRONMENT: 'staging' })
    t.equal((await fetch(program.url('extensions.health_check'))).status, 200)
    t.equal(await postSpans(program.url('receivers.otlp'), [jsonSpan('GET /orders', { 'user.email': 'a@example.org' })]), 200)
    t.match(
      arrived.flatMap((body) => readSpans(body)),
      [{ name: 'GET /orders', attributes: { 'deployment.environment.name': 'staging', 'user.email': /^[0-9a-f]{64}$/ } }],
    )
    await stops(t, program, 'traces → otlp_http: 1 received, 1 delivered')
  },

  async 'masking.yaml'(t) {
    const backend = await httpBackend(t)
    const program = await running(t, 'masking.yaml', { BACKEND: `http://${backend.address}`, PII_HASH_KEY: 'x'.repeat(32) })
    const attributes = { 'user.email': 'a@example.org', note: 'card 4111 1111 1111 1111', Authorization: 'x', 'client.address': '10.1.2.3' }
    t.equal(await postSpans(program.url('receivers.otlp'), [jsonSpan('GET /users/a@example.org', attributes)]), 200)
    const [span] = backend.taken.requests.flatMap((batch) => readSpans(batch))
    t.match(span!.name, /^GET \/users\/[0-9a-f]{64}$/)
    t.match(
      { ...span!.attributes },
      {
        'user.email': span!.name.slice('GET /users/'.length),
        note: 'card ***************1111',
        Authorization: '[REDACTED]',
        'client.address': '10.1.2.3',
        'data.classification': 'financial,personal,secret',
      },
    )
    await stops(t, program, 'traces → otlp_http: 1 received, 1 delivered')
  },

  async 'sampling.yaml'(t) {
    const backend = await httpBackend(t)
    const program = await running(t, 'sampling.yaml', { BACKEND: `http://${backend.address}` })
    const spans = [
      jsonSpan('dropped by chance'),
      { ...jsonSpan('an error'), traceId: 'f'.repeat(32), status: { code: 2 } },
      { ...jsonSpan('within the budget'), traceId: '8'.repeat(32) },
    ]
    t.equal(await postSpans(program.url('receivers.otlp'), spans), 200)
    // Stopping decides on what has come so far.
    await stops(t, program, 'traces → otlp_http: 3 received, 2 delivered, 1 dropped (probabilistic_sampler: not sampled)')
    const left = backend.taken.requests.flatMap((batch) => readSpans(batch)).map(({ name, traceState }) => `${name}: ${traceState}`)
    t.same(left.toSorted(), ['an error: ot=th:8', 'within the budget: ot=th:8'])
  },
}

t.test('each file has a story here', async (t) => {
  t.same(readdirSync(CONFIGS).sort(), Object.keys(stories).sort())
})
for (const [file, story] of Object.entries(stories)) t.test(file, story)
