import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { ANONYMOUS } from '../core/batch.ts'
import { TestSettings } from '../core/testing/index.ts'
import { MessageTrust } from '../core/trust/index.ts'
import { bodyOf, FakeServer, type Json } from './fixtures/fake-server.ts'
import { forgetfulProxy } from './fixtures/forgetful-proxy.ts'
import { type Client, type ClientOptions, createClient, extract, type Rejection } from './index.ts'

const FAST = { minBackoffMs: 1, maxBackoffMs: 20, lingerMs: 1 } as const

function clientFor(t: Test, server: FakeServer, options: Partial<ClientOptions> = {}): Client {
  const client = createClient({ url: server.url(), service: 'planner', ...FAST, ...options })
  t.teardown(() => client.close())
  return client
}

const ids = (messages: readonly Json[]): readonly string[] => messages.map(({ message_id }) => message_id)

for (const scheme of ['http', 'ws'] as const) {
  t.test(`over ${scheme}`, async (t) => {
    t.test('an execution is told from its start to its end', async (t) => {
      const server = await FakeServer.start(t)
      const client = clientFor(t, server, {
        url: server.url(scheme),
        serviceVersion: '2',
        resource: { 'host.name': 'h' },
        sender: { id: 'planner-1', type: 'agent', authentication: { method: 'jwt', token: 'x' } },
      })
      const plan = client.start('plan', {
        kind: 'server',
        userId: 'u',
        attributes: { legs: 3 },
        correlationId: 'c',
        fields: { sampling: { sampling_rate: 0.5 } },
      })
      plan.update({ status: 'running', progress: 40, operation: 'pricing', metrics: { cpu_usage_percent: 9 } })
      plan.event('leg_planned', { leg: 1 }, new Date('2026-02-13T07:00:00.5Z'))
      plan.recordMetric('tokens', 812)
      const task = plan.child('price')
      task.fail(new RangeError('no price'))
      plan.complete({ result: { ok: true }, metrics: { total_ms: 5 }, message: 'fine' })
      plan.complete({ status: 'cancelled' })
      await client.close()
      const { traceId, spanId } = plan.context
      t.match(server.messages, [
        {
          message_type: 'trace.execution.start',
          protocol_version: '1.0.0-alpha',
          correlation_id: 'c',
          sender: { sender_id: 'planner-1', sender_type: 'agent', authentication: { method: 'jwt', token: 'x' } },
          payload: {
            trace_start: {
              trace_id: traceId,
              span_id: spanId,
              operation_name: 'plan',
              service_name: 'planner',
              service_version: '2',
              resource_attributes: { 'host.name': 'h' },
              span_kind: 'server',
              span_attributes: { legs: 3 },
              context: { user_id: 'u' },
              sampling: { sampling_rate: 0.5 },
            },
          },
        },
        {
          message_type: 'trace.execution.update',
          payload: {
            trace_update: {
              status: 'running',
              progress_percentage: 40,
              current_operation: 'pricing',
              performance_metrics: { cpu_usage_percent: 9 },
            },
          },
        },
        {
          payload: {
            trace_update: {
              span_events: [{ event_name: 'leg_planned', event_timestamp: '2026-02-13T07:00:00.500000Z', event_attributes: { leg: 1 } }],
            },
          },
        },
        {
          message_type: 'trace.metrics.collect',
          payload: { metrics_collection: { trace_id: traceId, span_id: spanId, operation_name: 'plan', custom_metrics: { tokens: 812 } } },
        },
        {
          correlation_id: 'c',
          payload: { trace_start: { trace_id: traceId, span_id: task.context.spanId, parent_span_id: spanId, operation_name: 'price' } },
        },
        {
          message_type: 'trace.execution.complete',
          payload: {
            trace_completion: {
              status: { code: 'failed', message: 'no price' },
              errors: [{ message: 'no price', attributes: { 'exception.type': 'RangeError', 'exception.stacktrace': /client\.test/ } }],
            },
          },
        },
        {
          payload: {
            trace_completion: {
              status: { code: 'completed', message: 'fine' },
              execution_result: { ok: true },
              final_metrics: { total_ms: 5 },
            },
          },
        },
      ])
      t.equal(server.messages.length, 7, 'the first end counts')
      t.equal(new Set(ids(server.messages)).size, 7)
      const times = server.messages.map(({ timestamp }) => timestamp as string)
      t.same(times, times.toSorted(), 'in the order of time')
      t.match(times[0], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
      t.ok(Math.abs(Date.parse(times[0]!) - Date.now()) < 60_000)
      t.same(client.counts, { made: 7, accepted: 7, rejected: 0, dropped: 0, pending: 0 })
    })

    t.test('what is said at once travels together', async (t) => {
      const server = await FakeServer.start(t)
      const client = clientFor(t, server, { url: server.url(scheme), maxBatchBytes: 2000 })
      const plan = client.start('plan')
      for (let i = 0; i < 30; i++) plan.event('tick')
      await client.flush()
      t.ok(server.sizes.length < 31 && server.sizes.length > 3, server.sizes.join(' '))
      t.same(
        server.sizes.reduce((sum, size) => sum + size, 0),
        31,
      )
    })

    t.test('what is refused for now is sent again as it was', async (t) => {
      const server = await FakeServer.start(t)
      const troubles: Error[] = []
      const client = clientFor(t, server, { url: server.url(scheme), onTrouble: (error) => troubles.push(error) })
      server.say = (attempt, message) => {
        if (attempt === 1) return { refuse: scheme === 'http' ? 503 : 1013 }
        if (attempt > 2) return {}
        const full = { status: 'retry', retry_after_ms: 40, errors: [{ path: '', message: 'full' }] }
        return message.message_type.endsWith('start') ? { status: 'duplicate' } : full
      }
      client.start('plan').complete()
      const began = performance.now()
      await client.flush()
      t.same(server.sizes, [2, 2, 1])
      t.same(server.messages[1], server.messages[4], 'to the letter')
      t.ok(performance.now() - began >= 40, 'not before the server asked for it')
      t.match(
        troubles.map(({ message }) => message),
        [/503|1013/, /full/],
      )
      t.same(client.counts, { made: 2, accepted: 2, rejected: 0, dropped: 0, pending: 0 })
    })

    t.test('what is not answered is sent again', async (t) => {
      const server = await FakeServer.start(t)
      const troubles: Error[] = []
      const client = clientFor(t, server, { url: server.url(scheme), answerTimeoutMs: 300, onTrouble: (error) => troubles.push(error) })
      server.say = (attempt) => (attempt === 1 ? { refuse: 'silence' } : {})
      client.start('plan')
      await client.flush()
      t.match(troubles[0], { message: /no answer within 300 ms/ })
      t.same(new Set(ids(server.messages)).size, 1)
      t.ok(server.messages.length > 1)
      t.equal(client.counts.accepted, 1)
    })

    t.test('what is rejected is told, and not sent again', async (t) => {
      const server = await FakeServer.start(t)
      const rejections: Rejection[] = []
      const client = clientFor(t, server, { url: server.url(scheme), onRejected: (rejection) => rejections.push(rejection) })
      const errors = [{ path: '/payload', message: 'is wrong' }]
      server.say = (_, message) => (message.message_type.endsWith('update') ? { status: 'rejected', errors } : {})
      const plan = client.start('plan')
      plan.update({ progress: 1 })
      plan.complete()
      await client.flush()
      t.same(rejections, [{ messageId: ids(server.messages)[1], messageType: 'trace.execution.update', errors }])
      t.same(client.counts, { made: 3, accepted: 2, rejected: 1, dropped: 0, pending: 0 })
    })

    t.test('a server that takes less at once gets less, and what alone is too large is rejected', async (t) => {
      const server = await FakeServer.start(t)
      const rejections: Rejection[] = []
      const client = clientFor(t, server, { url: server.url(scheme), onRejected: (rejection) => rejections.push(rejection) })
      server.say = (_, message) =>
        server.sizes.at(-1)! > 1 || bodyOf(message).span_attributes?.large ? { refuse: scheme === 'http' ? 413 : 1009 } : {}
      const plan = client.start('plan')
      plan.update({ attributes: { large: true } })
      plan.complete()
      await client.flush()
      t.match(rejections, [{ messageType: 'trace.execution.update', errors: [{ message: /413|1009/ }] }])
      t.same(client.counts, { made: 3, accepted: 2, rejected: 1, dropped: 0, pending: 0 })
    })

    t.test('a server that goes away and comes back loses nothing', async (t) => {
      const gone = await FakeServer.start(t)
      const client = clientFor(t, gone, { url: gone.url(scheme) })
      const plan = client.start('plan')
      await client.flush()
      gone.say = () => ({ refuse: scheme === 'http' ? 502 : 1001 })
      plan.event('meanwhile')
      while (gone.sizes.length < 4) await new Promise((resolve) => setTimeout(resolve, 5))
      gone.say = () => ({})
      plan.complete()
      await client.flush()
      t.equal(new Set(ids(gone.messages)).size, 3)
      t.same(client.counts, { made: 3, accepted: 3, rejected: 0, dropped: 0, pending: 0 })
    })

    t.test('a token that never comes is asked for again', async (t) => {
      const server = await FakeServer.start(t)
      let asked = 0
      const token = (): Promise<string> => (++asked === 1 ? new Promise(() => {}) : Promise.resolve('t'))
      const client = clientFor(t, server, { url: server.url(scheme), token, answerTimeoutMs: 200 })
      client.start('plan')
      await client.flush()
      t.equal(client.counts.accepted, 1)
      t.equal(asked, 2)
    })

    t.test('the token is asked for anew, and shown', async (t) => {
      const server = await FakeServer.start(t)
      let asked = 0
      const client = clientFor(t, server, { url: server.url(scheme), token: async () => `token-${++asked}` })
      client.start('plan')
      await client.flush()
      const [request] = server.requests
      const bearer = Buffer.from('token-1').toString('base64url')
      if (scheme === 'http') t.equal(request!.headers.authorization, 'Bearer token-1')
      else t.equal(request!.headers['sec-websocket-protocol']!.replaceAll(' ', ''), `mplp.v1,bearer.${bearer}`)
    })
  })
}

t.test('a connection that is forgotten on the way is replaced', async (t) => {
  const server = await FakeServer.start(t)
  const proxy = await forgetfulProxy(t, server.port)
  const client = clientFor(t, server, { url: `ws://127.0.0.1:${proxy.port}`, answerTimeoutMs: 200 })
  client.start('before')
  await client.flush()
  proxy.forget()
  client.start('after')
  await client.flush()
  t.equal(client.counts.accepted, 2)
})

t.test('a connection that is still being made does not keep the program from ending', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  const client = createClient({ url: `ws://127.0.0.1:${(silent.address() as AddressInfo).port}`, service: 's', closeTimeoutMs: 50 })
  client.start('plan')
  const [socket] = (await once(silent, 'connection')) as [Socket]
  const ended = once(socket.resume(), 'close')
  const beforeMs = performance.now()
  await client.close()
  await ended
  t.ok(performance.now() - beforeMs < 10_000, 'long before it would be given up')
})

