import t from 'tap'
import { parseDuration } from '../../core/index.ts'
import { CollectingConsumer, TestClock, TestSettings, numberedSpans, processorSuite } from '../../core/testing/index.ts'
import { factory } from './factory.ts'

const config = { send_batch_size: 8192, send_batch_max_size: 0, timeout: '200ms', max_ack_delay: '5ms' }

for (const signal of factory.signals)
  t.test(`the suite of every processor, with ${signal}`, async (t) => {
    processorSuite(t.test.bind(t), { signal, create: (next, settings) => factory.create(config, next, settings) })
  })

t.test('its options reach the batcher', async (t) => {
  const clock = new TestClock()
  const next = new CollectingConsumer()
  const options = { send_batch_size: 4, send_batch_max_size: 5, timeout: '1s', max_ack_delay: '20ms' }
  const processor = await factory.create(options, next, new TestSettings('batch', clock))
  await processor.consume(numberedSpans(7), 8000)
  t.same(
    next.batches.map(({ count }) => count),
    [5, 2],
    'send_batch_size sends at once, send_batch_max_size splits',
  )
  const waited = processor.consume(numberedSpans(1), 8000)
  await clock.advance(parseDuration('20ms') - 1)
  t.equal(next.batches.length, 2)
  await clock.advance(1)
  await waited
  const owned = processor.consume(numberedSpans(1), Infinity)
  await clock.advance(999)
  t.equal(next.batches.length, 3)
  await clock.advance(1)
  await owned
  t.equal(next.batches.length, 4)
})

t.test('a send_batch_max_size below send_batch_size is refused with its path', async (t) => {
  t.same(factory.check!({ ...config, send_batch_max_size: 10 }), [
    { path: ['send_batch_max_size'], message: 'is 10, but must be 0 or at least send_batch_size, which is 8192' },
  ])
  t.same(factory.check!({ ...config, send_batch_max_size: 8192 }), [])
})

t.test('it measures what the Collector measures: sizes, and why batches left', async (t) => {
  const clock = new TestClock()
  const settings = new TestSettings('batch', clock)
  const processor = await factory.create({ ...config, send_batch_size: 4 }, new CollectingConsumer(), settings)
  await processor.consume(numberedSpans(7), Infinity)
  const owned = processor.consume(numberedSpans(1), Infinity)
  await clock.advance(200)
  await owned
  t.same(settings.histograms.get('otelcol_processor_batch_batch_send_size'), [7, 1])
  t.match(settings.counters, { otelcol_processor_batch_batch_size_trigger_send: 1, otelcol_processor_batch_timeout_trigger_send: 1 })
})
