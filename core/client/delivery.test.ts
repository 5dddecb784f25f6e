import t from 'tap'
import type { ClientAuthenticator } from '../component.ts'
import { numberedSpans, TestClock, TestSettings } from '../testing/index.ts'
import { Delivery } from './delivery.ts'
import { retryOptionsOf } from './retry-options.ts'

/** A way to a destination that takes everything, with credentials from an extension that never answers. */
function make() {
  const clock = new TestClock()
  const auth: ClientAuthenticator = { headers: () => new Promise(() => {}), start: async () => {}, stop: async () => {} }
  let attempts = 0
  const delivery = new Delivery({
    settings: new TestSettings('exporter', clock),
    retry: retryOptionsOf({
      enabled: true,
      initial_interval: '5s',
      max_interval: '30s',
      max_elapsed_time: '0s',
      multiplier: 1.5,
      randomization_factor: 0,
    }),
    timeoutMs: 2000,
    target: 'there',
    auth,
    encode: async () => [],
    attempt: async () => void attempts++,
    destroy: async () => {},
  })
  return { clock, delivery, attempts: () => attempts }
}

t.test('credentials that do not come cost the time of an attempt, and no sender waits past its deadline', async (t) => {
  for (const [deadlineMs, endMs] of [
    [4000, 2000],
    [1500, 1500],
  ] as const) {
    const { clock, delivery, attempts } = make()
    const sent = delivery.consume(numberedSpans(1), deadlineMs).then(
      () => 'taken',
      ({ name, message }: Error) => `${name}: ${message}`,
    )
    await clock.advance(endMs)
    t.equal(await sent, `RetryableError: no credentials for there: none came within ${endMs} ms`)
    t.equal(attempts(), 0)
    t.equal(clock.pending, 0)
  }
})

t.test('credentials that do not come do not hold up stopping past the grace period', async (t) => {
  const { delivery } = make()
  const sent = t.rejects(delivery.consume(numberedSpans(1), Infinity), { message: /no credentials for there: stopped/ })
  const abort = new AbortController()
  const stopped = delivery.stop(abort.signal)
  await new Promise(setImmediate)
  abort.abort()
  await Promise.all([stopped, sent])
})
