// The generator against a server that counts, refuses and breaks: what it reports as accepted is what was answered with 200.

import { once } from 'node:events'
import { createServer as createHttp2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import t, { type Test } from 'tap'

import { isWhole } from './connection.ts'
import { Load, type LoadOptions } from './load.ts'
import { SpanTally } from './span-tally.ts'

const RUN = 77

type Reply = (response: ServerResponse, requestNumber: number, body: Buffer, request: IncomingMessage) => void

async function against(t: Test, reply: Reply, options: Partial<LoadOptions> = {}): Promise<Load> {
  let requests = 0
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => reply(response, requests++, Buffer.concat(parts), request))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const load = new Load({
    port,
    path: '/v1/traces',
    run: RUN,
    spansPerRequest: 5,
    connections: 4,
    gzip: false,
    signal: 'traces',
    transport: 'http',
    tls: false,
    ...options,
  })
  t.teardown(async () => {
    load.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  await load.connect()
  return load
}

/** Phases until so many requests are answered, however slow the machine is; their statuses in all. */
async function atLeast(load: Load, requests: number): Promise<{ ok: number; refused: number; broken: number }> {
  const sum = { ok: 0, refused: 0, broken: 0 }
  while (load.answers.requests < requests) {
    const { statuses } = await load.run({ seconds: 0.1, tracesPerSecond: 200 })
    sum.ok += statuses['200'] ?? 0
    sum.refused += statuses['503'] ?? 0
    sum.broken += statuses['0'] ?? 0
  }
  return sum
}

t.test('an open loop sends what the schedule asks for, each span once, over several phases', async (t) => {
  const tally = new SpanTally(RUN)
  const load = await against(t, (response, _, body) => {
    tally.add(body)
    response.end()
  })
  const first = await load.run({ seconds: 0.3, tracesPerSecond: 100 })
  t.equal(first.offeredRequests, 30)
  const second = await load.run({ seconds: 0.2, tracesPerSecond: 100 })
  t.equal(second.offeredRequests, 20)
  const sent = first.sentRequests + second.sentRequests
  t.equal(load.answers.requests, sent)
  t.same(tally.verdict(load.answers), { delivered: sent * 5, duplicates: 0, foreign: 0, requests: sent, lost: 0, unacknowledged: 0 })
})

t.test('with gzip, the bodies that are sent are compressed, and each span is still its own', async (t) => {
  const tally = new SpanTally(RUN)
  const reply: Reply = (response, _, body, request) => {
    tally.add(body, request.headers['content-encoding'])
    response.end()
  }
  const load = await against(t, reply, { gzip: true, spansPerRequest: 100 })
  const result = await load.run({ seconds: 0.1, tracesPerSecond: 2000 })
  t.ok(result.acceptedRequests > 0)
  t.match(tally.verdict(load.answers), { delivered: result.acceptedRequests * 100, lost: 0, duplicates: 0 })
})

t.test('a closed loop sends as fast as it is answered, and never more than its connections carry', async (t) => {
  let open = 0
  let most = 0
  const load = await against(t, (response) => {
    most = Math.max(most, ++open)
    setImmediate(() => response.end(() => open--))
  })
  const result = await load.run({ seconds: 0.2 })
  t.equal(result.offeredRequests, result.sentRequests)
  t.equal(result.acceptedRequests, result.sentRequests)
  t.ok(most <= 4, `${most} at once`)
})

t.test('refused requests are counted by status and are not accepted', async (t) => {
  const tally = new SpanTally(RUN)
  const load = await against(t, (response, number, body) => {
    if (number % 2 === 1) return response.writeHead(503, { 'content-length': 4 }).end('busy')
    tally.add(body)
    return response.end('{}')
  })
  const { ok, refused } = await atLeast(load, 20)
  t.equal(ok + refused, load.answers.requests)
  t.equal(refused, Math.floor(load.answers.requests / 2))
  t.match(tally.verdict(load.answers), { delivered: ok * 5, lost: 0, unacknowledged: 0 })
})

t.test('a request whose connection broke is not accepted, and the load goes on', async (t) => {
  const load = await against(t, (response, number) => {
    if (number === 3) response.socket?.destroy()
    else response.end()
  })
  const { ok, broken } = await atLeast(load, 20)
  t.equal(broken, 1)
  t.equal(ok, load.answers.requests - 1)
})

t.test('latency counts from when a request was due: a stall shows in those that waited behind it', async (t) => {
  const reply: Reply = (response, number) => (number === 0 ? setTimeout(() => response.end(), 400) : response.end())
  const load = await against(t, reply, { connections: 1 })
  const result = await load.run({ seconds: 0.6, tracesPerSecond: 100 })
  t.ok(result.latency.p50 >= 20, `two thirds were due during the stall: the median is ${result.latency.p50} ms`)
})

t.test('requests that could not leave in time are offered and not sent', async (t) => {
  const load = await against(t, (response) => setTimeout(() => response.end(), 300), { connections: 1 })
  const result = await load.run({ seconds: 0.2, tracesPerSecond: 100 })
  t.equal(result.offeredRequests, 20)
  t.equal(result.sentRequests, 1)
})

t.test('an answer is whole at the end of its body, whatever way its length is told', async (t) => {
  t.notOk(isWhole('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n'))
  t.notOk(isWhole('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{'))
  t.ok(isWhole('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'))
  t.ok(isWhole('HTTP/1.1 204 No Content\r\n\r\n'))
  t.notOk(isWhole('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n'))
  t.ok(isWhole('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'))
})

t.test('over HTTP/2 each message is a gRPC call, answered by its status', async (t) => {
  const tally = new SpanTally(RUN)
  let calls = 0
  const server = createHttp2Server()
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    t.equal(headers[':path'], '/opentelemetry.proto.collector.trace.v1.TraceService/Export')
    const parts: Buffer[] = []
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('end', () => {
      const message = Buffer.concat(parts)
      t.equal(message.readUInt32BE(1), message.length - 5)
      const refused = calls++ % 2 === 1
      if (!refused) tally.add(message.subarray(5), message[0] === 1 ? 'gzip' : undefined)
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': refused ? '14' : '0' }))
      stream.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
  const load = new Load({ port, path, run: RUN, spansPerRequest: 5, connections: 2, gzip: false, transport: 'grpc' })
  t.teardown(() => {
    load.close()
    server.close()
  })
  await load.connect()
  const { statuses, sentRequests } = await load.run({ seconds: 0.3, tracesPerSecond: 100 })
  t.equal((statuses['200'] ?? 0) + (statuses['1014'] ?? 0), sentRequests)
  t.ok((statuses['200'] ?? 0) > 0)
  t.match(tally.verdict(load.answers), { lost: 0, duplicates: 0, foreign: 0, delivered: (statuses['200'] ?? 0) * 5 })
})
