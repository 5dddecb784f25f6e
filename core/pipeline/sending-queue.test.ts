// The queue in memory, seen from its senders, its destination and the ledger.

import t from 'tap'
import { type Batch, Ledger, PartialError, PermanentError, RetryableError } from '../index.ts'
import { CollectingConsumer, TestClock, TestSettings, lifecycleSuite, numberedSpans, readSpans } from '../testing/index.ts'
import { Entry } from './entry.ts'
import { FanOut } from './fan-out.ts'
import { type QueueOptions, queueOptionsOf, queueSchema } from '../config/queue-options.ts'
import { Courier } from './courier.ts'
import { SendingQueue } from './sending-queue.ts'

const options: QueueOptions = {
  consumers: 2,
  size: 4,
  sizer: 'requests',
  maxBytes: 1 << 30,
  blockOnOverflow: false,
  retry: {
    enabled: true,
    initialIntervalMs: 1000,
    maxIntervalMs: 30_000,
    multiplier: 2,
    randomizationFactor: 0,
    maxElapsedMs: Infinity,
  },
  storage: undefined,
}

/** A pipeline that ends in a queue, as the graph wires it. */
function make(more: Partial<QueueOptions> = {}) {
  const clock = new TestClock()
  const settings = new TestSettings('exporter', clock)
  const end = new CollectingConsumer()
  const whole = { ...options, ...more }
  const courier = new Courier({ id: 'exporter', exporter: end, retry: whole.retry, clock, log: settings.log })
  const queue = new SendingQueue(courier, whole, clock, settings.log)
  const ledger = new Ledger()
  const account = ledger.pipeline('traces', ['exporter'])
  const fanOut = new FanOut([{ id: 'exporter', consumer: queue.door(account.destination('exporter')) }], settings.log)
  const entry = new Entry(fanOut, account)
  return { clock, settings, end, queue, entry, account, row: () => ledger.rows()[0]! }
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const never = new AbortController().signal

t.test('senders are answered at once, and everything is delivered in order', async (t) => {
  const { entry, end, row, queue } = make({ consumers: 1 })
  end.hold()
  for (let i = 0; i < 4; i++) await entry.consume(numberedSpans(2, 2 * i), 100)
  t.match(row(), { received: 8, delivered: 0, queued: 8, refused: 0, inFlight: 0 })
  t.equal(queue.size, 4)
  end.release()
  await queue.stop(never)
  t.match(row(), { received: 8, delivered: 8, queued: 0, inFlight: 0 })
  t.same(
    end.spans().map(({ attributes }) => attributes['n']),
    [0, 1, 2, 3, 4, 5, 6, 7],
  )
  t.ok(
    end.deadlines.every((deadlineMs) => deadlineMs === Infinity),
    'nobody waits any more',
  )
})

t.test('no more batches are on their way than there are consumers', async (t) => {
  const { entry, end, queue } = make()
  end.hold()
  for (let i = 0; i < 4; i++) await entry.consume(numberedSpans(1), 0)
  await turn()
  t.equal(end.holding, 2)
  end.release()
  await queue.stop(never)
  t.equal(end.count, 4)
})

t.test('a full queue sends back, by requests, items or bytes, and takes again when there is room', async (t) => {
  const bytes = numberedSpans(2).chunks[0]!.buffer.byteLength
  for (const more of [{}, { sizer: 'items', size: 8 }, { sizer: 'bytes', size: 4 * bytes }, { size: 100, maxBytes: 4 * bytes }] as const) {
    const { entry, end, row, clock, queue, account } = make(more)
    end.hold()
    for (let i = 0; i < 4; i++) await entry.consume(numberedSpans(2), 0)
    await t.rejects(entry.consume(numberedSpans(2), 0), { name: 'RetryableError', message: /queue is full/, retryAfterMs: 1000 })
    t.match(row(), { received: 10, queued: 8, refused: 2, inFlight: 0 })
    t.equal(account.destination('exporter').overflowed, 2)
    end.release()
    await clock.advance(0)
    await entry.consume(numberedSpans(2), 0)
    await queue.stop(never)
    t.match(row(), { received: 12, delivered: 10, refused: 2, queued: 0, inFlight: 0 })
  }
})

t.test('an empty queue takes what is larger than all of it', async (t) => {
  const { entry, end, queue } = make({ sizer: 'items', size: 3 })
  await entry.consume(numberedSpans(10), 0)
  await queue.stop(never)
  t.equal(end.count, 10)
})

t.test('with block_on_overflow senders wait for room, in their order, until their deadline', async (t) => {
  const { entry, end, row, clock, queue } = make({ size: 1, consumers: 1, blockOnOverflow: true })
  end.hold()
  await entry.consume(numberedSpans(1), 0)
  const answered: string[] = []
  const waiting = [
    entry.consume(numberedSpans(1, 1), 1000).then(() => answered.push('first')),
    entry.consume(numberedSpans(1, 2), 500).catch((error: Error) => answered.push(error.message)),
    entry.consume(numberedSpans(1, 3), Infinity).then(() => answered.push('third')),
  ]
  await clock.advance(499)
  t.same(answered, [])
  await clock.advance(1)
  t.same(answered, ['the sending queue is full'])
  end.release()
  await Promise.all(waiting)
  await queue.stop(never)
  t.same(answered, ['the sending queue is full', 'first', 'third'])
  t.same(
    end.spans().map(({ attributes }) => attributes['n']),
    [0, 1, 3],
  )
  t.match(row(), { received: 4, delivered: 3, refused: 1, queued: 0, inFlight: 0 })
  t.equal(clock.pending, 0)
})

t.test('what the destination cannot take now is offered again, with pauses that grow or that it asks for', async (t) => {
  const { entry, end, row, clock, queue } = make()
  let offers = 0
  end.refuse = () => {
    offers++
    if (offers === 3) throw new RetryableError('busy', { retryAfterMs: 60_000 })
    if (offers < 5) throw new Error('down')
  }
  await entry.consume(numberedSpans(3), 0)
  const seen: number[] = []
  for (const ms of [999, 1, 1999, 1, 59_999, 1, 7999, 1]) {
    await clock.advance(ms)
    seen.push(offers)
  }
  t.same(seen, [1, 2, 2, 3, 3, 4, 4, 5])
  t.match(row(), { delivered: 3, queued: 0, inFlight: 0 })
  await queue.stop(never)
})

t.test('where retrying has a limit, its end is a loss that is logged and counted', async (t) => {
  const { entry, end, row, settings, queue } = make({ retry: { ...options.retry, enabled: false } })
  end.refuse = () => {
    throw new RetryableError('still down')
  }
  await entry.consume(numberedSpans(3), 0)
  await queue.stop(never)
  t.match(row(), { received: 3, delivered: 0, refused: 3, queued: 0, inFlight: 0 })
  t.match(settings.lines, [{ level: 'error', fields: { items: 3, reason: 'still down' }, message: /^lost/ }])
})

t.test('a refusal is kept to those whom it concerns, and only what can still succeed is offered again', async (t) => {
  const { entry, end, row, clock, queue } = make()
  const has = (batch: Batch, n: number): boolean => readSpans(batch).some(({ attributes }) => attributes['n'] === n)
  let busy = 3
  end.refuse = (batch) => {
    if (has(batch, 0)) throw new PermanentError('bad')
    if (has(batch, 2)) throw new PartialError(1, 'one too old')
    if (has(batch, 5) && busy-- > 0) throw new RetryableError('busy')
  }
  const parts = [numberedSpans(2), numberedSpans(3, 2), numberedSpans(4, 5), numberedSpans(1, 9)]
  await entry.consume({ ...parts[0]!, chunks: parts.flatMap(({ chunks }) => chunks), count: 10 }, 0)
  await clock.advance(60_000)
  await queue.stop(never)
  t.match(row(), { received: 10, delivered: 2 + 4 + 1, refused: 2 + 1, queued: 0, inFlight: 0 })
  const numbers = end.spans().map(({ attributes }) => attributes['n'])
  t.same(
    numbers.toSorted((a, b) => Number(a) - Number(b)),
    [5, 6, 7, 8, 9],
    'each once',
  )
})

t.test('what still waits when the grace period ends stays in the ledger as queued, and is logged as lost', async (t) => {
  const { entry, end, row, settings, queue } = make({ consumers: 1 })
  end.hold()
  for (let i = 0; i < 3; i++) await entry.consume(numberedSpans(5), 0)
  const abort = new AbortController()
  const stopped = queue.stop(abort.signal)
  abort.abort()
  await stopped
  t.match(row(), { received: 15, delivered: 0, queued: 15, inFlight: 0 })
  t.match(settings.lines, [{ level: 'error', fields: { items: 15 }, message: /^lost/ }])
  await t.rejects(entry.consume(numberedSpans(1), 0), RetryableError)
})

t.test('a pause does not outlast stopping', async (t) => {
  const { entry, end, queue, clock, settings, row } = make()
  end.refuse = () => {
    throw new Error('down')
  }
  await entry.consume(numberedSpans(1), 0)
  await turn()
  const abort = new AbortController()
  const stopped = queue.stop(abort.signal)
  abort.abort()
  await stopped
  await turn()
  t.equal(clock.pending, 0)
  t.match(settings.lines, [{ level: 'error', fields: { items: 1 }, message: /^lost/ }])
  t.match(row(), { received: 1, queued: 1 })
})

t.test('a sender that waits for room is sent back when the queue stops', async (t) => {
  const { entry, end, queue, row } = make({ size: 1, blockOnOverflow: true })
  end.hold()
  await entry.consume(numberedSpans(1), Infinity)
  const waiting = entry.consume(numberedSpans(2), Infinity)
  const abort = new AbortController()
  const stopped = queue.stop(abort.signal)
  abort.abort()
  await stopped
  await t.rejects(waiting, RetryableError)
  t.match(row(), { received: 3, queued: 1, refused: 2, inFlight: 0 })
})

t.test('a long line stays in order while it is compacted', async (t) => {
  const { entry, end, queue } = make({ size: 2000, consumers: 1 })
  end.hold()
  for (let i = 0; i < 1500; i++) await entry.consume(numberedSpans(1, i), 0)
  end.release()
  await queue.stop(never)
  t.same(
    end.spans().map(({ attributes }) => Number(attributes['n'])),
    Array.from({ length: 1500 }, (_, i) => i),
  )
})

const retryDefaults = {
  enabled: true,
  initial_interval: '500ms',
  max_interval: '30s',
  multiplier: 1.5,
  randomization_factor: 0.5,
  max_elapsed_time: '0s',
}

t.test('settings become options only where the schema has the queue and it is enabled', async (t) => {
  const queue = { enabled: true, num_consumers: 3, queue_size: 9, sizer: 'items', max_bytes: 5, block_on_overflow: true }
  const schema = { properties: { sending_queue: queueSchema } }
  const expected = { consumers: 3, size: 9, sizer: 'items', maxBytes: 5, blockOnOverflow: true }
  t.match(queueOptionsOf(schema, { sending_queue: queue }), { ...expected, retry: { enabled: true, maxElapsedMs: Infinity } })
  const retry = (more: object): object => ({ sending_queue: queue, retry_on_failure: { ...retryDefaults, ...more } })
  t.match(queueOptionsOf(schema, retry({})), { retry: { enabled: true, initialIntervalMs: 500, maxElapsedMs: Infinity } })
  t.match(queueOptionsOf(schema, retry({ enabled: false })), { retry: { enabled: false } })
  t.match(queueOptionsOf(schema, retry({ max_elapsed_time: '5m' })), { retry: { maxElapsedMs: 300_000 } })
  t.equal(queueOptionsOf(schema, { sending_queue: { ...queue, enabled: false } }), undefined)
  t.equal(queueOptionsOf({ properties: { sending_queue: { type: 'object' } } }, { sending_queue: queue }), undefined)
  t.equal(queueOptionsOf({}, { sending_queue: queue }), undefined)
})

lifecycleSuite(t.test.bind(t), async () => make().queue)
