import t from 'tap'
import type { Batch, Consumer } from '../../core/index.ts'
import { numberedSpans, processorSuite, TestSettings } from '../../core/testing/index.ts'
import { factory } from './factory.ts'

// What is asked of a processor is asked of a connector to its own signal.
processorSuite((name, run) => void t.test(name, run), {
  create: (next, settings) => factory.create({}, { traces: next }, settings),
})

t.test('each signal goes to the pipelines of its own, with the deadline of its sender', async (t) => {
  const taken: string[] = []
  const consumer = (name: string): Consumer => ({
    consume: async (batch: Batch, deadlineMs: number) => void taken.push(`${name} ${batch.signal} ${deadlineMs}`),
  })
  const forward = await factory.create({}, { traces: consumer('a'), logs: consumer('b') }, new TestSettings('forward'))
  await forward.consume(numberedSpans(1), 10)
  await forward.consume({ ...numberedSpans(1), signal: 'logs' }, 20)
  t.same(taken, ['a traces 10', 'b logs 20'])
})
