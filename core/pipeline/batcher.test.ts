import t from 'tap'
import fc from 'fast-check'
import { type Batch, type BatcherOptions, Batcher, PartialError, PermanentError, RetryableError } from '../index.ts'
import {
  CollectingConsumer,
  TestClock,
  TestSettings,
  logsBatch,
  numberedItems,
  numberedSpans,
  numbersOf,
  processorSuite,
  readSpans,
} from '../testing/index.ts'

const options: BatcherOptions = { sendBatchSize: 1000, sendBatchMaxSize: 0, timeoutMs: 200, maxAckDelayMs: 5 }

function make(more: Partial<BatcherOptions> = {}) {
  const clock = new TestClock()
  const next = new CollectingConsumer()
  return { clock, next, batcher: new Batcher({ ...options, ...more }, next, clock) }
}

/** What a sender sees: `taken`, or the error. */
function outcome(sent: Promise<void>): Promise<unknown> {
  return sent.then(
    () => 'taken',
    (error: unknown) => error,
  )
}

t.test('the suite of every processor', async (t) => {
  processorSuite(t.test.bind(t), { create: async (next, settings: TestSettings) => new Batcher(options, next, settings.clock) })
})

t.test('concurrent requests leave as one, and each sender waits for it', async (t) => {
  const { clock, next, batcher } = make()
  next.hold()
  let answers = 0
  const sent = [numberedSpans(3), numberedSpans(4, 3), numberedSpans(5, 7)].map((batch) =>
    batcher.consume(batch, 8000).then(() => answers++),
  )
  await clock.advance(5)
  t.equal(next.holding, 1, 'one merged batch')
  t.equal(answers, 0, 'nobody is answered early')
  next.release()
  await Promise.all(sent)
  t.equal(answers, 3)
  t.same(
    next.batches.map(({ count, chunks }) => [count, chunks.length]),
    [[12, 3]],
  )
  t.same(
    next.spans().map(({ attributes }) => attributes['n']),
    [...Array(12).keys()],
  )
})

t.test('a batch waits max_ack_delay while its sender waits, and timeout where nobody does', async (t) => {
  const { clock, next, batcher } = make()
  void batcher.consume(numberedSpans(1), 8000)
  await clock.advance(4.9)
  t.equal(next.batches.length, 0)
  await clock.advance(0.1)
  t.equal(next.batches.length, 1)
  void batcher.consume(numberedSpans(1), Infinity)
  await clock.advance(199)
  t.equal(next.batches.length, 1)
  await clock.advance(1)
  t.equal(next.batches.length, 2)
})

t.test('a sender who waits takes along what nobody waits for', async (t) => {
  const { clock, next, batcher } = make()
  void batcher.consume(numberedSpans(1), Infinity)
  void batcher.consume(numberedSpans(1), 8000)
  await clock.advance(5)
  t.same(
    next.batches.map(({ count }) => count),
    [2],
  )
  t.equal(clock.pending, 0, 'no timer is left behind')
})

t.test('send_batch_size sends at once', async (t) => {
  const { next, batcher } = make({ sendBatchSize: 10 })
  await Promise.all([batcher.consume(numberedSpans(6), 8000), batcher.consume(numberedSpans(6), 8000)])
  t.same(
    next.batches.map(({ count }) => count),
    [12],
  )
})

t.test('the deadline is that of the earliest sender', async (t) => {
  const { clock, next, batcher } = make()
  const sent = [9000, 7000, 8000].map((deadlineMs) => batcher.consume(numberedSpans(1), deadlineMs))
  await clock.advance(5)
  await Promise.all(sent)
  t.same(next.deadlines, [7000])
})

t.test('batches of different origins never meet', async (t) => {
  const { clock, next, batcher } = make()
  const other = { tenant: 'other', headers: new Map() }
  const sent = [batcher.consume(numberedSpans(1), 8000), batcher.consume({ ...numberedSpans(2), origin: other }, 8000)]
  await clock.advance(5)
  await Promise.all(sent)
  t.same(
    next.batches.map(({ origin, count }) => [origin.tenant, count]),
    [
      ['', 1],
      ['other', 2],
    ],
  )
})

t.test('signals never meet', async (t) => {
  const { clock, next, batcher } = make()
  const sent = (['traces', 'logs', 'metrics'] as const).map((signal) => batcher.consume(numberedItems(signal, 2), 8000))
  await clock.advance(5)
  await Promise.all(sent)
  t.same(
    next.batches.map(({ signal, count }) => [signal, count]),
    [
      ['traces', 2],
      ['logs', 2],
      ['metrics', 2],
    ],
  )
})

