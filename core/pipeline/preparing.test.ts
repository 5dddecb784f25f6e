// What an exporter prepares, before a queue has it: how often, and what becomes of what it refuses.

import t from 'tap'
import type { Exporter } from '../component.ts'
import { PartialError, PermanentError, RetryableError } from '../index.ts'
import { CollectingConsumer, numberedSpans } from '../testing/index.ts'
import { preparing } from './preparing.ts'

/** Takes out so many of each batch. */
function exporter(refused: number): Exporter {
  return {
    consume: () => Promise.resolve(),
    prepare: (batch) => ({ batch: { ...numberedSpans(batch.count - refused), count: batch.count - refused }, refused, reason: 'odd' }),
  }
}

t.test('an exporter that prepares nothing has nothing in front of it', async (t) => {
  const end = new CollectingConsumer()
  t.equal(preparing({ consume: () => Promise.resolve() }, end), end)
})

t.test('what is prepared goes on, and what is refused of it is told to its sender', async (t) => {
  const end = new CollectingConsumer()
  await preparing(exporter(0), end).consume(numberedSpans(3), 5)
  t.same([end.count, end.deadlines], [3, [5]])
  await t.rejects(preparing(exporter(1), end).consume(numberedSpans(3), 5), { name: 'PartialError', refused: 1, message: 'odd' })
  t.equal(end.count, 5)
  await t.rejects(preparing(exporter(3), end).consume(numberedSpans(3), 5), new PermanentError('odd'))
  t.equal(end.batches.length, 2)
})

t.test('what is refused behind adds to it, and what is to come again comes as a whole', async (t) => {
  const end = new CollectingConsumer()
  end.refuse = () => {
    throw new PartialError(1, 'worse')
  }
  await t.rejects(preparing(exporter(1), end).consume(numberedSpans(3), 5), { name: 'PartialError', refused: 2 })
  end.refuse = () => {
    throw new RetryableError('down')
  }
  await t.rejects(preparing(exporter(1), end).consume(numberedSpans(3), 5), new RetryableError('down'))
})