t.test('the buffer is bounded, and what is given up is counted and told', async (t) => {
  for (const whenFull of ['drop_oldest', 'drop_newest'] as const) {
    const server = await FakeServer.start(t)
    let told = 0
    const onDrop = ({ count, reason }: { count: number; reason: string }): void => void (reason === 'buffer_full' && (told += count))
    const client = clientFor(t, server, { maxBufferBytes: 3000, whenFull, onDrop, lingerMs: 50 })
    const plan = client.start('plan')
    for (let i = 0; i < 50; i++) plan.event(`e${i}`)
    const before = client.counts
    t.ok(before.dropped > 30 && before.pending > 3, JSON.stringify(before))
    await client.close()
    const names = server.messages.map((message) => bodyOf(message).span_events?.[0].event_name ?? 'start')
    t.equal(names.includes('e49'), whenFull === 'drop_oldest')
    t.equal(names.includes('start'), whenFull === 'drop_newest')
    t.equal(told, before.dropped)
    t.equal(client.counts.accepted + client.counts.dropped, client.counts.made)
    plan.complete()
    t.equal(client.counts.dropped, before.dropped + 1, 'after the end nothing is taken')
  }
})

t.test('closing gives up after a while, tells so, and does not wait for a silent server', async (t) => {
  for (const scheme of ['http', 'ws'] as const) {
    const server = await FakeServer.start(t)
    server.say = () => ({ refuse: 'silence' })
    const drops: number[] = []
    const told = (): number => drops.reduce((sum, count) => sum + count, 0)
    const client = clientFor(t, server, { url: server.url(scheme), closeTimeoutMs: 30, onDrop: ({ count }) => drops.push(count) })
    client.start('plan').complete()
    await client.close()
    t.same(client.counts, { made: 2, accepted: 0, rejected: 0, dropped: 2, pending: 0 }, 'when it has closed, all is told')
    t.equal(told(), 2)
    await new Promise((resolve) => setTimeout(resolve, 20))
    t.equal(client.counts.dropped, 2, 'and what fails later is not counted again')
  }
})

