// The limiter on a clock and a memory that the tests move.

import t, { type Test } from 'tap'
import { RetryableError } from '../../core/index.ts'
import { ByteBudget } from '../../core/server/index.ts'
import { CollectingConsumer, numberedItems, numberedSpans, processorSuite, TestClock, TestSettings } from '../../core/testing/index.ts'
import { factory, type MemoryLimiterConfig } from './factory.ts'
import { MemoryLimiter } from './memory-limiter.ts'

const MIB = 1024 * 1024
const never = new AbortController().signal
const config = (more: Partial<MemoryLimiterConfig> = {}): MemoryLimiterConfig => ({
  check_interval: '1s',
  limit_mib: 100,
  spike_limit_mib: 0,
  limit_percentage: 0,
  spike_limit_percentage: 0,
  min_gc_interval_when_soft_limited: '10s',
  min_gc_interval_when_hard_limited: '0s',
  ...more,
})

function make(t: Test, more: Partial<MemoryLimiterConfig> = {}) {
  const clock = new TestClock()
  const settings = new TestSettings('memory_limiter', clock)
  const next = new CollectingConsumer()
  /** What is in use, how much of it is garbage, and how often it was collected. */
  const memory = { used: 0, garbage: 0, collections: 0 }
  const limiter = new MemoryLimiter(config(more), next, settings, {
    usedBytes: () => memory.used * MIB,
    totalBytes: () => 1000 * MIB,
    collectGarbage: () => {
      memory.collections++
      memory.used -= memory.garbage
      memory.garbage = 0
    },
  })
  t.teardown(() => limiter.stop())
  return { clock, settings, next, memory, limiter }
}
const REFUSAL = { name: 'RetryableError', message: 'too little memory is left', retryAfterMs: 1000 }

t.test('data is refused while too little memory is left, and taken again after', async (t) => {
  const { clock, settings, next, memory, limiter } = make(t)
  await limiter.start()
  await limiter.consume(numberedSpans(2), Infinity)
  memory.used = 81
  await limiter.consume(numberedSpans(2), Infinity)
  await clock.advance(1000)
  await t.rejects(limiter.consume(numberedSpans(3), Infinity), REFUSAL)
  memory.used = 79
  await clock.advance(1000)
  await limiter.consume(numberedSpans(1), Infinity)
  t.equal(next.count, 5)
  t.match(settings.lines, [
    { level: 'info', fields: { limit_mib: 100, refuses_from_mib: 80 } },
    { level: 'warn', fields: { used_mib: 81 } },
    { level: 'info', fields: { used_mib: 79 } },
  ])
  t.match(settings.counters, { otelcol_processor_memory_limiter_accepted_spans: 5, otelcol_processor_memory_limiter_refused_spans: 3 })
  t.equal(settings.dropped, 0, 'what goes back is not dropped')
})

t.test('garbage is collected before anybody is refused', async (t) => {
  const { clock, memory, limiter } = make(t)
  Object.assign(memory, { used: 90, garbage: 50 })
  await limiter.start()
  await limiter.consume(numberedSpans(1), Infinity)
  t.equal(memory.collections, 1)
  Object.assign(memory, { used: 90, garbage: 50 })
  await clock.advance(9000)
  t.equal(memory.collections, 1, 'not more often than every ten seconds')
  await t.rejects(limiter.consume(numberedSpans(1), Infinity), RetryableError)
  await clock.advance(1000)
  t.equal(memory.collections, 2)
  await limiter.consume(numberedSpans(1), Infinity)
  Object.assign(memory, { used: 120, garbage: 0 })
  await clock.advance(3000)
  t.equal(memory.collections, 5, 'above the limit itself at each look')
})

t.test('the doors of all receivers hold no more than the limit, and nothing while memory is short', async (t) => {
  const { clock, memory, limiter } = make(t, { limit_mib: 10, spike_limit_mib: 4 })
  const door = new ByteBudget(1000 * MIB)
  const takes = (bytes: number): boolean => {
    const taken = door.take(bytes)
    if (taken) door.give(bytes)
    return taken
  }
  t.equal(takes(7 * MIB), true)
  await limiter.start()
  t.same([takes(6 * MIB), takes(7 * MIB)], [true, false])
  memory.used = 7
  await clock.advance(1000)
  t.equal(takes(1), false)
  memory.used = 0
  await clock.advance(1000)
  t.equal(takes(6 * MIB), true)
  memory.used = 7
  await clock.advance(1000)
  await limiter.stop()
  t.equal(takes(7 * MIB), true)
  t.equal(clock.pending, 0)
})

t.test('limits may be percent of the memory that there is', async (t) => {
  const { settings, limiter } = make(t, { limit_mib: 0, limit_percentage: 50, spike_limit_percentage: 10 })
  await limiter.start()
  t.match(settings.lines, [{ fields: { limit_mib: 500, refuses_from_mib: 400 } }])
})

t.test('this process has memory, a total, and garbage that can be collected', async (t) => {
  const settings = new TestSettings('memory_limiter')
  const tiny = await factory.create(config({ limit_mib: 1 }), new CollectingConsumer(), settings)
  t.teardown(() => tiny.stop!(never))
  await tiny.start!(never)
  await t.rejects(tiny.consume(numberedItems('logs', 1), Infinity), REFUSAL)
  const large = await factory.create(config({ limit_mib: 0, limit_percentage: 90 }), new CollectingConsumer(), settings)
  await large.start!(never)
  await large.stop!(never)
  const { limit_mib: limit } = settings.lines.at(-1)!.fields as { readonly limit_mib: number }
  t.ok(limit > 50 && limit < 100 * 1024 * 1024)
})

t.test('limits that cannot be are faults', async (t) => {
  const faults = (more: Partial<MemoryLimiterConfig>): string[] =>
    factory.check!(config(more)).map(({ path, message }) => `${path.join('.')}: ${message}`)
  t.same(faults({}), [])
  t.same(faults({ limit_mib: 0 }), [': there is no limit; set limit_mib or limit_percentage'])
  t.same(faults({ spike_limit_mib: 100 }), ['spike_limit_mib: found 100; accepted: less than limit_mib, 100'])
  t.same(faults({ limit_mib: 0, limit_percentage: 50, spike_limit_percentage: 60 }), [
    'spike_limit_percentage: found 60; accepted: less than limit_percentage, 50',
  ])
  t.same(faults({ check_interval: '0s' }), ['check_interval: found 0; accepted: more, such as 1s'])
})

for (const signal of ['traces', 'metrics', 'logs'] as const)
  processorSuite((name, run) => t.test(`${signal}: ${name}`, run), {
    create: (next, settings) => factory.create(config({ limit_mib: 100_000 }), next, settings),
    signal,
  })
