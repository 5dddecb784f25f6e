// What exporters share: when a failure is tried again and when not, and what is read of an answer.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import t, { type Test } from 'tap'
import { type Clock, systemClock } from '../clock.ts'
import { PartialError, PermanentError, RetryableError } from '../errors.ts'
import { MAX_ANSWER_BYTES } from './answer-reader.ts'
import { compress } from './compress.ts'
import { HttpSender } from './http-sender.ts'
import { InFlight } from './in-flight.ts'
import { retryAfterMs } from './retry-after.ts'
import { type RetryOptions, retryOptionsOf } from './retry-options.ts'
import { BrokenConnectionError, Retry } from './retry.ts'

const never = new AbortController().signal

/** Time that passes only in pauses: each is over as soon as it begins, and is written down. */
function skippingClock(): Clock & { readonly pauses: number[] } {
  const pauses: number[] = []
  let nowMs = 0
  return {
    pauses,
    monotonicMs: () => nowMs,
    now: () => new Date(nowMs),
    after(ms, run) {
      pauses.push(ms)
      nowMs += ms
      queueMicrotask(run)
      return { cancel: () => {} }
    },
  }
}

/** A deadline that no test reaches. */
const LATE = 1e9

const options: RetryOptions = {
  enabled: true,
  initialIntervalMs: 100,
  maxIntervalMs: 1000,
  multiplier: 2,
  randomizationFactor: 0,
  maxElapsedMs: Infinity,
}

/** Fails so many times, then succeeds. */
function failing(times: number, error: () => Error): { readonly attempt: () => Promise<void>; readonly count: () => number } {
  let count = 0
  return { count: () => count, attempt: () => (count++ < times ? Promise.reject(error()) : Promise.resolve()) }
}

t.test('pauses grow up to the longest, and a success ends them', async (t) => {
  const clock = skippingClock()
  const { attempt } = failing(6, () => new RetryableError('not now'))
  await new Retry(options, clock).run(attempt, LATE, never)
  t.same(clock.pauses, [100, 200, 400, 800, 1000, 1000])
})

t.test('jitter stays within its factor', async (t) => {
  for (const [random, expected] of [
    [0, 50],
    [0.5, 100],
    [0.999, 149.9],
  ] as const) {
    const clock = skippingClock()
    const { attempt } = failing(1, () => new RetryableError('not now'))
    await new Retry({ ...options, randomizationFactor: 0.5 }, clock, () => random).run(attempt, LATE, never)
    t.same(clock.pauses, [expected])
  }
})

t.test('what the destination asks for comes before our own pause, where it is longer', async (t) => {
  const clock = skippingClock()
  const waits = [3000, 10]
  const { attempt } = failing(2, () => new RetryableError('busy', { retryAfterMs: waits.shift()! }))
  await new Retry(options, clock).run(attempt, LATE, never)
  t.same(clock.pauses, [3000, 200])
})

t.test('only what may pass is tried again', async (t) => {
  for (const error of [new PermanentError('never'), new PartialError(1, 'one'), new TypeError('a bug')]) {
    const { attempt, count } = failing(1, () => error)
    await t.rejects(new Retry(options, skippingClock()).run(attempt, LATE, never), error)
    t.equal(count(), 1)
  }
  const { attempt, count } = failing(1, () => new RetryableError('not now'))
  await t.rejects(new Retry({ ...options, enabled: false }, skippingClock()).run(attempt, LATE, never), /not now/)
  t.equal(count(), 1)
})

t.test('it ends before the deadline, and says how long to wait', async (t) => {
  const clock = skippingClock()
  const { attempt, count } = failing(100, () => new RetryableError('not now'))
  const failure = (run: Promise<void>): Promise<unknown> => run.catch((error: unknown) => error)
  t.match(await failure(new Retry(options, clock).run(attempt, 700, never)), {
    name: 'RetryableError',
    message: 'not now',
    retryAfterMs: 400,
  })
  t.same(clock.pauses, [100, 200], 'a third pause would end at 700')
  t.equal(count(), 3)
  const patient = failing(100, () => new RetryableError('not now', { retryAfterMs: 60_000 }))
  const run = new Retry(options, clock).run(patient.attempt, clock.monotonicMs() + 8000, never)
  t.match(await failure(run), { name: 'RetryableError', retryAfterMs: 60_000 })
  t.equal(patient.count(), 1, 'no pause that nobody waits for')
})

