import t from 'tap'
import { type Batch, type Consumer, Ledger, PartialError, PermanentError, RetryableError } from '../index.ts'
import { CollectingConsumer, TestSettings, numberedSpans, numbersOf, readSpans } from '../testing/index.ts'
import { Batcher } from './batcher.ts'
import type { DeadLetter } from './dead-letters.ts'
import { Entry } from './entry.ts'
import { FanOut } from './fan-out.ts'

/** A pipeline with two destinations, and its ledger. */
function make(...ends: Consumer[]) {
  const ledger = new Ledger()
  const ids = ends.map((_, i) => `end${i}`)
  const account = ledger.pipeline('traces', ids)
  const settings = new TestSettings('traces')
  const fanOut = new FanOut(
    ends.map((consumer, i) => ({ id: ids[i]!, consumer, account: account.destination(ids[i]!) })),
    settings.log,
  )
  return { ledger, fanOut, settings, account, entry: new Entry(fanOut, account) }
}

const refusing = (error: (batch: Batch) => Error | undefined): CollectingConsumer => {
  const consumer = new CollectingConsumer()
  consumer.refuse = (batch) => {
    const thrown = error(batch)
    if (thrown !== undefined) throw thrown
  }
  return consumer
}
const has = (batch: Batch, n: number): boolean => readSpans(batch).some(({ attributes }) => attributes['n'] === n)

/** Three senders' requests merged: spans 0–1, 2–4, 5–8. */
function merged(): Batch {
  const parts = [numberedSpans(2), numberedSpans(3, 2), numberedSpans(4, 5)]
  return { ...parts[0]!, chunks: parts.flatMap(({ chunks }) => chunks), count: 9 }
}

/** The same, where what a branch refuses alone is kept. */
function keeping(...ends: Consumer[]) {
  const ledger = new Ledger()
  const ids = ends.map((_, i) => `end${i}`)
  const account = ledger.pipeline('traces', ids)
  const letters: DeadLetter[] = []
  const box = {
    full: false,
    async add(letter: DeadLetter): Promise<void> {
      if (this.full) throw new Error('full')
      letters.push(letter)
    },
  }
  const branches = ends.map((consumer, i) => ({ id: ids[i]!, consumer, account: account.destination(ids[i]!), deadLetters: box }))
  const entry = new Entry(new FanOut(branches, new TestSettings('traces').log), account)
  const kept = (): object[] =>
    letters.map(({ batch, exporter, reason, refused }) => ({ n: numbersOf(batch).map(Number), exporter, reason, refused }))
  return { entry, letters, box, kept, rows: () => ledger.rows() }
}

t.test('what one branch refuses for good while others take it goes to its dead letters, a request each', async (t) => {
  const { entry, kept, letters, rows } = keeping(
    new CollectingConsumer(),
    refusing((batch) => (has(batch, 3) ? new PermanentError('no 3') : undefined)),
    refusing(() => new PermanentError('nothing')),
  )
  await entry.consume(merged(), 0)
  t.match(letters[0], { pipeline: 'traces', batch: { count: 3, chunks: { length: 1 } } })
  t.same(kept(), [
    { n: [2, 3, 4], exporter: 'end1', reason: 'no 3', refused: 3 },
    { n: [0, 1], exporter: 'end2', reason: 'nothing', refused: 2 },
    { n: [2, 3, 4], exporter: 'end2', reason: 'nothing', refused: 3 },
    { n: [5, 6, 7, 8], exporter: 'end2', reason: 'nothing', refused: 4 },
  ])
  t.match(rows(), [
    { received: 9, delivered: 9, refused: 0, deadLettered: 0, inFlight: 0 },
    { received: 9, delivered: 6, refused: 0, deadLettered: 3, inFlight: 0 },
    { received: 9, delivered: 0, refused: 0, deadLettered: 9, inFlight: 0 },
  ])
})

