// Tail sampling with a storage, through crashes: what was answered for is there again, and no trace is decided twice.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Processor, RetryableError } from '../../core/index.ts'
import {
  CollectingConsumer,
  type MemoryLog,
  MemoryStorage,
  type PlainSpan,
  TestClock,
  TestSettings,
  tracesBatch,
} from '../../core/testing/index.ts'
import { factory, type TailSamplingConfig } from './factory.ts'

const CONFIG: TailSamplingConfig = {
  decision_wait: '10s',
  decision_wait_after_root_received: '0s',
  num_traces: 1000,
  max_bytes: 2 ** 26,
  maximum_trace_size_bytes: 0,
  block_on_overflow: false,
  storage: 'file_storage',
  expected_new_traces_per_sec: 0,
  decision_cache: { sampled_cache_size: 1000, non_sampled_cache_size: 1000 },
  sample_on_first_match: false,
  sampling_strategy: 'trace-complete',
  drop_pending_traces_on_shutdown: false,
  dry_run: false,
  explain: false,
  policies: [{ name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } }],
}

/** One life of the process after another, on one disk. */
class Lives {
  readonly storage: MemoryStorage
  readonly next = new CollectingConsumer()
  readonly config: TailSamplingConfig
  log!: MemoryLog
  clock!: TestClock
  settings!: TestSettings
  processor!: Processor

  constructor(given: Partial<TailSamplingConfig> = {}, maxBytes = Infinity) {
    this.storage = new MemoryStorage(maxBytes)
    this.config = { ...CONFIG, ...given }
  }

  async begin(): Promise<this> {
    this.clock = new TestClock()
    const open = async (): Promise<MemoryLog> => (this.log = await this.storage.open('tail_sampling'))
    this.settings = Object.assign(new TestSettings('tail_sampling', this.clock), { storage: { open } })
    this.processor = await factory.create(this.config, this.next, this.settings)
    await this.processor.start!(new AbortController().signal)
    return this
  }

  /** `kill -9`: nothing is said to the old process, and nothing of it reaches the disk any more. */
  async crash(): Promise<this> {
    await this.log.close()
    return this.begin()
  }

  send(...spans: readonly PlainSpan[]): Promise<void> {
    return this.processor.consume(tracesBatch([{ resource: { r: 1 }, spans }]), Infinity)
  }

  names(): readonly string[] {
    return this.next
      .spans()
      .map(({ name }) => name)
      .sort()
  }
}

const id = (n: number): string => n.toString(16).padStart(4, '0').repeat(8)

t.test('what waited when the process was killed waits again, and is decided as one trace', async (t) => {
  const lives = await new Lives().begin()
  await lives.send({ traceId: id(1), name: 'a' }, { traceId: id(2), name: 'b' })
  await lives.clock.advance(5000)
  await lives.crash()
  t.same({ ...lives.settings.creations }, { restored: 2 })
  await lives.send({ traceId: id(1), name: 'c', statusCode: 2 })
  await lives.clock.advance(10_200)
  t.same(lives.names(), ['a', 'c'])
  t.same({ ...lives.settings.drops }, { 'not sampled': 1 })
  await lives.crash()
  t.same({ ...lives.settings.creations }, {}, 'what had its fate does not come again')
})

t.test('a sender is answered once its spans are synced, and told to come back where the storage does not take them', async (t) => {
  const lives = await new Lives().begin()
  let sync = (): void => {}
  lives.log.synced = new Promise((resolve) => (sync = resolve))
  let answered = false
  const sent = lives.send({ traceId: id(1) }).then(() => (answered = true))
  await lives.clock.advance(0)
  t.equal(answered, false)
  sync()
  await sent
  lives.log.fault = new Error('no space')
  await t.rejects(lives.send({ traceId: id(2) }), RetryableError)
  lives.log.fault = undefined
  await lives.send({ traceId: id(3), statusCode: 2, name: 'kept' })
  await lives.clock.advance(10_200)
  t.same(lives.names(), ['kept'])
})