t.test('it never runs past the deadline, whatever the keys say', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        enabled: fc.constant(true),
        initialIntervalMs: fc.integer({ min: 1, max: 10_000 }),
        maxIntervalMs: fc.integer({ min: 1, max: 60_000 }),
        multiplier: fc.double({ min: 1, max: 10, noNaN: true }),
        randomizationFactor: fc.double({ min: 0, max: 1, noNaN: true }),
        maxElapsedMs: fc.constantFrom(Infinity, 1, 5000),
      }),
      fc.integer({ min: 0, max: 20_000 }),
      fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 5 }),
      async (options, deadlineMs, waits) => {
        const clock = skippingClock()
        const lateBegins: number[] = []
        let count = 0
        const attempt = (): Promise<void> => {
          if (clock.monotonicMs() > Math.min(deadlineMs, options.maxElapsedMs)) lateBegins.push(clock.monotonicMs())
          if (++count > 10_000) throw new Error('no end')
          return Promise.reject(new RetryableError('not now', { retryAfterMs: Math.max(1, waits[count % waits.length]!) }))
        }
        const outcome = await new Retry(options, clock).run(attempt, deadlineMs, never).catch((error: unknown) => error)
        return outcome instanceof RetryableError && lateBegins.length === 0
      },
    ),
  )
})

t.test('the longest time of all its attempts is bounded too', async (t) => {
  const clock = skippingClock()
  const { attempt } = failing(100, () => new RetryableError('not now'))
  await t.rejects(new Retry({ ...options, maxElapsedMs: 1000 }, clock).run(attempt, LATE, never), RetryableError)
  t.same(clock.pauses, [100, 200, 400])
})

t.test('a broken connection is followed at once by a new one, but not for ever', async (t) => {
  const clock = skippingClock()
  const errors = [1, 2, 3, 0, 4].map((n) => (n === 0 ? new RetryableError('not now') : new BrokenConnectionError(`broken ${n}`)))
  const { attempt, count } = failing(errors.length, () => errors.shift()!)
  await new Retry(options, clock).run(attempt, LATE, never)
  t.same(clock.pauses, [100, 200], 'a pause after the third in a row, and after what was no broken connection')
  t.equal(count(), 6)
  for (const run of [
    new Retry({ ...options, enabled: false }, clock).run(() => Promise.reject(new BrokenConnectionError('broken')), LATE, never),
    new Retry(options, clock).run(() => Promise.reject(new BrokenConnectionError('broken')), clock.monotonicMs(), never),
    new Retry(options, clock).run(() => Promise.reject(new BrokenConnectionError('broken')), LATE, AbortSignal.abort()),
  ])
    await t.rejects(run, { name: 'RetryableError', message: 'broken' })
})

t.test('while somebody waits no pause grows past a second', async (t) => {
  const clock = skippingClock()
  const { attempt } = failing(6, () => new RetryableError('not now'))
  await new Retry({ ...options, maxIntervalMs: 30_000 }, clock).run(attempt, 100_000, never)
  t.same(clock.pauses, [100, 200, 400, 800, 1000, 1000])
  const other = skippingClock()
  await new Retry({ ...options, initialIntervalMs: 5000, maxIntervalMs: 30_000 }, other).run(
    failing(2, () => new RetryableError('not now')).attempt,
    100_000,
    never,
  )
  t.same(other.pauses, [5000, 5000], 'who wants longer ones has them')
})

t.test('where a queue owns the batch there is one attempt, and a new connection for one that broke', async (t) => {
  const clock = skippingClock()
  const { attempt, count } = failing(100, () => new RetryableError('not now'))
  const error = await new Retry(options, clock).run(attempt, Infinity, never).catch((error: unknown) => error)
  t.equal((error as RetryableError).retryAfterMs, undefined, 'the destination has not asked for a pause')
  const broken = failing(2, () => new BrokenConnectionError('broken'))
  await new Retry(options, clock).run(broken.attempt, Infinity, never)
  t.same([count(), broken.count(), clock.pauses], [1, 3, []])
})

t.test('aborting ends a pause', async (t) => {
  const abort = new AbortController()
  let cancelled = 0
  const clock: Clock = { ...systemClock, after: () => ({ cancel: () => void cancelled++ }) }
  const { attempt, count } = failing(100, () => new RetryableError('not now'))
  const run = new Retry(options, clock).run(attempt, LATE, abort.signal)
  await new Promise(setImmediate)
  abort.abort()
  await t.rejects(run, RetryableError)
  t.same([count(), cancelled], [1, 1])
})