t.test('nothing throws into the application', async (t) => {
  const server = await FakeServer.start(t)
  const rejections: Rejection[] = []
  const client = clientFor(t, server, {
    onRejected: (rejection) => {
      rejections.push(rejection)
      throw new Error('of the listener')
    },
  })
  const circular: Record<string, unknown> = { big: 12n, huge: 2n ** 70n }
  circular['self'] = circular
  const plan = client.start('plan', { attributes: circular })
  const hostile = {
    get x(): never {
      throw new Error('of the getter')
    },
  }
  t.doesNotThrow(() => {
    plan.update({ attributes: hostile })
    plan.recordMetric('m', Number.NaN)
    plan.event('e', {}, new Date(Number.NaN))
    plan.update(undefined as never)
    client.start(undefined as never, { startTime: Number.NaN, parent: {} as never })
    plan.fail(Object.create(null))
  })
  await client.flush()
  t.same(bodyOf(server.messages[0]).span_attributes, { big: 12, huge: String(2n ** 70n), self: '[circular]' })
  t.match(rejections[0]?.errors, [{ message: 'of the getter' }])
  t.match(rejections[1]?.errors, [{ message: 'metric m: got NaN; accepted: a finite number' }])
  t.equal(client.counts.pending, 0)
})

t.test('whatever the application hands over does not throw, and harms no other message', async (t) => {
  const server = await FakeServer.start(t)
  const rejections: Rejection[] = []
  const client = clientFor(t, server, { url: server.url('ws'), lingerMs: 20, onRejected: (rejection) => rejections.push(rejection) })
  const fail = (): never => {
    throw Object.create(null)
  }
  const hostile = new Proxy({}, { get: fail, ownKeys: fail, has: fail, getPrototypeOf: fail }) as never
  const plan = client.start('plan')
  t.doesNotThrow(() => {
    client.start('a', hostile).complete(hostile)
    client.start('b', { parent: hostile, baggage: hostile }).fail(hostile, hostile)
    plan.child('c', hostile)
    plan.update(hostile)
    plan.event(hostile, hostile, hostile)
    plan.recordMetric(Symbol('m') as never, 1)
    plan.update({
      attributes: {
        get x(): never {
          throw hostile
        },
      },
    })
    plan.inject(Object.freeze({}))
    plan.inject(null as never)
    plan.inject(hostile)
    extract(null as never)
    extract(hostile)
  })
  t.match(client.start('d', { baggage: { n: 1 as never } }).inject({}), { baggage: 'n=1' })
  const before = client.counts.rejected
  client.start('e', { correlationId: Symbol('s') as never })
  client.start('f', { fields: { toJSON: () => undefined } })
  const thrown = client.start('g')
  thrown.fail(hostile)
  await client.flush()
  t.same(client.counts, { ...client.counts, rejected: before + 1, dropped: 0, pending: 0 })
  t.match(rejections.at(-1)?.errors, [{ message: 'it has a toJSON that makes nothing of it' }])
  const ended = server.messages.map(bodyOf).find(({ span_id, errors }) => span_id === thrown.context.spanId && errors !== undefined)
  t.match(ended, { status: { code: 'failed' } }, 'what was thrown cannot be read, but it did end')
})

