// The story of configs/trust.yaml: who is let in, who is sent away with which answer, and what is on record of it afterwards.

import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import type { Test } from 'tap'
import { frame, send } from '../core/server/fixtures/grpc.ts'
import { numberedSpans } from '../core/testing/index.ts'
import { signMessage } from '../core/trust/index.ts'
import { jsonSpan, type Program, start } from './program.ts'
import { METHODS } from './senders.ts'

const issuer = generateKeyPairSync('ed25519')
const ISSUER = 'https://issuer.example'

export function tokenOf(claims: object, key: KeyObject = issuer.privateKey, alg = 'EdDSA'): Promise<string> {
  const whole = { iss: ISSUER, aud: 'millrace', sub: 'shop', tenant: 'acme', roles: ['telemetry'], ...claims }
  return new SignJWT(whole).setProtectedHeader({ alg }).setExpirationTime('5m').sign(key)
}

/** Where the program finds its files, and the environment that says so. */
export function trusted(t: Test): { readonly folder: string; readonly secret: string; readonly env: NodeJS.ProcessEnv } {
  const folder = t.testdir({ 'issuer-keys.pem': issuer.publicKey.export({ type: 'spki', format: 'pem' }) })
  const secret = randomBytes(24).toString('base64url')
  const env = {
    MILLRACE_FILES: folder,
    PLANNER_SECRET: secret,
    PLANNER_KEY: 'only the planner knows',
    AUDIT_KEY: Buffer.alloc(32, 5).toString('hex'),
    MPLP_PORT: '0',
  }
  return { folder, secret, env }
}

export async function trustStory(
  t: Test,
  running: (env: NodeJS.ProcessEnv) => Promise<Program>,
  stops: (program: Program, account: string) => Promise<void>,
): Promise<void> {
  const { folder, secret, env } = trusted(t)
  const program = await running(env)
  const [bearer, other] = [await tokenOf({}), await tokenOf({ roles: ['operator'] })]
  const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [jsonSpan('GET /orders')] }] }] })
  const overHttp = async (authorization?: string, signal = 'traces', more: Record<string, string> = {}): Promise<number> => {
    const headers = { 'content-type': 'application/json', ...more, ...(authorization === undefined ? {} : { authorization }) }
    return (await fetch(`${program.url('receivers.otlp')}/v1/${signal}`, { method: 'POST', headers, body })).status
  }
  t.equal(await overHttp(`Bearer ${bearer}`), 200)
  t.equal(await overHttp(), 401)
  t.equal(await overHttp(`Bearer ${await tokenOf({}, generateKeyPairSync('ed25519').privateKey)}`), 401)
  t.equal(await overHttp(`Bearer ${await tokenOf({ aud: 'others' })}`), 401)
  t.equal(await overHttp(`Bearer ${other}`), 403, 'who may look may not send')
  t.equal(await overHttp(`Bearer ${secret}`), 403, 'an agent sends messages, not OTLP')
  t.equal(await overHttp(`Basic ${Buffer.from(`planner:${secret}x`).toString('base64')}`), 401)

  const session = connect(`http://${program.address('receivers.otlp', 'grpc')}`)
  t.teardown(() => session.destroy())
  const overGrpc = async (authorization?: string): Promise<string | undefined> => {
    const headers = { ':path': METHODS.traces, ...(authorization === undefined ? {} : { authorization }) }
    return (await send(session, frame(numberedSpans(1).chunks[0]!), headers)).code
  }
  t.equal(await overGrpc(`Bearer ${bearer}`), '0')
  t.equal(await overGrpc(), '16', 'UNAUTHENTICATED')
  t.equal(await overGrpc(`Bearer ${other}`), '7', 'PERMISSION_DENIED')

  const message = (more: object = {}): Record<string, unknown> => ({
    message_type: 'trace.execution.start',
    protocol_version: '1.0.0-alpha',
    message_id: randomBytes(8).toString('hex'),
    timestamp: new Date().toISOString(),
    sender: { sender_id: 'planner-1', sender_type: 'service_instance' },
    payload: {
      trace_start: {
        trace_id: 't-1',
        span_id: randomBytes(4).toString('hex'),
        operation_name: 'plan',
        service_name: 'planner',
        start_time: new Date().toISOString(),
      },
    },
    ...more,
  })
  const post = async (sent: object, authorization = `Bearer ${secret}`): Promise<number> => {
    const headers = { 'content-type': 'application/json', authorization }
    return (await fetch(`${program.url('receivers.mplp')}/v1/messages`, { method: 'POST', headers, body: JSON.stringify(sent) })).status
  }
  const keys = { integrity: env['PLANNER_KEY']! }
  const signed = signMessage(message(), keys)
  t.equal(await post(signed), 202)
  t.equal(await post(signed), 200, 'the same again changes nothing')
  t.equal(await post({ ...signed, correlation_id: 'changed' }), 403)
  t.equal(await post(message()), 403, 'not signed')
  t.equal(await post(signMessage(message({ timestamp: '2026-01-01T00:00:00Z' }), keys)), 403, 'stale')
  t.equal(await post(signMessage(message(), keys), `Bearer ${bearer}`), 403, 'whoever is not the planner, with its key')
  t.equal(await post(signMessage(message(), keys), 'Bearer nobody'), 401)

  const list = async (authorization: string): Promise<number> =>
    (await fetch(`${program.url('receivers.mplp')}/executions`, { headers: { authorization } })).status
  t.equal(await list(`Bearer ${other}`), 200)
  t.equal(await list(`Bearer ${bearer}`), 403)
  session.close()
  await stops(program, 'traces → debug: 3 received, 3 delivered')

  const audit = join(folder, 'audit.jsonl')
  const record = readFileSync(audit, 'utf8')
  for (const found of [
    /"act":"authenticate","component":"otlp"/,
    /"act":"send traces","component":"otlp","tenant":"acme","subject":"planner"/,
    /"kind":"read"/,
  ])
    t.match(record, found)
  for (const hidden of [secret, bearer, env['PLANNER_KEY']!, 'nobody']) t.notOk(record.includes(hidden))
  writeFileSync(join(folder, 'key'), env['AUDIT_KEY']!)
  const verify = (): Program => start(t, ['audit', 'verify', audit, '--key-file', join(folder, 'key')])
  t.equal(await verify().ended, 0)
  writeFileSync(audit, record.replace('"subject":"planner"', '"subject":"somebody"'))
  t.equal(await verify().ended, 1)
}
