// The suite that every component passes, built in or published: what the contract says in words, as tests. It runs under any runner
// that has `test(name, run)`: tap's `t.test`, node:test.

import assert from 'node:assert/strict'
import type { Batch, Signal } from '../batch.ts'
import type { Consumer, Exporter, Lifecycle, Processor } from '../component.ts'
import { PermanentError, RetryableError } from '../errors.ts'
import { CollectingConsumer } from './collector.ts'
import { TestClock } from './test-clock.ts'
import { TestSettings } from './settings.ts'
import { numberedItems } from './items.ts'

export type Test = (name: string, run: () => Promise<void>) => unknown

export interface ProcessorUnderTest {
  create(next: Consumer, settings: TestSettings): Promise<Processor>
  /** `traces` by default. A processor of several signals is put through the suite once for each. */
  signal?: Signal
  /** A batch that this processor hands on, at least in part. Ten numbered items by default. */
  batch?: () => Batch
  /** It takes responsibility itself: senders are answered before downstream has anything, and what downstream refuses for now is offered again. */
  answersEarly?: boolean
  /** How far to move the clock until everything that was accepted has been handed on, in milliseconds. */
  settleMs?: number
}

export function processorSuite(test: Test, subject: ProcessorUnderTest): void {
  const { settleMs = 60_000, signal = 'traces' } = subject
  const batchOf = subject.batch ?? (() => numberedItems(signal, 10))
  const make = async () => {
    const clock = new TestClock()
    const next = new CollectingConsumer()
    const settings = new TestSettings('under/test', clock)
    settings.signal = signal
    return { clock, next, settings, processor: await subject.create(next, settings) }
  }

  lifecycleSuite(test, async () => (await make()).processor)

  test('hands on or accounts for every item', async () => {
    const { clock, next, settings, processor } = await make()
    await processor.start?.(new AbortController().signal)
    const batches = [batchOf(), batchOf(), batchOf()]
    const sent = Promise.all(batches.map((batch) => processor.consume(batch, Infinity)))
    await clock.advance(settleMs)
    await sent
    await processor.stop?.(new AbortController().signal)
    const received = batches.reduce((sum, { count }) => sum + count, 0)
    assert.equal(next.count + settings.dropped, received)
    assert.equal(next.itemCount(), next.count, 'the count of a batch is the number of items in it')
  })

  test('leaves the bytes that it was given as they were', async () => {
    const { clock, processor } = await make()
    const batch = batchOf()
    const before = batch.chunks.map((chunk) => Buffer.from(chunk))
    const sent = processor.consume(batch, Infinity)
    await clock.advance(settleMs)
    await sent
    assert.deepEqual(
      batch.chunks.map((chunk) => Buffer.from(chunk)),
      before,
    )
  })

  if (subject.answersEarly === true) {
    test('answers at once, and offers what downstream refuses for now until it takes it', async () => {
      const { clock, next, settings, processor } = await make()
      let refusals = 0
      let refused = 0
      next.refuse = ({ count }) => {
        if (++refusals >= 3) return
        refused += count
        throw new RetryableError('later')
      }
      const batch = batchOf()
      await processor.consume(batch, Infinity)
      await clock.advance(settleMs)
      assert.equal(refusals > 2, true, 'it was offered again')
      assert.equal(next.count + settings.dropped, batch.count)
      const again = Object.values(settings.creations).reduce((sum, count) => sum + count, 0)
      assert.equal(again, refused, 'the ledger knows of every further offer')
    })
    return
  }

  test('does not answer before downstream has', async () => {
    const { clock, next, processor } = await make()
    next.hold()
    let answered = false
    const sent = processor.consume(batchOf(), Infinity).then(() => (answered = true))
    await clock.advance(settleMs)
    assert.equal(next.holding > 0, true, 'the batch reaches downstream')
    assert.equal(answered, false)
    next.release()
    await sent
  })

  for (const error of [new RetryableError('later', { retryAfterMs: 7 }), new PermanentError('never')])
    test(`hands a ${error.name} from downstream back to the sender, and takes the next batch`, async () => {
      const { clock, next, processor } = await make()
      next.refuse = () => {
        throw error
      }
      const sent = processor.consume(batchOf(), Infinity).then(
        () => assert.fail('the batch was answered as taken'),
        (thrown: unknown) => assert.equal((thrown as Error).name, error.name),
      )
      await clock.advance(settleMs)
      await sent
      next.refuse = () => {}
      const again = processor.consume(batchOf(), Infinity)
      await clock.advance(settleMs)
      await again
      assert.equal(next.batches.length > 0, true)
    })
}

export interface ExporterUnderTest {
  create(settings: TestSettings): Promise<Exporter>
  /** `traces` by default. */
  signal?: Signal
  /** Ten numbered items by default. */
  batch?: () => Batch
}

/** For exporters whose destination takes everything while the suite runs. */
export function exporterSuite(test: Test, subject: ExporterUnderTest): void {
  const batchOf = subject.batch ?? (() => numberedItems(subject.signal ?? 'traces', 10))
  lifecycleSuite(test, () => subject.create(new TestSettings('under/test')))

  test('takes a batch and leaves its bytes as they were', async () => {
    const exporter = await subject.create(new TestSettings('under/test'))
    await exporter.start?.(new AbortController().signal)
    const batch = batchOf()
    const before = batch.chunks.map((chunk) => Buffer.from(chunk))
    await exporter.consume(batch, Infinity)
    await exporter.stop?.(new AbortController().signal)
    assert.deepEqual(
      batch.chunks.map((chunk) => Buffer.from(chunk)),
      before,
    )
  })
}

/** For everything that starts and stops. `create` makes a fresh one each time. */
export function lifecycleSuite(test: Test, create: () => Promise<Partial<Lifecycle>>): void {
  test('stops without having started', async () => {
    const component = await create()
    await component.stop?.(new AbortController().signal)
  })

  test('stops twice', async () => {
    const component = await create()
    await component.start?.(new AbortController().signal)
    await component.stop?.(new AbortController().signal)
    await component.stop?.(new AbortController().signal)
  })

  test('stops at once when there is no grace period', async () => {
    const component = await create()
    await component.start?.(new AbortController().signal)
    await component.stop?.(AbortSignal.abort())
  })
}