t.test('the keys of the configuration', async (t) => {
  const config = {
    enabled: true,
    initial_interval: '5s',
    max_interval: '1m',
    multiplier: 3,
    randomization_factor: 0.25,
    max_elapsed_time: '0s',
  }
  t.same(retryOptionsOf(config), {
    enabled: true,
    initialIntervalMs: 5000,
    maxIntervalMs: 60_000,
    multiplier: 3,
    randomizationFactor: 0.25,
    maxElapsedMs: Infinity,
  })
})

t.test('Retry-After: seconds, dates, nonsense', async (t) => {
  const now = new Date('2026-01-02T03:04:05Z')
  t.equal(retryAfterMs('7', now), 7000)
  t.equal(retryAfterMs('0', now), 0)
  t.equal(retryAfterMs('Fri, 02 Jan 2026 03:04:15 GMT', now), 10_000)
  t.equal(retryAfterMs('Fri, 02 Jan 2026 03:00:00 GMT', now), 0, 'a date that is over')
  t.equal(retryAfterMs('99999999', now), 3_600_000, 'an hour is believed')
  t.equal(retryAfterMs(['3', '9'], now), 3000)
  for (const nothing of [undefined, '', 'soon', '-5x', []]) t.equal(retryAfterMs(nothing, now), undefined)
})

t.test('idle: at once, or with the last one that ends, failed or not', async (t) => {
  const inFlight = new InFlight()
  await inFlight.idle()
  const first = Promise.withResolvers<void>()
  const second = Promise.withResolvers<void>()
  const runs = [inFlight.run(() => first.promise), inFlight.run(() => second.promise)]
  let idle = false
  const waiting = inFlight.idle().then(() => (idle = true))
  first.resolve()
  await runs[0]
  await new Promise(setImmediate)
  t.same([idle, inFlight.count], [false, 1])
  second.reject(new Error('failed'))
  await t.rejects(runs[1]!)
  await waiting
})

t.test('compressed bodies are one member, at the level asked for', async (t) => {
  const chunks = [Buffer.from('a'.repeat(50_000)), Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i) % 97))]
  const whole = Buffer.concat(chunks)
  t.ok(gunzipSync(await compress('gzip', chunks)).equals(whole))
  t.ok(zstdDecompressSync(await compress('zstd', chunks)).equals(whole))
  t.ok(gunzipSync(await compress('gzip', [whole], 1)).equals(whole))
  t.ok((await compress('gzip', chunks, 9)).length < (await compress('gzip', chunks, 1)).length)
  t.ok((await compress('zstd', chunks, 19)).length < (await compress('zstd', chunks, 1)).length)
})

// ---------------------------------------------------------------- over a socket

type Script = (socket: Socket, request: string) => void

