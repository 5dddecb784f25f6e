import { once } from 'node:events'
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { forgetfulProxy } from './fixtures/forgetful-proxy.ts'
import { type Client, type ClientOptions, createClient, type Rejection } from './index.ts'

interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
}

const ACCEPTED = Buffer.from('{"message_type":"ack","status":"accepted"}')

/** Answers each call as the test says; `OK` accepts every message in it. */
async function serve(
  t: Test,
  say: (call: number, messages: number) => Reply,
): Promise<{ readonly url: string; readonly authorizations: unknown[] }> {
  const server = createServer()
  const authorizations: unknown[] = []
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => sessions.add(session))
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    authorizations.push(headers['authorization'])
    void buffer(stream).then((body) => {
      const messages = body.toString('latin1').split('"message_type"').length - 1
      const { status, headers: more } = say(authorizations.length, messages)
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(status), ...more }))
      const acks = Buffer.concat(Array.from({ length: messages }, () => Buffer.concat([Buffer.from([0x0a, ACCEPTED.length]), ACCEPTED])))
      const head = Buffer.alloc(5)
      head.writeUInt32BE(acks.length, 1)
      stream.end(status === 0 ? Buffer.concat([head, acks]) : '')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, authorizations }
}

function clientFor(
  t: Test,
  url: string,
  options: Partial<ClientOptions> = {},
): { readonly client: Client; readonly rejections: Rejection[] } {
  const rejections: Rejection[] = []
  const onRejected = (rejection: Rejection): void => void rejections.push(rejection)
  const client = createClient({
    url,
    transport: 'grpc',
    service: 's',
    minBackoffMs: 1,
    maxBackoffMs: 5,
    lingerMs: 1,
    onRejected,
    ...options,
  })
  t.teardown(() => client.close())
  return { client, rejections }
}

t.test('what the server cannot take now is sent again, with a token asked for anew', async (t) => {
  const { url, authorizations } = await serve(t, (call) => ({ status: [14, 16, 8][call - 1] ?? 0 }))
  let asked = 0
  const { client, rejections } = clientFor(t, url, { token: () => `t${++asked}` })
  const plan = client.start('plan')
  plan.update({ attributes: { long: 'x'.repeat(1000) } })
  plan.complete()
  await client.flush()
  t.same(rejections, [])
  t.equal(client.counts.accepted, 3)
  t.same(authorizations.slice(0, 4), ['Bearer t1', 'Bearer t2', 'Bearer t3', 'Bearer t4'])
  t.ok(authorizations.length > 4, 'what was too much at once came in parts')
})

t.test('what it will never take is rejected, in its words', async (t) => {
  for (const status of [3, 7, 12, 16]) {
    const { url, authorizations } = await serve(t, () => ({ status, headers: { 'grpc-message': 'not%20here' } }))
    const { client, rejections } = clientFor(t, url, { token: 'fixed' })
    client.start('plan')
    await client.flush()
    t.match(rejections, [{ errors: [{ message: `the server answered ${status}: not here` }] }])
    t.equal(authorizations.length, 1)
  }
})

t.test('one message that is too large alone is rejected', async (t) => {
  const { url } = await serve(t, () => ({ status: 8 }))
  const { client, rejections } = clientFor(t, url)
  client.start('plan')
  await client.flush()
  t.match(rejections, [{ errors: [{ message: /answered 8/ }] }])
})

t.test('words of a server that are not encoded as they should be are told as they are', async (t) => {
  const { url } = await serve(t, () => ({ status: 3, headers: { 'grpc-message': '100% full' } }))
  const { client, rejections } = clientFor(t, url)
  client.start('plan')
  await client.flush()
  t.match(rejections, [{ errors: [{ message: 'the server answered 3: 100% full' }] }])
})

t.test('a connection that is forgotten on the way is replaced', async (t) => {
  const { url } = await serve(t, () => ({ status: 0 }))
  const proxy = await forgetfulProxy(t, Number(new URL(url).port))
  const { client } = clientFor(t, `http://127.0.0.1:${proxy.port}`, { answerTimeoutMs: 200 })
  client.start('before')
  await client.flush()
  proxy.forget()
  client.start('after')
  await client.flush()
  t.equal(client.counts.accepted, 2)
})
