// Paths of an HTTP door that speak something other than OTLP: what they take, how they answer, and streams of events.

import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { systemClock } from '../clock.ts'
import { type Endpoint, endpointOf } from '../endpoint.ts'
import { UnauthenticatedError } from '../errors.ts'
import { TestClock } from '../testing/test-clock.ts'
import { ByteBudget } from './byte-budget.ts'
import { tokens } from './fixtures/tokens.ts'
import { HttpDoor, type HttpDoorOptions } from './http-door.ts'
import type { EventStream } from './http-query.ts'
import type { Speech } from './speech.ts'

const lines: Speech = {
  types: ['application/x-ndjson'],
  refusal: ({ message }) => ({ type: 'text/plain', body: `no: ${message}` }),
}

async function open(t: Test, routes: (door: HttpDoor) => void, options: Partial<HttpDoorOptions> = {}): Promise<string> {
  const door = new HttpDoor({
    address: endpointOf('127.0.0.1:0')!,
    maxBodyBytes: 1000,
    clock: systemClock,
    bodyRate: { minBytesPerSecond: 0, graceMs: 0, maxMs: 0 },
    budget: new ByteBudget(10_000),
    readHeaderTimeoutMs: 10_000,
    readTimeoutMs: 60_000,
    idleTimeoutMs: 90_000,
    writeTimeoutMs: 30_000,
    ...options,
  })
  routes(door)
  await door.start()
  t.teardown(() => door.stop(AbortSignal.abort()))
  return `http://127.0.0.1:${(door.address as Endpoint).port}`
}

t.test('a path takes its own types, and answers and refuses in its own words', async (t) => {
  const url = await open(t, (door) =>
    door.post(
      '/lines',
      (body, exchange) => exchange.answer(202, { type: 'text/plain', body: `${exchange.mediaType} ${body.length}` }, ['Retry-After', '7']),
      lines,
    ),
  )
  const post = (type: string, body: string): Promise<Response> =>
    fetch(`${url}/lines`, { method: 'POST', body, headers: { 'content-type': type } })
  const answer = await post('Application/X-NDJSON; charset=utf-8', '{}\n')
  t.same([answer.status, answer.headers.get('retry-after'), await answer.text()], [202, '7', 'application/x-ndjson 3'])
  const wrong = await post('application/json', '{}')
  t.same([wrong.status, await wrong.text()], [415, 'no: Content-Type is application/json; accepted: application/x-ndjson'])
  const large = await post('application/x-ndjson', 'x'.repeat(1001))
  t.same([large.status, await large.text()], [413, 'no: the request is larger than 1000 bytes after decompression'])
  const read = await fetch(`${url}/lines`)
  t.same([read.status, read.headers.get('allow'), await read.text()], [405, 'POST', 'no: GET is not supported here; use POST'])
})

t.test('a path that is read has its names and its query, decoded', async (t) => {
  const url = await open(t, (door) =>
    door.get('/things/:id', (query) =>
      query.answer(200, { type: 'application/json', body: JSON.stringify([query.params.get('id'), query.search.getAll('x')]) }),
    ),
  )
  const long = 'ü/'.repeat(500)
  const answer = await fetch(`${url}/things/${encodeURIComponent(long)}?x=1&x=%22`)
  t.same(await answer.json(), [long, ['1', '"']])
  const posted = await fetch(`${url}/things/a`, { method: 'POST' })
  t.same([posted.status, posted.headers.get('allow')], [405, 'GET'])
})

t.test('whoever may not read is told so', async (t) => {
  const authenticator = {
    start: async () => {},
    stop: async () => {},
    authenticate: async (headers: ReadonlyMap<string, string>) => {
      if (headers.get('authorization') !== 'me') throw new UnauthenticatedError('who are you?')
      return { tenant: 'mine', headers: new Map() }
    },
  }
  const url = await open(
    t,
    (door) => door.get('/me', (query) => query.answer(200, { type: 'text/plain', body: query.origin.tenant }), lines),
    { authenticator },
  )
  const stranger = await fetch(`${url}/me`)
  t.same([stranger.status, await stranger.text()], [401, 'no: who are you?'])
  t.equal(await (await fetch(`${url}/me`, { headers: { authorization: 'me' } })).text(), 'mine')
})

t.test('a stream of events ends with its reader', async (t) => {
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  let stream: EventStream | undefined
  const url = await open(t, (door) => door.get('/events', (query) => (stream = query.stream(resolve))))
  const going = new AbortController()
  const answer = await fetch(`${url}/events`, { signal: going.signal })
  t.equal(answer.headers.get('content-type'), 'text/event-stream')
  stream!.write('data: 1\n\n')
  const reader = answer.body!.getReader()
  t.equal(Buffer.from((await reader.read()).value).toString(), 'data: 1\n\n')
  going.abort()
  await ended
  t.doesNotThrow(() => stream!.write('data: 2\n\n'), 'what is written to nobody is nobody’s fault')
})

t.test('a stream of events ends when its reader is known no longer', async (t) => {
  const clock = new TestClock()
  const { authenticator, forget } = tokens()
  const ended = Promise.withResolvers<void>()
  const url = await open(t, (door) => door.get('/events', (query) => query.stream(ended.resolve).write(':\n\n'), lines), {
    clock,
    authenticator,
  })
  const reader = (await fetch(`${url}/events`)).body!.getReader()
  await reader.read()
  await clock.advance(61_000)
  t.equal(await Promise.race([ended.promise, sleep(20, 'open')]), 'open')
  forget()
  await clock.advance(61_000)
  t.equal((await reader.read()).done, true)
  await ended.promise
})

t.test('a reader that does not take its answer is cut off', async (t) => {
  const clock = new TestClock()
  const body = 'x'.repeat(20_000_000)
  const url = await open(t, (door) => door.get('/large', (query) => query.answer(200, { type: 'text/plain', body }), lines), { clock })
  const answer = await fetch(`${url}/large`)
  await clock.advance(31_000)
  await t.rejects(answer.text(), { message: 'terminated' })
  t.equal((await (await fetch(`${url}/large`)).text()).length, body.length)
})

t.test('a reader that does not take what is left when its stream ends is cut off', async (t) => {
  const clock = new TestClock()
  let stream: EventStream | undefined
  const ended = Promise.withResolvers<void>()
  const url = await open(t, (door) => door.get('/events', (query) => (stream = query.stream(ended.resolve)), lines), { clock })
  await fetch(`${url}/events`)
  while (stream!.waitingBytes < 1_000_000) {
    stream!.write('x'.repeat(1_000_000))
    await sleep(5)
  }
  stream!.end()
  await clock.advance(9000)
  t.equal(await Promise.race([ended.promise, sleep(20, 'open')]), 'open')
  await clock.advance(2000)
  await ended.promise
})

t.test('what a slow reader has not taken can be told, and a door that stops ends its streams', async (t) => {
  let stream: EventStream | undefined
  let door: HttpDoor | undefined
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const url = await open(t, (opened) => {
    door = opened
    opened.get('/events', (query) => (stream = query.stream(resolve)))
  })
  const answer = await fetch(`${url}/events`)
  for (let i = 0; i < 200 && stream!.waitingBytes < 1_000_000; i++) {
    stream!.write(`data: ${'x'.repeat(100_000)}\n\n`)
    await sleep(1)
  }
  t.ok(stream!.waitingBytes >= 1_000_000)
  const stopped = door!.stop(new AbortController().signal)
  // It may be cut off before it has read everything.
  await answer.arrayBuffer().catch(() => {})
  await Promise.all([ended, stopped])
})