/** A server of raw bytes: `script` sees everything that came on a connection so far, each time more comes. */
async function serve(
  t: Test,
  script: Script,
  maxConnections = 2,
): Promise<{ readonly sender: HttpSender; readonly connections: () => number }> {
  let connections = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    connections++
    sockets.add(socket)
    let request = ''
    socket.on('error', () => {})
    socket.on('data', (piece) => {
      request += piece.toString('latin1')
      script(socket, request)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sender = new HttpSender({
    origin: `http://127.0.0.1:${port}`,
    maxConnections,
    idleTimeoutMs: 10_000,
    connectTimeoutMs: 10_000,
    clock: systemClock,
  })
  t.teardown(async () => {
    await sender.destroy()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { sender, connections: () => connections }
}

const MINUTE = 60_000
const answer = (body: string, ...headers: string[]): string =>
  ['HTTP/1.1 200 OK', `Content-Length: ${body.length}`, ...headers, '', body].join('\r\n')

t.test('chunks arrive end to end with their length, over a kept connection', async (t) => {
  const requests: string[] = []
  let seen = 0
  const { sender, connections } = await serve(
    t,
    (socket, request) => {
      if (!request.endsWith('END')) return
      requests.push(request.slice(seen))
      seen = request.length
      socket.write(answer('fine', 'X-Mark: 1'))
    },
    1,
  )
  for (const chunks of [['one', 'END'], ['END'], ['', 'a', 'b', 'END']]) {
    const buffers = chunks.map((text) => Buffer.from(text))
    const { status, headers, body } = await sender.post('/path?q=1', { 'x-test': 'yes' }, buffers, MINUTE)
    t.same([status, headers['x-mark'], body.toString()], [200, '1', 'fine'])
  }
  t.equal(connections(), 1)
  t.same(
    requests.map((request) => request.split('\r\n\r\n')[1]),
    ['oneEND', 'END', 'abEND'],
  )
  t.same(
    requests.map((request) => /content-length: (\d+)/i.exec(request)?.[1]),
    ['6', '3', '5'],
  )
  t.match(requests[0], /^POST \/path\?q=1 HTTP\/1.1\r\n[^]*x-test: yes/)
})

t.test('a server that accepts and never answers costs the timeout, no more', async (t) => {
  const { sender } = await serve(t, () => {})
  const began = performance.now()
  await t.rejects(sender.post('/', {}, [Buffer.from('x')], 50), { name: 'RetryableError', message: 'no whole answer within 50 ms' })
  t.ok(performance.now() - began >= 49)
})

t.test('an answer that drips does not outlast the timeout', async (t) => {
  const { sender } = await serve(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n')
    const drip = setInterval(() => socket.write('.'), 5)
    socket.on('close', () => clearInterval(drip))
  })
  await t.rejects(sender.post('/', {}, [Buffer.from('x')], 100), { name: 'RetryableError', message: /no whole answer/ })
})

t.test('the timeout counts while every connection is busy, and what has not begun is never sent', async (t) => {
  const requests: string[] = []
  const waiting: Socket[] = []
  const { sender, connections } = await serve(t, (socket, request) => {
    requests.push(request)
    if (request.includes('fourth')) socket.write(answer('fine'))
    else waiting.push(socket)
  })
  const busy = ['first', 'second'].map((text) => sender.post(`/${text}`, {}, [Buffer.from(text)], MINUTE))
  while (waiting.length < 2) await new Promise(setImmediate)
  await t.rejects(sender.post('/third', {}, [Buffer.from('third')], 20), /no whole answer within 20 ms/)
  for (const socket of waiting) socket.write(answer('fine'))
  await Promise.all(busy)
  t.equal((await sender.post('/fourth', {}, [Buffer.from('fourth')], MINUTE)).status, 200)
  t.equal(connections(), 2)
  t.notMatch(requests.join(), /third/)
})

t.test('destroying rejects what is in flight', async (t) => {
  const { sender } = await serve(t, () => {})
  const cut = t.rejects(sender.post('/', {}, [Buffer.from('x')], MINUTE), {
    name: 'RetryableError',
    message: 'stopped before an answer came',
  })
  await sender.destroy()
  await cut
})

t.test('a reset half-way, and an answer cut short, are failures that may pass', async (t) => {
  const reset = await serve(t, (socket) => socket.resetAndDestroy())
  await t.rejects(reset.sender.post('/', {}, [Buffer.alloc(1_000_000)], MINUTE), { name: 'RetryableError' })
  const cut = await serve(t, (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'))
  await t.rejects(cut.sender.post('/', {}, [Buffer.from('x')], MINUTE), { name: 'RetryableError' })
  const noise = await serve(t, (socket) => socket.end('SSH-2.0-OpenSSH\r\n'))
  await t.rejects(noise.sender.post('/', {}, [Buffer.from('x')], MINUTE), { name: 'RetryableError' })
})

t.test('an endless answer is read up to 4 MiB, and its connection closed', async (t) => {
  let closed: Promise<unknown> | undefined
  let written = 0
  const { sender } = await serve(t, (socket) => {
    if (closed !== undefined) return
    closed = new Promise((resolve) => socket.on('close', resolve))
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n')
    const piece = Buffer.alloc(64 * 1024, 'x')
    const pour = (): void => {
      if (socket.destroyed) return
      written += piece.length
      socket.write(piece, () => setImmediate(pour))
    }
    pour()
  })
  const { status, body } = await sender.post('/', {}, [Buffer.from('x')], MINUTE)
  t.same([status, body.length], [200, MAX_ANSWER_BYTES])
  await closed
  t.ok(written < 64 * 1024 * 1024, `${written} bytes were written`)
})

t.test('nobody listens', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const clock = systemClock
  const open = { maxConnections: 1, idleTimeoutMs: 1000, connectTimeoutMs: 10_000, clock }
  const sender = new HttpSender({ origin: `http://127.0.0.1:${port}`, ...open })
  await t.rejects(sender.post('/', {}, [Buffer.from('x')], MINUTE), {
    name: 'RetryableError',
    message: `connect ECONNREFUSED 127.0.0.1:${port}`,
  })
  const two = new HttpSender({ origin: `http://localhost:${port}`, ...open })
  await t.rejects(two.post('/', {}, [Buffer.from('x')], MINUTE), { name: 'RetryableError', message: /ECONNREFUSED/ })
  await Promise.all([sender.close(), two.close()])
})
