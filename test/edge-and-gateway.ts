// The stories of configs/edge.yaml and configs/gateway.yaml, which need each other: mutual TLS, a password, a token. configs.test.ts runs them.

import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import type { Test } from 'tap'
import { readSpans } from '../core/testing/index.ts'
import { Authority } from '../core/tls/fixtures/certificates.ts'
import { jsonSpan, postSpans, type Program, start } from './program.ts'

const CONFIGS = join(import.meta.dirname, '../configs')
const SECRETS = ['pass word/+', 'client secret&=', 'a-token-of-theirs']

/** A backend and its authorization server in one: what it took, and what it was shown. */
async function backend(t: Test) {
  let isAway = false
  const arrived: Buffer[] = []
  const shown: (string | undefined)[] = []
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request)
    if (request.url === '/token')
      return void response.end(JSON.stringify({ access_token: SECRETS[2], token_type: 'bearer', expires_in: 3600 }))
    if (isAway) return void response.writeHead(503).end()
    shown.push(request.headers.authorization)
    arrived.push(gunzipSync(body))
    response.setHeader('Content-Type', 'application/x-protobuf').end()
  }
  const server = createServer((request, response) => void take(request, response)).listen(0, '127.0.0.1')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, arrived, shown, backendIs: (away: boolean): void => void (isAway = away) }
}

function certificates(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
  const authority = new Authority()
  writeFileSync(join(folder, 'ca.pem'), authority.cert)
  for (const [name, usage] of [
    ['edge', 'client'],
    ['gateway', 'server'],
  ] as const) {
    const { cert, key } = authority.sign({ name, usage })
    writeFileSync(join(folder, `${name}.pem`), cert)
    writeFileSync(join(folder, `${name}-key.pem`), key)
  }
  return folder
}

interface Chain {
  readonly edge: Program
  readonly gateway: Program
  /** Another run of the gateway, at the same place and with the same storage. */
  readonly gatewayAgain: () => Promise<Program>
  readonly backendIs: (away: boolean) => void
  readonly arrived: Buffer[]
  readonly shown: (string | undefined)[]
}

async function chain(t: Test, edgePassword: string): Promise<Chain> {
  const { url, arrived, shown, backendIs } = await backend(t)
  const env = { ...process.env, CERTIFICATES: certificates(), OTLP_HTTP_PORT: '0', OTLP_GRPC_PORT: '0' }
  const run = async (file: string, own: NodeJS.ProcessEnv): Promise<Program> => {
    const program = start(t, ['run', '--config', join(CONFIGS, file)], { env: { ...env, ...own } })
    await program.says(/^ready in/m)
    return program
  }
  const own = {
    EDGE_PASSWORD: SECRETS[0],
    CLIENT_SECRET: SECRETS[1],
    TOKEN_URL: `${url}/token`,
    BACKEND: url,
    STORAGE: mkdtempSync(join(tmpdir(), 'millrace-')),
  }
  const gateway = await run('gateway.yaml', own)
  const host = gateway.address('receivers.otlp', 'grpc')
  const edge = await run('edge.yaml', { EDGE_PASSWORD: edgePassword, GATEWAY: host })
  const gatewayAgain = (): Promise<Program> => run('gateway.yaml', { ...own, OTLP_GRPC_PORT: host.split(':')[1] })
  return { edge, gateway, gatewayAgain, backendIs, arrived, shown }
}

/** Neither plain, nor as a header or a form would hold it. */
function keepsSecrets(t: Test, program: Program): void {
  for (const secret of SECRETS) {
    const forms = [
      secret,
      Buffer.from(secret).toString('base64'),
      Buffer.from(`edge:${secret}`).toString('base64'),
      encodeURIComponent(secret),
    ]
    for (const form of forms) t.notOk(program.said().includes(form), `${form} was said`)
  }
}

export async function edgeStory(t: Test): Promise<void> {
  const { edge, gateway, arrived, shown } = await chain(t, SECRETS[0]!)
  t.equal(await postSpans(edge.url('receivers.otlp'), [jsonSpan('GET /orders')]), 200)
  while (arrived.length < 1) await new Promise((resolve) => setTimeout(resolve, 10))
  // A gateway that stands still: its system takes what comes, and it does nothing.
  gateway.child.kill('SIGSTOP')
  t.equal(await postSpans(edge.url('receivers.otlp'), [jsonSpan('GET /customers')]), 200, 'the queue takes it')
  gateway.child.kill('SIGCONT')
  while (arrived.length < 2) await new Promise((resolve) => setTimeout(resolve, 10))
  t.same(
    arrived.flatMap((body) => readSpans(body).map(({ name }) => name)),
    ['GET /orders', 'GET /customers'],
  )
  t.same(new Set(shown), new Set([`Bearer ${SECRETS[2]}`]))
  for (const program of [edge, gateway]) {
    program.child.kill('SIGTERM')
    t.equal(await program.ended, 0)
    t.match(program.said(), /2 received, 2 delivered/)
    keepsSecrets(t, program)
  }
}

/** What the gateway has answered for survives it, and the backend's absence. */
async function killed(t: Test): Promise<void> {
  const { edge, gateway, gatewayAgain, backendIs, arrived } = await chain(t, SECRETS[0]!)
  backendIs(true)
  t.equal(await postSpans(edge.url('receivers.otlp'), [jsonSpan('GET /orders')]), 200)
  await gateway.says(/does not take data now/)
  gateway.child.kill('SIGKILL')
  await gateway.ended
  backendIs(false)
  const again = await gatewayAgain()
  while (arrived.length < 1) await new Promise((resolve) => setTimeout(resolve, 10))
  t.same(
    arrived.flatMap((body) => readSpans(body).map(({ name }) => name)),
    ['GET /orders'],
  )
  for (const program of [edge, again]) {
    program.child.kill('SIGTERM')
    t.equal(await program.ended, 0)
    keepsSecrets(t, program)
  }
  t.match(again.said(), /traces → otlp_http: 0 received, 1 from an earlier run, 1 delivered/)
}

export async function gatewayStory(t: Test): Promise<void> {
  await t.test('killed while the backend is away', killed)
  const { edge, gateway, arrived } = await chain(t, 'wrong')
  t.equal(await postSpans(edge.url('receivers.otlp'), [jsonSpan('GET /orders')]), 200, 'the queue takes it')
  await edge.says(/UNAUTHENTICATED/)
  t.equal(arrived.length, 0)
  for (const program of [edge, gateway]) {
    program.child.kill('SIGTERM')
    t.equal(await program.ended, 0)
    keepsSecrets(t, program)
  }
}