t.test('spans of a trace that was decided before the crash follow that decision, also those that waited with others', async (t) => {
  const lives = await new Lives().begin()
  await lives.send({ traceId: id(1), name: 'kept', statusCode: 2 }, { traceId: id(2), name: 'dropped' })
  await lives.clock.advance(5000)
  // These requests are not released before the traces that began in them are decided, five seconds after the others.
  await lives.send({ traceId: id(1), name: 'kept, too' }, { traceId: id(2), name: 'dropped, too' }, { traceId: id(3), name: 'waits' })
  await lives.clock.advance(5200)
  t.same(lives.names(), ['kept', 'kept, too'])
  await lives.crash()
  await lives.send({ traceId: id(2), name: 'late error', statusCode: 2 }, { traceId: id(1), name: 'late' })
  await lives.clock.advance(10_200)
  t.same(lives.names(), ['kept', 'kept, too', 'late'], 'nothing twice, and the decision stands')
})

t.test('nothing leaves before its decision is synced', async (t) => {
  const lives = await new Lives().begin()
  await lives.send({ traceId: id(1), name: 'a', statusCode: 2 })
  let sync = (): void => {}
  lives.log.synced = new Promise((resolve) => (sync = resolve))
  await lives.clock.advance(20_000)
  t.same(lives.names(), [])
  sync()
  await lives.clock.advance(0)
  t.same(lives.names(), ['a'])
  lives.log.synced = undefined
  await lives.send({ traceId: id(2), name: 'b', statusCode: 2 })
  lives.log.fault = new Error('the disk is gone')
  await lives.clock.advance(12_000)
  t.same(lives.names(), ['a'])
  t.match(lives.settings.lines, [{ level: 'error', fields: { reason: 'the disk is gone' } }])
  lives.log.fault = undefined
  await lives.clock.advance(2000)
  t.same(lives.names(), ['a', 'b'])
})

t.test('what was delivered is known as long as a request lies there that held it, though no decision is remembered', async (t) => {
  const lives = await new Lives({ decision_cache: { sampled_cache_size: 0, non_sampled_cache_size: 0 } }).begin()
  await lives.send({ traceId: id(1), name: 'a', statusCode: 2 })
  await lives.clock.advance(5000)
  await lives.send({ traceId: id(1), name: 'b' }, { traceId: id(2), name: 'waits' })
  await lives.clock.advance(5200)
  t.same(lives.names(), ['a', 'b'])
  await lives.crash()
  t.same({ ...lives.settings.creations }, { restored: 1 }, 'the one that waits')
})

t.test('what is decided while an earlier decision leaves waits for its own sync', async (t) => {
  const lives = await new Lives().begin()
  await lives.send({ traceId: id(1), name: 'a', statusCode: 2 })
  await lives.clock.advance(1000)
  await lives.send({ traceId: id(2), name: 'b', statusCode: 2 })
  lives.next.hold()
  await lives.clock.advance(9200)
  t.equal(lives.next.holding, 1)
  let sync = (): void => {}
  lives.log.synced = new Promise((resolve) => (sync = resolve))
  await lives.clock.advance(1000)
  lives.next.release()
  await lives.clock.advance(0)
  t.same(lives.names(), ['a'])
  sync()
  await lives.clock.advance(0)
  t.same(lives.names(), ['a', 'b'])
})

t.test('what was on its way is sent again, and no more', async (t) => {
  const lives = await new Lives().begin()
  await lives.send({ traceId: id(1), name: 'there', statusCode: 2 }, { traceId: id(3), name: 'waits' })
  await lives.clock.advance(1000)
  await lives.send({ traceId: id(2), name: 'on its way', statusCode: 2 })
  await lives.clock.advance(9200)
  t.same(lives.names(), ['there'])
  lives.next.hold()
  await lives.clock.advance(1000)
  await lives.crash()
  lives.next.release()
  await lives.clock.advance(10_200)
  t.same(
    lives.names().filter((name) => name !== 'on its way'),
    ['there'],
  )
  t.same(new Set(lives.names()), new Set(['there', 'on its way']))
})

