// Every file in configs/ runs as it stands: a span goes in, comes out changed as the file says, and the program ends in order.

import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { readSpans } from '../core/testing/index.ts'
import { jsonSpan, postSpans, type Program, start } from './program.ts'

const CONFIGS = join(import.meta.dirname, '../configs')

/** Ready, on ports that the system chose. */
async function running(t: Test, file: string, env: NodeJS.ProcessEnv = {}): Promise<Program> {
  const program = start(t, ['run', '--config', join(CONFIGS, file)], {
    env: { ...process.env, OTLP_HTTP_PORT: '0', HEALTH_PORT: '0', ...env },
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
  async 'quickstart.yaml'(t) {
    const program = await running(t, 'quickstart.yaml')
    t.equal(await postSpans(program.url('receivers.otlp'), [jsonSpan('GET /orders')]), 200)
    await program.says(/GET \/orders/)
    await stops(t, program, 'traces → debug: 1 received, 1 delivered')
  },

  async 'plugin.yaml'(t) {
    const program = await running(t, 'plugin.yaml')
    const spans = [jsonSpan('GET /orders'), jsonSpan('GET /healthz', { 'http.route': '/healthz' })]
    t.equal(await postSpans(program.url('receivers.otlp'), spans), 200)
    await program.says(/cloud\.region\W+eu-west-1/)
    t.notMatch(program.said(), /GET \/healthz/)
    await stops(t, program, 'traces → debug: 2 received, 1 delivered, 1 dropped (acme_region: probe)')
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
}

t.test('each file has a story here', async (t) => {
  t.same(readdirSync(CONFIGS).sort(), Object.keys(stories).sort())
})
for (const [file, story] of Object.entries(stories)) t.test(file, story)