t.test('a part that one branch refused and did not name is kept with the whole batch', async (t) => {
  const { entry, kept, rows } = keeping(
    new CollectingConsumer(),
    refusing(() => new PartialError(2, 'two were bad')),
  )
  await entry.consume(merged(), 0)
  t.same(kept(), [{ n: [0, 1, 2, 3, 4, 5, 6, 7, 8], exporter: 'end1', reason: 'two were bad', refused: 2 }])
  t.match(rows()[1], { delivered: 7, refused: 0, deadLettered: 2, inFlight: 0 })
})

t.test('what its sender is told, or sends again, is not kept', async (t) => {
  const all = keeping(
    refusing(() => new PermanentError('a')),
    refusing(() => new PermanentError('b')),
  )
  await t.rejects(all.entry.consume(merged(), 0), PermanentError)
  const again = keeping(
    refusing(() => new RetryableError('down')),
    refusing(() => new PermanentError('b')),
  )
  await t.rejects(again.entry.consume(numberedSpans(3), 0), RetryableError)
  const alone = keeping(refusing(() => new PermanentError('a')))
  await t.rejects(alone.entry.consume(numberedSpans(3), 0), PermanentError)
  const warned = keeping(
    new CollectingConsumer(),
    refusing(() => new PartialError(0, 'a warning')),
  )
  await warned.entry.consume(numberedSpans(3), 0)
  for (const { kept, rows } of [all, again, alone, warned]) {
    t.same(kept(), [])
    for (const row of rows()) t.match(row, { deadLettered: 0, inFlight: 0 })
  }
})

t.test('of two that took a part the sender hears one; what the other refused is kept', async (t) => {
  const { entry, kept, rows } = keeping(
    refusing(() => new PermanentError('nothing')),
    refusing(() => new PartialError(1, 'one was bad')),
  )
  await t.rejects(entry.consume(numberedSpans(3), 0), { name: 'PartialError', refused: 1 })
  t.same(kept(), [{ n: [0, 1, 2], exporter: 'end0', reason: 'nothing', refused: 3 }])
  t.match(rows(), [{ deadLettered: 3 }, { delivered: 2, refused: 1, deadLettered: 0, inFlight: 0 }])
})

t.test('the same of one request among several', async (t) => {
  const several = ({ chunks }: Batch): boolean => chunks.length > 1
  const { entry, kept } = keeping(
    refusing((batch) => (several(batch) ? new PermanentError('somebody') : has(batch, 3) ? new PartialError(1, 'one was bad') : undefined)),
    refusing((batch) => (several(batch) || has(batch, 3) ? new PermanentError('no 3') : undefined)),
  )
  await t.rejects(entry.consume(merged(), 0), { name: 'PartialError', refused: 1 })
  t.same(kept(), [{ n: [2, 3, 4], exporter: 'end1', reason: 'no 3', refused: 3 }])
})

t.test('until a letter is synced its items are in flight: what is counted as refused never shrinks', async (t) => {
  const { entry, box, rows } = keeping(
    new CollectingConsumer(),
    refusing(() => new PermanentError('no')),
  )
  const synced = Promise.withResolvers<void>()
  box.add = () => synced.promise
  let answered = false
  const sent = entry.consume(numberedSpans(3), 0).then(() => (answered = true))
  await new Promise(setImmediate)
  t.match(rows()[1], { refused: 0, deadLettered: 0, inFlight: 3 })
  t.notOk(answered)
  synced.resolve()
  await sent
  t.match(rows()[1], { refused: 0, deadLettered: 3, inFlight: 0 })
})

t.test('where the dead letters take nothing it is refused, as without them', async (t) => {
  const { entry, box, rows } = keeping(
    new CollectingConsumer(),
    refusing(() => new PermanentError('no')),
  )
  box.full = true
  await entry.consume(numberedSpans(3), 0)
  t.match(rows()[1], { delivered: 0, refused: 3, deadLettered: 0, inFlight: 0 })
})