t.test('a storage that is full still takes decisions, and with them gets room again', async (t) => {
  const lives = await new Lives({}, 40_000).begin()
  let [traces, sent] = [0, 0]
  for (let round = 0; round < 20; round++) {
    const fill = async (): Promise<unknown> => {
      for (;;) {
        const spans = Array.from({ length: 20 }, (_, i) => ({ traceId: id(traces + i + 1), statusCode: 2 as const }))
        traces += 20
        try {
          await lives.send(...spans)
          sent += 20
        } catch (error) {
          return error
        }
      }
    }
    t.match(await fill(), { name: 'RetryableError', message: /did not take the spans: it holds/ })
    await lives.clock.advance(11_000)
    t.equal(lives.next.spans().length, sent)
  }
  t.ok(sent > 20 * 100, `${sent} spans found room`)
  t.same(lives.settings.lines, [])
})

t.test('stopping does not wait for a destination that takes nothing: what is kept comes in the next run', async (t) => {
  const lives = await new Lives().begin()
  lives.next.refuse = () => {
    throw new RetryableError('down')
  }
  await lives.send({ traceId: id(1), name: 'kept', statusCode: 2 })
  await lives.clock.advance(10_200)
  await lives.processor.stop!(new AbortController().signal)
  t.match(lives.settings.lines.at(-1), { level: 'info', fields: { spans: 1 }, message: /^kept on disk/ })
  lives.next.refuse = () => {}
  await lives.crash()
  await lives.clock.advance(10_200)
  t.same(lives.names(), ['kept'])
})

t.test('stopping leaves nothing behind, and a log that is empty stays small', async (t) => {
  const lives = await new Lives({ decision_cache: { sampled_cache_size: 0, non_sampled_cache_size: 0 } }).begin()
  for (let n = 1; n < 100; n++) {
    await lives.send({ traceId: id(n), statusCode: n % 2 === 0 ? 2 : 0 }, { traceId: id(n + 1000) })
    await lives.clock.advance(500)
  }
  await lives.processor.stop!(new AbortController().signal)
  await lives.clock.advance(100)
  t.equal(lives.next.count, 49)
  t.equal(lives.log.records, 0)
})

t.test('whatever happens in which order: nothing that was answered is lost, and every trace has one decision', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.array(fc.record({ trace: fc.integer({ min: 1, max: 9 }), error: fc.boolean() }), { minLength: 1, maxLength: 5 }),
    },
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 6000 }) },
    { weight: 2, arbitrary: fc.constant('crash' as const) },
    { weight: 1, arbitrary: fc.constant('crash in the middle' as const) },
    { weight: 1, arbitrary: fc.constant('hold' as const) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: 2, max: 20 }), async (steps, num_traces) => {
      const lives = await new Lives({ num_traces }).begin()
      const traceOf = new Map<string, number>()
      let mayRepeat = false
      for (const one of steps) {
        if (one === 'crash' || one === 'crash in the middle') {
          if (one === 'crash') await lives.clock.advance(0)
          mayRepeat ||= one !== 'crash' || lives.next.holding > 0
          await lives.crash()
          lives.next.release()
        } else if (one === 'hold') lives.next.hold()
        else if (typeof one === 'number') await lives.clock.advance(one)
        else {
          const spans = one.map(({ trace, error }) => {
            const spanId = (traceOf.size + 1).toString(16).padStart(16, '0')
            traceOf.set(spanId, trace)
            return { traceId: id(trace), spanId, statusCode: error ? (2 as const) : (0 as const) }
          })
          await lives.send(...spans)
        }
      }
      lives.next.release()
      await lives.clock.advance(20_000)
      await lives.processor.stop!(new AbortController().signal)
      const delivered = lives.next.spans().map(({ spanId }) => spanId)
      const kept = new Set(delivered.map((spanId) => traceOf.get(spanId)!))
      for (const [spanId, trace] of traceOf)
        assert.equal(
          delivered.includes(spanId),
          kept.has(trace),
          `span ${spanId} of trace ${trace}, which was ${kept.has(trace) ? 'kept' : 'dropped'}`,
        )
      if (!mayRepeat) assert.equal(new Set(delivered).size, delivered.length, 'nothing twice')
    }),
    { numRuns: 60 },
  )
})