t.test('a batch without items is answered at once', async (t) => {
  for (const sendBatchMaxSize of [0, 10]) {
    const { next, batcher } = make({ sendBatchMaxSize, maxAckDelayMs: 0 })
    await batcher.consume({ ...numberedSpans(1), chunks: [], count: 0 }, 8000)
    t.equal(next.batches.length, 0)
  }
})

t.test('a request that would grow too much by being cut is refused alone', async (t) => {
  const { clock, next, batcher } = make({ sendBatchMaxSize: 1 })
  const resource = { note: 'x'.repeat(1024 * 1024) }
  const large = logsBatch([{ resource, scopeName: '', logRecords: Array.from({ length: 200 }, () => ({})) }])
  const sent = [outcome(batcher.consume(large, 8000)), outcome(batcher.consume(numberedItems('logs', 3), 8000))]
  await clock.advance(5)
  const [refused, taken] = await Promise.all(sent)
  t.match(refused, { name: 'PermanentError', message: /200 items, cut into requests of 1, would repeat its resources too often/ })
  t.equal(taken, 'taken')
  t.same(next.numbers(), [0, 1, 2])
})

t.test('send_batch_max_size splits between items of any signal, and a sender is answered when all pieces are taken', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 12 }),
      fc.constantFrom('traces' as const, 'metrics' as const, 'logs' as const),
      async (sizes, max, signal) => {
        const { clock, next, batcher } = make({ sendBatchMaxSize: max, sendBatchSize: 100_000 })
        let first = 0
        const sent = sizes.map((size) => batcher.consume(numberedItems(signal, size, (first += size) - size), 8000))
        await clock.advance(5)
        await Promise.all(sent)
        t.ok(next.batches.every(({ count }) => count <= max))
        t.ok(next.batches.every((batch) => numbersOf(batch).length === batch.count))
        t.same(next.numbers(), [...Array(first).keys()])
      },
    ),
    { numRuns: 30 },
  )
})

t.test('what downstream says of one chunk is told to its sender alone', async (t) => {
  const { clock, next, batcher } = make()
  const bad = new PermanentError('not this one')
  const later = new RetryableError('later')
  next.refuse = () => {
    throw new RetryableError('several', {
      chunks: new Map<number, PermanentError | RetryableError>([
        [1, bad],
        [2, later],
      ]),
    })
  }
  const sent = [1, 2, 3, 4].map((n) => outcome(batcher.consume(numberedSpans(n), 8000)))
  await clock.advance(5)
  t.same(await Promise.all(sent), ['taken', bad, later, 'taken'])
})

t.test('a partial success that cannot be attributed is a warning to each, and to one sender it is its own', async (t) => {
  const { clock, next, batcher } = make()
  next.refuse = () => {
    throw new PartialError(2, 'two were too old')
  }
  const merged = [outcome(batcher.consume(numberedSpans(3), 8000)), outcome(batcher.consume(numberedSpans(3), 8000))]
  await clock.advance(5)
  for (const error of (await Promise.all(merged)) as PartialError[]) {
    t.equal(error.refused, 0)
    t.match(error.message, /of 6 items sent together, 2 were refused: two were too old/)
  }
  const alone = outcome(batcher.consume(numberedSpans(3), 8000))
  await clock.advance(5)
  t.match(await alone, { refused: 2, message: 'two were too old' })
})

t.test('a sender whose batch was split and refused in part is told how many', async (t) => {
  const { clock, next, batcher } = make({ sendBatchMaxSize: 4 })
  next.refuse = (batch: Batch) => {
    if (readSpans(batch).some(({ attributes }) => attributes['n'] === 5)) throw new PermanentError('no fives')
  }
  const sent = outcome(batcher.consume(numberedSpans(10), 8000))
  await clock.advance(5)
  t.match(await sent, { name: 'PartialError', refused: 4, message: 'no fives' })
  t.equal(next.count, 6)
})

t.test('stopping sends what waits and sees it settled', async (t) => {
  const { next, batcher } = make()
  next.hold()
  let answered = false
  const sent = batcher.consume(numberedSpans(1), 8000).then(() => (answered = true))
  const stopped = batcher.stop(new AbortController().signal)
  await new Promise(setImmediate)
  t.equal(next.holding, 1)
  t.equal(answered, false)
  next.release()
  await Promise.all([stopped, sent])
  t.equal(answered, true)
})

t.test('stopping ends with the grace period although downstream does not answer', async (t) => {
  const { next, batcher } = make()
  next.hold()
  void batcher.consume(numberedSpans(1), 8000)
  const abort = new AbortController()
  const stopped = batcher.stop(abort.signal)
  abort.abort()
  await stopped
  t.equal(next.holding, 1)
})