t.test('every branch is awaited', async (t) => {
  const ends = [new CollectingConsumer(), new CollectingConsumer()]
  const { entry, ledger } = make(...ends)
  ends[1]!.hold()
  let answered = false
  const sent = entry.consume(numberedSpans(4), 0).then(() => (answered = true))
  await new Promise(setImmediate)
  t.equal(answered, false)
  t.match(ledger.rows(), [
    { destination: 'end0', received: 4, delivered: 4, inFlight: 0 },
    { destination: 'end1', received: 4, delivered: 0, inFlight: 4 },
  ])
  ends[1]!.release()
  await sent
  t.match(ledger.rows(), [
    { delivered: 4, inFlight: 0 },
    { delivered: 4, inFlight: 0 },
  ])
})

t.test('one branch that cannot now sends the batch back, and the ledger says which', async (t) => {
  const { entry, ledger } = make(
    new CollectingConsumer(),
    refusing(() => new RetryableError('down', { retryAfterMs: 3 })),
  )
  await t.rejects(entry.consume(numberedSpans(4), 0), { name: 'RetryableError', message: 'down', retryAfterMs: 3 })
  t.match(ledger.rows(), [
    { received: 4, delivered: 4, refused: 0, inFlight: 0 },
    { received: 4, delivered: 0, refused: 4, inFlight: 0 },
  ])
})

t.test('a permanent refusal of one branch is not the sender’s, but it is logged and counted', async (t) => {
  const { entry, ledger, settings } = make(
    new CollectingConsumer(),
    refusing(() => new PermanentError('no such index')),
  )
  await entry.consume(numberedSpans(4), 0)
  t.match(ledger.rows(), [{ delivered: 4 }, { delivered: 0, refused: 4, inFlight: 0 }])
  t.match(settings.lines, [{ level: 'warn', fields: { destination: 'end1', reason: 'no such index' } }])
})

t.test('a permanent refusal of all branches is', async (t) => {
  const { entry, ledger } = make(
    refusing(() => new PermanentError('no')),
    refusing(() => new PermanentError('never')),
  )
  await t.rejects(entry.consume(numberedSpans(4), 0), { name: 'PermanentError', message: 'no' })
  t.match(ledger.rows(), [
    { refused: 4, inFlight: 0 },
    { refused: 4, inFlight: 0 },
  ])
})

t.test('a merged batch that is refused is offered again in parts: one sender’s fault is one sender’s', async (t) => {
  const end = refusing((batch) => (has(batch, 3) ? new PermanentError('3 is bad') : undefined))
  const { fanOut, account, ledger } = make(end)
  account.receive(9)
  const error = (await fanOut.consume(merged(), 0).catch((thrown: unknown) => thrown)) as PartialError
  t.match(error, { name: 'PartialError', refused: 3, message: '3 is bad' })
  t.same([...error.chunks!.keys()], [1])
  t.same(
    end.spans().map(({ attributes }) => attributes['n']),
    [0, 1, 5, 6, 7, 8],
  )
  t.match(ledger.rows(), [{ received: 9, delivered: 6, refused: 3, inFlight: 0 }])
})

t.test('the parts of a merged batch may meet different fates', async (t) => {
  const end = refusing((batch) => (has(batch, 3) ? new PermanentError('bad') : has(batch, 5) ? new RetryableError('busy') : undefined))
  const { fanOut } = make(end)
  const error = (await fanOut.consume(merged(), 0).catch((thrown: unknown) => thrown)) as RetryableError
  t.equal(error.name, 'RetryableError')
  t.same(
    [...error.chunks!].map(([chunk, { name }]) => [chunk, name]),
    [
      [1, 'PermanentError'],
      [2, 'RetryableError'],
    ],
  )
})