t.test('times do not go back when a clock that was set ahead is set back', async (t) => {
  const server = await FakeServer.start(t)
  const client = clientFor(t, server)
  const plan = client.start('plan')
  const { now } = Date
  t.teardown(() => (Date.now = now))
  Date.now = () => now() + 3_600_000
  const child = plan.child('child')
  Date.now = now
  child.complete()
  await client.flush()
  const [, begun, ended] = server.messages.map(({ timestamp }) => timestamp as string)
  t.ok(ended! >= begun!, `${begun} to ${ended}`)
})

t.test('a flush waits for what was said before it, and not for what is said meanwhile', async (t) => {
  const server = await FakeServer.start(t)
  const client = clientFor(t, server)
  const plan = client.start('plan')
  let said = 0
  server.say = () => {
    // Before it is answered: so something waits at all times.
    if (said++ < 500) plan.event('more')
    return {}
  }
  await client.flush()
  t.ok(said < 500, 'it goes on being talked to, and has flushed')
  said = 500
})

t.test('messages are signed and sealed so that the receiver believes them, once for all attempts', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const key = new Uint8Array(32).fill(7)
  const trust = new MessageTrust(
    {
      authentication: 'off',
      timestamp: 'off',
      max_age: '5m',
      max_ahead: '1m',
      integrity: 'required',
      signature: 'required',
      encryption: 'required',
      senders: { planner: { integrity_key: 'sixteen characters', public_key: publicKey.export({ type: 'spki', format: 'pem' }) } },
      encryption_keys: { one: { key: Buffer.from(key).toString('hex') } },
    },
    new TestSettings('mplp'),
  )
  const server = await FakeServer.start(t)
  server.say = (attempt) => (attempt === 1 ? { refuse: 503 } : {})
  const client = clientFor(t, server, {
    sender: { id: 'planner' },
    keys: {
      integrity: 'sixteen characters',
      signature: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      encryption: { keyId: 'one', key },
    },
  })
  client.start('plan', { attributes: { secret: 'früh' } })
  await client.flush()
  const [first, again] = server.messages
  t.same(first, again)
  t.notMatch(JSON.stringify(first), /früh/)
  const verdict = await trust.check(first, ANONYMOUS)
  t.match(verdict, { ok: true, message: { payload: { trace_start: { span_attributes: { secret: 'früh' } } } } })
  t.match(await trust.check({ ...first, message_id: 'other' }, ANONYMOUS), { ok: false })
})