t.test('two branches disagree about chunks: only what both refuse is refused, what one could not take comes back', async (t) => {
  const first = refusing((batch) => (has(batch, 0) || has(batch, 3) ? new PermanentError('first says no') : undefined))
  const second = refusing((batch) => (has(batch, 0) ? new PermanentError('second says no') : undefined))
  const { fanOut, account, ledger } = make(first, second)
  account.receive(9)
  const error = (await fanOut.consume(merged(), 0).catch((thrown: unknown) => thrown)) as PartialError
  t.match(error, { name: 'PartialError', refused: 2 })
  t.same([...error.chunks!.keys()], [0])
  t.match(ledger.rows(), [
    { delivered: 4, refused: 5, inFlight: 0 },
    { delivered: 7, refused: 2, inFlight: 0 },
  ])
})

t.test('a partial success of one destination is the sender’s answer; beside one that took all it is not', async (t) => {
  const partial = () => refusing(() => new PartialError(1, 'one too old'))
  const alone = make(partial())
  await t.rejects(alone.entry.consume(numberedSpans(4), 0), { name: 'PartialError', refused: 1 })
  t.match(alone.ledger.rows(), [{ delivered: 3, refused: 1, inFlight: 0 }])
  const both = make(partial(), new CollectingConsumer())
  await both.entry.consume(numberedSpans(4), 0)
  t.match(both.ledger.rows(), [
    { delivered: 3, refused: 1, inFlight: 0 },
    { delivered: 4, refused: 0, inFlight: 0 },
  ])
})

t.test('a stranger’s error is retryable: the sender still has the data', async (t) => {
  const { entry, ledger } = make(refusing(() => new TypeError('a bug')))
  await t.rejects(entry.consume(numberedSpans(4), 0), { name: 'RetryableError', message: 'a bug' })
  t.match(ledger.rows(), [{ refused: 4, inFlight: 0 }])
})

t.test('an error before any destination was asked is counted once, for each of them', async (t) => {
  const { account, ledger } = make(new CollectingConsumer(), new CollectingConsumer())
  const entry = new Entry({ consume: () => Promise.reject(new RetryableError('over the memory limit')) }, account)
  await t.rejects(entry.consume(numberedSpans(4), 0))
  t.match(ledger.rows(), [
    { received: 4, refused: 4, inFlight: 0 },
    { received: 4, refused: 4, inFlight: 0 },
  ])
})

t.test('behind a batcher the ledger still adds up, whatever the destination says of each sender', async (t) => {
  const settings = new TestSettings('batch')
  const end = refusing((batch) => (has(batch, 3) ? new PermanentError('bad') : has(batch, 6) ? new RetryableError('busy') : undefined))
  const { fanOut, account, ledger } = make(end)
  const batcher = new Batcher({ sendBatchSize: 9, sendBatchMaxSize: 0, timeoutMs: 200, maxAckDelayMs: 5 }, fanOut, settings.clock)
  const entry = new Entry(batcher, account)
  const answers = await Promise.all(
    [numberedSpans(2), numberedSpans(3, 2), numberedSpans(4, 5)].map((batch) =>
      entry.consume(batch, 0).then(
        () => 'taken',
        (error: Error) => error.name,
      ),
    ),
  )
  // The whole was refused permanently because of 3, so each part was tried: 6 is busy.
  t.same(answers, ['taken', 'PermanentError', 'RetryableError'])
  t.match(ledger.rows(), [{ received: 9, delivered: 2, refused: 7, inFlight: 0 }])
})

t.test("a part that one destination refused of several senders is nobody's, although another refuses some for good", async (t) => {
  const { entry, ledger } = make(
    refusing(() => new PartialError(3, 'three too old')),
    refusing((batch) => (has(batch, 0) ? new PermanentError('no zeros') : undefined)),
  )
  const error = await entry.consume(merged(), 0).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  t.match(error, { name: 'PartialError', refused: 0, message: /of 9 items sent together, 3 were refused: three too old/ })
  t.match(ledger.rows(), [
    { delivered: 6, refused: 3, inFlight: 0 },
    { delivered: 7, refused: 2, inFlight: 0 },
  ])
})