t.test('a key that is none is told with each message', async (t) => {
  const server = await FakeServer.start(t)
  const rejections: Rejection[] = []
  const client = clientFor(t, server, { keys: { signature: 'AAAA' }, onRejected: (rejection) => rejections.push(rejection) })
  client.start('plan')
  await client.flush()
  t.match(rejections, [{ errors: [{ message: /it cannot be signed: keys\.signature is neither Ed25519 nor RSA/ }] }])
  t.same(server.messages, [])
})

t.test('wrong options are told at once', (t) => {
  const make = (options: object) => () => createClient({ url: 'http://127.0.0.1:1', service: 's', ...options })
  t.throws(make({ url: 'localhost:4320' }), { message: /url: got "localhost:4320"; accepted: such as/ })
  t.throws(make({ url: 'ftp://a' }), { message: /url/ })
  t.throws(make({ service: '' }), { message: /service: got ""/ })
  t.throws(make({ transport: 'smoke' }), { message: /transport: got "smoke"; accepted: http, websocket, grpc/ })
  t.throws(make({ lingerMs: -1 }), { message: /lingerMs: got -1/ })
  t.throws(make({ whenFull: 'x' }), { message: /whenFull/ })
  t.end()
})

t.test('context goes on in another process', async (t) => {
  const server = await FakeServer.start(t)
  const client = clientFor(t, server)
  const here = client.start('plan', { baggage: { voyage: 'lisbon & back' } })
  const headers = here.inject(new Headers())
  const there = client.start('price', { parent: extract(headers), kind: 'server' })
  await client.flush()
  t.match(bodyOf(server.messages[1]), {
    trace_id: here.context.traceId,
    parent_span_id: here.context.spanId,
    baggage: { voyage: 'lisbon & back' },
  })
  t.equal(there.context.traceId, here.context.traceId)
  const unsampled = client.start('quiet', { parent: { ...here.context, sampled: false, traceState: 'a=b' } })
  await client.flush()
  t.match(bodyOf(server.messages[2]), { trace_state: 'a=b', sampling_configuration: { sampling_decision: 'not_sampled' } })
  t.match(unsampled.inject({}), { traceparent: /-00$/, tracestate: 'a=b' })
})

t.test('a program that runs out of things to do has said everything, and ends', async (t) => {
  const server = await FakeServer.start(t)
  // The first attempt fails, so that something is left to do when the program has nothing else.
  server.say = (attempt) => (attempt % 2 === 1 ? { refuse: 503 } : {})
  const program = (url: string, more: string): string => `
    import { createClient } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))}
    const client = createClient({ url: '${url}', service: 's', idleTimeoutMs: 1, onDrop: ({ count }) => console.log('dropped', count) ${more} })
    client.start('plan').complete()`
  const ends = async (url: string, more = ''): Promise<string> => {
    const folder = t.testdir({ 'program.mjs': program(url, more) })
    return (await promisify(execFile)(process.execPath, [join(folder, 'program.mjs')])).stdout
  }
  t.equal(await ends(server.url()), '')
  t.match(server.messages.at(-1), { message_type: 'trace.execution.complete' })
  server.say = () => ({})
  t.equal(await ends(server.url('ws')), '')
  t.equal(new Set(ids(server.messages)).size, 4)
  t.equal(await ends('http://127.0.0.1:9', ', closeTimeoutMs: 50'), 'dropped 2\n', 'a server that is not there does not hold it')
})
