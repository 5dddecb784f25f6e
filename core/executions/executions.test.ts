// What becomes of messages: answers, spans, and what is open, whatever order they come in and whatever downstream says.

import fc from 'fast-check'
import t, { type Test } from 'tap'
import { ANONYMOUS, type Origin } from '../batch.ts'
import { PermanentError, RetryableError } from '../errors.ts'
import { readJson } from '../mplp/index.ts'
import { CollectingConsumer, MemoryStorage, TestClock, TestSettings } from '../testing/index.ts'
import type { Trusted } from '../trust/index.ts'
import type { Told } from './answer.ts'
import { Executions } from './executions.ts'
import type { ExecutionsConfig } from './options.ts'

type Fields = Readonly<Record<string, unknown>>

const CONFIG: ExecutionsConfig = {
  executions: { max_open: 100, max_bytes: 1_000_000, timeout: '1h', late_start_wait: '1s', remembered_ends: 100 },
  remember: { messages: 100, for: '10m' },
  metrics: { identity: 'execution', window: '5ms' },
  timeout: '8s',
}

class Bench {
  readonly clock: TestClock
  readonly settings: TestSettings
  readonly downstream = new CollectingConsumer()
  readonly executions: Executions
  /** Whether messages prove who has sent them. */
  proves = false

  constructor(config: Partial<ExecutionsConfig> = {}, storage?: MemoryStorage, clock: TestClock = new TestClock()) {
    this.clock = clock
    this.settings = new TestSettings('mplp', clock)
    if (storage !== undefined) Object.assign(this.settings, { storage: { open: () => storage.open('mplp') } })
    const next = { traces: this.downstream, metrics: this.downstream, logs: this.downstream }
    const believe = (message: Fields, origin: Origin): Trusted => ({ ok: true, message, origin, ...(this.proves && { proved: true }) })
    this.executions = new Executions({ config: { ...CONFIG, ...config }, next, settings: this.settings, believe, permit: () => true })
  }

  async send(messages: readonly Fields[], origin: Origin = ANONYMOUS): Promise<readonly Told[]> {
    const body = Buffer.from(messages.map((message) => JSON.stringify(message)).join('\n'))
    return this.executions.take(readJson(body, 'lines'), origin)
  }

  /** The words of the answers. */
  async tell(...messages: readonly Fields[]): Promise<readonly string[]> {
    return (await this.send(messages)).map(({ answer }) => answer.status)
  }

  get open(): readonly string[] {
    return this.executions.list(0, 1000, () => true).map(({ span_id }) => span_id)
  }

  get spans(): readonly { readonly name: string; readonly attributes: Fields }[] {
    return this.downstream.spans()
  }
}

async function started(t: Test, config: Partial<ExecutionsConfig> = {}, storage?: MemoryStorage, clock?: TestClock): Promise<Bench> {
  const bench = new Bench(config, storage, clock)
  await bench.executions.start()
  t.teardown(() => bench.executions.stop(AbortSignal.abort()))
  return bench
}

let sent = 0
/** Of execution `run`, with an id of its own. */
const message = (type: string, run: number, fields: Fields = {}): Fields => ({
  message_type: type,
  version: '1.0.0-alpha',
  message_id: `m${++sent}`,
  timestamp: new Date(Date.UTC(2026, 0, 1, 0, 0, 0, sent)).toISOString(),
  trace_id: run.toString(16).padStart(32, 'a'),
  span_id: run.toString(16).padStart(16, 'b'),
  ...fields,
})
const start = (run: number, fields: Fields = {}): Fields =>
  message('start_execution_trace', run, { operation_name: `run ${run}`, service_name: 'planner', ...fields })
const update = (run: number, fields: Fields = {}): Fields => message('update_execution_trace', run, fields)
const finish = (run: number, fields: Fields = {}): Fields =>
  message('finish_execution_trace', run, { final_status: { code: 'ok' }, ...fields })
const metrics = (run: number): Fields => message('performance_metrics', run, { system_metrics: { cpu: { usage_percent: run } } })

/** From now on log records are neither taken nor refused: call what it returns to do either. */
function slowLogs({ downstream }: Bench): (refusal?: Error) => void {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const consume = downstream.consume.bind(downstream)
  downstream.consume = (batch, deadlineMs) => (batch.signal === 'logs' ? promise : consume(batch, deadlineMs))
  return (refusal) => (refusal === undefined ? resolve() : reject(refusal))
}

t.test('an execution is open from its start to its finish, and then one span', async (t) => {
  const bench = await started(t)
  t.same(await bench.tell(start(1)), ['accepted'])
  t.equal(bench.open.length, 1)
  t.equal(bench.downstream.count, 0)
  t.same(await bench.tell(update(1, { attributes: { step: 2 } }), finish(1)), ['accepted', 'accepted'])
  t.same(bench.open, [])
  t.equal(bench.spans.length, 1)
  t.match(bench.spans[0], { name: 'run 1', attributes: { step: 2, 'mplp.status': 'ok' } })
  t.notOk('mplp.incomplete' in bench.spans[0]!.attributes)
})

t.test('the same message again is a duplicate, its id with another content is rejected, and neither changes anything', async (t) => {
  const bench = await started(t)
  const first = start(1, { attributes: { a: 1, b: 2 } })
  t.same(await bench.tell(first, first), ['accepted', 'duplicate'])
  const [other] = await bench.send([{ ...first, attributes: { a: 2 } }])
  t.match(other, { httpStatus: 422, answer: { status: 'rejected', errors: [{ path: '/message_id' }] } })
  t.match(
    bench.executions.list(0, 10, () => true),
    [{ messages: 1 }],
  )
  const { message_id: _, ...nameless } = update(1)
  t.same(await bench.tell(nameless, nameless, { ...nameless, x: 1 }), ['accepted', 'duplicate', 'accepted'], 'flat messages without an id')
})

t.test('a message that comes again with other proofs beside it, or in another order, is a duplicate', async (t) => {
  const bench = await started(t)
  const message = start(1, { attributes: { a: 1, b: 2 } })
  const sealed = (seal: string): Fields => ({ ...message, security: { integrity_check: seal } })
  const reordered = Object.fromEntries(Object.entries({ ...sealed('x'), attributes: { b: 2, a: 1 } }).toReversed())
  t.same(await bench.tell(sealed('x'), sealed('y'), reordered), ['accepted', 'duplicate', 'duplicate'])
})

t.test('a message that proves who has sent it is a duplicate whoever sends it again; one that does not is somebody else’s', async (t) => {
  const bench = await started(t)
  const as = (subject: string): Origin => ({ tenant: 'a', subject, headers: new Map() })
  const from = { sender: { sender_id: 'planner' } }
  const [claimed, proved, nameless] = [start(1, from), update(1, from), update(1)]
  const told = async (message: Fields, subject: string): Promise<unknown> => (await bench.send([message], as(subject)))[0]!.answer.status
  t.same([await told(claimed, 'planner'), await told(claimed, 'gateway')], ['accepted', 'accepted'])
  bench.proves = true
  t.same([await told(proved, 'planner'), await told(proved, 'gateway')], ['accepted', 'duplicate'])
  t.same([await told(nameless, 'planner'), await told(nameless, 'gateway')], ['accepted', 'accepted'], 'each has proved itself')
})

t.test('a copy that comes while the first is on its way waits for it', async (t) => {
  const bench = await started(t)
  await bench.tell(start(1))
  const end = finish(1)
  bench.downstream.hold()
  const first = bench.tell(end)
  const copy = bench.tell(end)
  await bench.clock.advance(10)
  t.equal(bench.downstream.holding, 1)
  bench.downstream.release()
  t.same([await first, await copy], [['accepted'], ['duplicate']])
  t.equal(bench.spans.length, 1)
})

t.test('what waits for one before it is told to come again when its time is over', async (t) => {
  const bench = await started(t)
  await bench.tell(start(1))
  const end = finish(1)
  bench.downstream.hold()
  const first = bench.tell(end)
  const copy = bench.tell(end)
  await bench.clock.advance(8000)
  t.same(await copy, ['retry'])
  bench.downstream.release()
  t.same(await first, ['accepted'])
})

t.test('a finish that overtakes its start waits for it', async (t) => {
  const bench = await started(t)
  t.same(await bench.tell(update(1, { attributes: { early: true } }), finish(1)), ['accepted', 'accepted'])
  await bench.clock.advance(999)
  t.equal(bench.spans.length, 0)
  t.same(await bench.tell(start(1)), ['accepted'])
  t.match(bench.spans, [{ name: 'run 1', attributes: { early: true } }])
  await bench.clock.advance(10_000)
  t.equal(bench.spans.length, 1)
})

t.test('an execution without a start is a span that says so', async (t) => {
  const bench = await started(t)
  await bench.tell(finish(1))
  await bench.clock.advance(1000)
  t.match(bench.spans, [{ attributes: { 'mplp.incomplete': true } }])
  t.same(bench.open, [])
})

t.test('what comes late makes log records and metrics, and no second span', async (t) => {
  const bench = await started(t)
  await bench.tell(start(1), finish(1))
  t.same(await bench.tell(update(1, { performance_metrics: { duration_ms: 5 }, attributes: { late: 'yes' } }), metrics(1), start(1)), [
    'accepted',
    'accepted',
    'accepted',
  ])
  t.equal(bench.spans.length, 1)
  t.same(bench.open, [])
  t.ok(bench.downstream.dataPoints().length >= 2)
  t.match(
    JSON.stringify(bench.downstream.logRecords(), (_k, v: unknown) => (typeof v === 'bigint' ? `${v}` : v)),
    /late/,
  )
})

t.test('measurements of an execution that nobody has begun begin none', async (t) => {
  const bench = await started(t)
  t.same(await bench.tell(metrics(1)), ['accepted'])
  t.same(bench.open, [])
  t.equal(bench.downstream.dataPoints().length, 1)
})

t.test('an execution that nobody ends is ended when its time is over', async (t) => {
  const bench = await started(t, { executions: { ...CONFIG.executions, timeout: '10m' } })
  await bench.tell(start(1))
  await bench.clock.advance(300_000)
  await bench.tell(start(2), update(1))
  await bench.clock.advance(299_999)
  t.equal(bench.spans.length, 0)
  await bench.clock.advance(1)
  t.match(bench.spans, [{ name: 'run 1', statusCode: 2, attributes: { 'mplp.status': 'timeout' } }])
  t.equal(bench.open.length, 1)
  t.same(await bench.tell(finish(1)), ['accepted'])
  t.equal(bench.spans.length, 1, 'its finish comes late')
})

t.test('what downstream cannot take is not accepted, and changes nothing', async (t) => {
  const bench = await started(t)
  await bench.tell(start(1))
  const [end, more] = [finish(1), update(1, { performance_metrics: { duration_ms: 5 } })]
  bench.downstream.refuse = () => {
    throw new RetryableError('later', { retryAfterMs: 3000 })
  }
  t.match(await bench.send([more, end]), [
    { httpStatus: 503, answer: { status: 'retry', retry_after_ms: 3000, message_id: more['message_id'] } },
    { httpStatus: 503, answer: { status: 'retry' } },
  ])
  t.match(
    bench.executions.list(0, 10, () => true),
    [{ messages: 1 }],
  )
  bench.downstream.refuse = () => {
    throw new PermanentError('never')
  }
  t.match(await bench.send([end]), [{ httpStatus: 422, answer: { status: 'rejected', errors: [{ message: 'never' }] } }])
  bench.downstream.refuse = () => {}
  t.same(await bench.tell(more, end), ['accepted', 'accepted'])
  t.equal(bench.spans.length, 1)
  t.equal(bench.downstream.dataPoints().length, 1)
})

t.test('what was taken of a message that must come again is not taken twice, whichever way was closed', async (t) => {
  for (const closed of ['logs', 'traces', 'metrics'] as const) {
    const bench = await started(t, { metrics: { identity: closed === 'metrics' ? 'service' : 'execution', window: '0s' } })
    const { downstream } = bench
    const consume = downstream.consume.bind(downstream)
    let isClosed = true
    const counts = { traces: 0, metrics: 0, logs: 0 }
    downstream.consume = async (batch, deadlineMs) => {
      if (batch.signal === closed && isClosed) throw new RetryableError('not now')
      counts[batch.signal] += batch.count
      return consume(batch, deadlineMs)
    }
    const begin = start(1)
    const end = finish(1, {
      final_status: { code: 'failed', message: 'no' },
      errors: ['no money'],
      performance_metrics: { cpu_usage_percent: 7 },
    })
    await bench.tell(begin)
    const told = async (): Promise<unknown> => {
      const answer = bench.tell(end)
      await bench.clock.advance(10)
      return answer
    }
    for (let again = 0; again < 3; again++) t.same(await told(), ['retry'], closed)
    isClosed = false
    t.same(await told(), ['accepted'])
    t.same(await told(), ['duplicate'])
    t.equal(counts.traces, 1, `${closed}: one span`)
    t.ok(counts.logs > 0 && counts.metrics > 0)
    const fresh = await started(t, { metrics: { identity: closed === 'metrics' ? 'service' : 'execution', window: '0s' } })
    await fresh.tell(begin)
    const answer = fresh.tell(end)
    await fresh.clock.advance(10)
    await answer
    t.equal(fresh.downstream.count, counts.traces + counts.logs + counts.metrics, 'as much as where nothing was closed')
  }
})

t.test('an execution that has begun twice has begun still when one of its starts is taken back', async (t) => {
  const bench = await started(t)
  await bench.tell(start(1))
  bench.downstream.refuse = () => {
    throw new RetryableError('later')
  }
  t.same(await bench.tell(start(1, { warnings: ['again'] })), ['retry'])
  bench.downstream.refuse = () => {}
  t.match(
    bench.executions.list(0, 1, () => true),
    [{ incomplete: false }],
  )
  t.same(await bench.tell(finish(1)), ['accepted'])
  t.same(bench.open, [], 'it waits for no start')
})

t.test('overdue executions are offered again until downstream takes them', async (t) => {
  const bench = await started(t, { executions: { ...CONFIG.executions, timeout: '1m' } })
  await bench.tell(start(1), start(2))
  bench.downstream.refuse = () => {
    throw new RetryableError('later')
  }
  await bench.clock.advance(60_000)
  await bench.clock.advance(10_000)
  t.equal(bench.open.length, 2)
  bench.downstream.refuse = () => {}
  await bench.clock.advance(30_000)
  t.equal(bench.spans.length, 2)
  t.same(bench.open, [])
})

t.test('an execution whose time is over while its end is on its way ends once', { timeout: 20_000 }, async (t) => {
  const bench = await started(t, { executions: { ...CONFIG.executions, timeout: '2s' } })
  await bench.tell(start(1))
  bench.downstream.hold()
  const end = bench.tell(finish(1))
  await bench.clock.advance(2500)
  bench.downstream.release()
  t.same(await end, ['accepted'])
  await bench.clock.advance(60_000)
  t.equal(bench.spans.length, 1)
})

t.test('an execution that was handed on ends once, though its end comes before that is on disk', { timeout: 20_000 }, async (t) => {
  const storage = new MemoryStorage()
  const bench = await started(t, { executions: { ...CONFIG.executions, timeout: '2s' } }, storage)
  await bench.tell(start(1))
  const { promise, resolve } = Promise.withResolvers<void>()
  logOf(storage).synced = promise
  await bench.clock.advance(2500)
  t.equal(bench.spans.length, 1)
  const end = bench.tell(finish(1))
  await bench.clock.advance(1)
  logOf(storage).synced = undefined
  resolve()
  t.same(await end, ['accepted'])
  t.equal(bench.spans.length, 1)
  t.same(bench.open, [])
})

t.test('an execution whose time is over while its end is on its way is handed on where the end is refused', async (t) => {
  const bench = await started(t, { executions: { ...CONFIG.executions, timeout: '2s' } })
  await bench.tell(start(1))
  bench.downstream.hold()
  const end = bench.tell(finish(1))
  await bench.clock.advance(2500)
  bench.downstream.refuse = () => {
    throw new RetryableError('later')
  }
  bench.downstream.release()
  t.same(await end, ['retry'])
  bench.downstream.refuse = () => {}
  await bench.clock.advance(60_000)
  t.match(bench.spans, [{ attributes: { 'mplp.status': 'timeout' } }])
})

t.test('what is refused when its execution has ended already leaves nothing behind', async (t) => {
  const bench = await started(t)
  const bytes = (): unknown => bench.settings.gauges.get('millrace_executions_bytes')?.()
  const before = bytes()
  const refuseLogs = slowLogs(bench)
  const slow = bench.tell(update(1, { warnings: ['slow'] }))
  t.same(await bench.tell(finish(1)), ['accepted'])
  await bench.clock.advance(1000)
  t.equal(bench.spans.length, 1)
  refuseLogs(new RetryableError('later'))
  t.same(await slow, ['retry'])
  await bench.clock.advance(60_000)
  t.equal(bench.spans.length, 1, 'there is no second span')
  t.equal(bytes(), before)
})

t.test('what is refused while the end of its execution is on its way does not let others overtake that', async (t) => {
  const bench = await started(t)
  await bench.tell(start(1))
  const refuseLogs = slowLogs(bench)
  const slow = bench.tell(update(1, { warnings: ['slow'] }))
  bench.downstream.hold()
  const end = bench.tell(finish(1))
  refuseLogs(new RetryableError('later'))
  t.same(await slow, ['retry'])
  const second = bench.tell(finish(1))
  await bench.clock.advance(1)
  bench.downstream.release()
  t.same(await end, ['accepted'])
  await second
  t.equal(bench.spans.length, 1)
})

t.test('what is accepted when its execution has ended already does not begin it again after a restart', async (t) => {
  const storage = new MemoryStorage()
  const bench = await started(t, { remember: { messages: 4, for: '10m' } }, storage)
  await bench.tell(start(1))
  const takeLogs = slowLogs(bench)
  const late = update(1, { warnings: ['slow'] })
  const slow = bench.tell(late)
  t.same(await bench.tell(finish(1)), ['accepted'])
  takeLogs()
  t.same(await slow, ['accepted'])
  for (let run = 2; run < 9; run++) await bench.tell(start(run), finish(run))
  closeAll(storage)
  const after = await started(t, { remember: { messages: 4, for: '10m' } }, storage)
  t.same(after.open, [])
  t.notOk(
    after.settings.lines.some(({ level }) => level === 'error'),
    'and everything can be read',
  )
})

t.test('what is accepted while the end of its execution is being written is known after a restart', async (t) => {
  const storage = new MemoryStorage()
  const bench = await started(t, {}, storage)
  await bench.tell(start(1))
  const takeLogs = slowLogs(bench)
  const late = update(1, { warnings: ['slow'] })
  const slow = bench.tell(late)
  const { promise, resolve } = Promise.withResolvers<void>()
  logOf(storage).synced = promise
  const end = bench.tell(finish(1))
  await bench.clock.advance(1)
  t.equal(bench.spans.length, 1, 'its span has left')
  takeLogs()
  await bench.clock.advance(1)
  resolve()
  t.same([...(await slow), ...(await end)], ['accepted', 'accepted'])
  closeAll(storage)
  const after = await started(t, {}, storage)
  t.same(await after.tell(late), ['duplicate'])
})

t.test('what is refused when its execution has ended already is not known after a restart', async (t) => {
  const storage = new MemoryStorage()
  const bench = await started(t, {}, storage)
  const [first, late, end] = [start(1), update(1, { warnings: ['slow'] }), finish(1)]
  await bench.tell(first)
  const refuseLogs = slowLogs(bench)
  const slow = bench.tell(late)
  t.same(await bench.tell(end), ['accepted'])
  refuseLogs(new RetryableError('later'))
  t.same(await slow, ['retry'])
  closeAll(storage)
  const after = await started(t, {}, storage)
  t.same(await after.tell(first, end, late), ['duplicate', 'duplicate', 'accepted'])
  t.ok(after.downstream.logRecords().length > 0)
})

t.test('past the bounds nothing begins, nothing that was accepted goes, and what ends is always taken', async (t) => {
  const bench = await started(t, { executions: { ...CONFIG.executions, max_open: 2 } })
  t.same(await bench.tell(start(1), start(2), start(3), update(1)), ['accepted', 'accepted', 'retry', 'accepted'])
  t.same([await bench.tell(finish(1)), await bench.tell(start(3))], [['accepted'], ['accepted']])
  const small = await started(t, { executions: { ...CONFIG.executions, max_bytes: 5000 } })
  const large = { attributes: { text: 'x'.repeat(5000) } }
  t.same(await small.tell(start(1, large), start(2), update(1), finish(1)), ['accepted', 'retry', 'retry', 'accepted'])
  t.same(await small.tell(start(2)), ['accepted'])
})

t.test('a tenant that messages name is their execution’s; one that a connection names keeps others out', async (t) => {
  const bench = await started(t)
  await bench.tell(start(1, { context: { tenant_id: 'claimed' } }), finish(1))
  t.equal(bench.downstream.batches.at(-1)?.origin.tenant, 'claimed')
  const mine: Origin = { tenant: 'mine', headers: new Map() }
  const theirs: Origin = { tenant: 'theirs', headers: new Map() }
  await bench.send([start(2, { context: { tenant_id: 'claimed' } })], mine)
  await bench.send([finish(2)], theirs)
  t.match(
    bench.executions.list(0, 10, () => true),
    [
      { tenant: 'mine', incomplete: false },
      { tenant: 'theirs', incomplete: true },
    ],
  )
  await bench.send([finish(2)], mine)
  t.equal(bench.downstream.batches.at(-1)?.origin, mine)
})

t.test('measurements wait a moment for others of their series', async (t) => {
  const bench = await started(t, { metrics: { identity: 'operation', window: '5ms' } })
  const told = bench.tell(metrics(1), metrics(2))
  await bench.clock.advance(4)
  t.equal(bench.downstream.dataPoints().length, 0)
  await bench.clock.advance(1)
  t.same(await told, ['accepted', 'accepted'])
  t.same(
    bench.downstream.dataPoints().map(({ value }) => value),
    [2, 1, 2, 3],
    'the last, the least, the greatest, and the sum',
  )
  bench.downstream.refuse = () => {
    throw new RetryableError('later')
  }
  const refused = bench.tell(metrics(3), start(3))
  await bench.clock.advance(5)
  t.same(await refused, ['retry', 'accepted'], 'who measures nothing waits for nothing')
})

t.test('at the end of the process what is open is handed on as interrupted', async (t) => {
  const bench = await started(t)
  await bench.tell(start(1), finish(2))
  await bench.executions.stop(new AbortController().signal)
  t.match(bench.spans, [{ attributes: { 'mplp.status': 'interrupted' } }, { attributes: { 'mplp.incomplete': true } }])
  const stuck = await started(t)
  await stuck.tell(start(1))
  stuck.downstream.hold()
  const grace = new AbortController()
  setTimeout(() => grace.abort(), 20)
  await stuck.executions.stop(grace.signal)
  t.same(stuck.settings.drops, { interrupted: 1 })
  t.match(stuck.settings.lines.at(-1), { level: 'error', message: /are lost/ })
})

t.test('with storage what is open outlives the process, and what was accepted stays known', async (t) => {
  const storage = new MemoryStorage()
  const clock = new TestClock()
  const [first, ended, alone] = [start(1, { context: { tenant_id: 'x' } }), start(2), metrics(9)]
  const before = await started(t, {}, storage, clock)
  t.same(await before.tell(first, ended, finish(2), update(1, { attributes: { kept: 1 } }), alone), Array(5).fill('accepted'))
  await clock.advance(1000)
  // Killed: nobody stops it. What is open is not handed on.
  const log = await storage.open('mplp').catch((error: Error) => error)
  t.ok(log instanceof Error, 'it has the log')
  await before.executions.stop(new AbortController().signal)
  t.equal(before.spans.length, 1)
  closeAll(storage)

  const after = await started(t, {}, storage, clock)
  t.match(
    after.executions.list(0, 10, () => true),
    [{ messages: 2, tenant: 'x', service_name: 'planner', operation_name: 'run 1', age_ms: 1000 }],
  )
  t.same(await after.tell(first, ended, alone), ['duplicate', 'duplicate', 'duplicate'])
  t.same(await after.tell(update(2)), ['accepted'])
  t.equal(after.open.length, 1, 'the one that had ended has not begun again')
  t.same(await after.tell(finish(1)), ['accepted'])
  t.match(after.spans, [{ name: 'run 1', attributes: { kept: 1 } }])
})

t.test('an execution whose end is on disk does not begin again, though its parts are there still', async (t) => {
  const storage = new MemoryStorage()
  const before = await started(t, {}, storage)
  logOf(storage).release = async () => {}
  await before.tell(start(1), finish(1))
  closeAll(storage)
  const after = await started(t, {}, storage)
  t.same(after.open, [])
  t.same(await after.tell(update(1)), ['accepted'])
  t.same(after.open, [])
})

t.test('a storage that cannot be written is no acceptance', async (t) => {
  const storage = new MemoryStorage()
  const bench = await started(t, {}, storage)
  const log = logOf(storage)
  log.fault = new Error('EIO')
  const first = start(1)
  t.match(await bench.send([first]), [
    { httpStatus: 503, answer: { status: 'retry', errors: [{ message: 'the storage cannot be written' }] } },
  ])
  t.same(bench.open, [])
  log.fault = undefined
  t.same(await bench.tell(first), ['accepted'])
})

t.test('a full storage takes ends, which make room in it', async (t) => {
  const storage = new MemoryStorage(2000)
  const bench = await started(t, {}, storage)
  let open = 0
  while ((await bench.tell(start(open)))[0] === 'accepted') open++
  t.ok(open > 2, `${open} are open`)
  for (let run = 0; run < open; run++) t.same(await bench.tell(finish(run)), ['accepted'])
  t.equal(bench.spans.length, open, 'and none of them twice')
  t.same(await bench.tell(start(99)), ['accepted'])
  closeAll(storage)
  const after = await started(t, {}, storage)
  t.equal(after.open.length, 1)
})

t.test('what is forgotten before its time is counted', async (t) => {
  const bench = await started(t, { remember: { messages: 2, for: '10m' } })
  await bench.clock.advance(1)
  const first = start(1)
  await bench.tell(first, start(2), start(3))
  t.equal(bench.settings.counters['millrace_protocol_forgotten_early'], 1)
  t.same(await bench.tell(first), ['accepted'], 'and taken twice')
  await bench.clock.advance(600_001)
  t.same(await bench.tell(start(4), start(5)), ['accepted', 'accepted'])
  t.equal(bench.settings.counters['millrace_protocol_forgotten_early'], 2, 'whose time was over is not')
})

t.test('a sender whose messages are very many does not push out what others have sent, also on disk', async (t) => {
  const storage = new MemoryStorage()
  const of = (subject: string): Origin => ({ ...ANONYMOUS, subject })
  const bench = await started(t, { remember: { messages: 10, for: '10m' } }, storage)
  const rare = metrics(1)
  const statuses = async (at: Bench, message: Fields): Promise<unknown> =>
    (await at.send([message], of('quiet'))).map(({ answer }) => answer.status)
  t.same(await statuses(bench, rare), ['accepted'])
  for (let run = 2; run < 60; run++) await bench.send([metrics(run)], of('loud'))
  t.same(await statuses(bench, rare), ['duplicate'])
  closeAll(storage)
  t.same(await statuses(await started(t, {}, storage), rare), ['duplicate'])
})

t.test('records of what is done go as others come', async (t) => {
  const storage = new MemoryStorage()
  const bench = await started(t, { remember: { messages: 10, for: '10m' } }, storage)
  for (let run = 1; run <= 50; run++) await bench.tell(start(run), finish(run), metrics(run))
  t.ok(logOf(storage).records < 12, `${logOf(storage).records} records`)
})

t.test(
  'in any order, with copies, refusals and crashes: each execution that was accepted ends as one span with all that was accepted of it',
  async () => {
    const runs = 3
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('start', 'update', 'finish'), run: fc.integer({ min: 1, max: runs }) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('again'), run: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('refuse', 'relent', 'crash', 'wait'), run: fc.constant(0) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const storage = new MemoryStorage()
        const clock = new TestClock()
        const taken: CollectingConsumer[] = []
        const open = async (): Promise<Bench> => {
          const bench = new Bench({}, storage, clock)
          taken.push(bench.downstream)
          await bench.executions.start()
          return bench
        }
        let bench = await open()
        const refuse = (): never => {
          throw new RetryableError('later')
        }
        const accepted = new Map<string, { readonly kind: string; readonly run: number }>()
        const said: { readonly message: Fields; readonly kind: string; readonly run: number }[] = []
        const say = async (one: (typeof said)[number]): Promise<void> => {
          const id = one.message['message_id'] as string
          const [status] = await bench.tell(one.message)
          if (accepted.has(id) !== (status === 'duplicate')) throw new Error(`${id} is answered ${status}`)
          if (status === 'accepted') accepted.set(id, one)
        }
        for (const { kind, run } of steps) {
          if (kind === 'refuse') bench.downstream.refuse = refuse
          else if (kind === 'relent') bench.downstream.refuse = () => {}
          else if (kind === 'wait') await clock.advance(1000)
          else if (kind === 'crash') {
            closeAll(storage)
            // Its timers run on, but nobody hears of it.
            bench.downstream.refuse = refuse
            bench = await open()
          } else if (kind === 'again') {
            if (said.length > 0) await say(said[run % said.length]!)
          } else {
            const id = `m${++sent}`
            const make = kind === 'start' ? start : kind === 'update' ? update : finish
            said.push({ message: make(run, { message_id: id, attributes: { [id]: true } }), kind, run })
            await say(said.at(-1)!)
          }
        }
        bench.downstream.refuse = () => {}
        await clock.advance(3_700_000)
        await clock.advance(60_000)
        const spans = taken.flatMap((downstream) => downstream.spans())
        const records = JSON.stringify(
          taken.flatMap((downstream) => downstream.logRecords()),
          (_k, v: unknown) => (typeof v === 'bigint' ? `${v}` : v),
        )
        for (const [id, { kind, run }] of accepted) {
          const bearing = spans.filter(({ attributes }) => id in attributes).length
          // What came after the end of its execution is a log record.
          if (bearing > 1 || (bearing === 0 && !records.includes(`"${id}"`)))
            throw new Error(`${kind} ${id} of ${run} is in ${bearing} spans`)
        }
        await bench.executions.stop(AbortSignal.abort())
      }),
      { numRuns: 60 },
    )
  },
)

function logOf(storage: MemoryStorage): ReturnType<MemoryStorage['open']> extends Promise<infer Log> ? Log : never {
  return storage.logs.get('mplp')!
}

/** As the end of a process does. */
function closeAll(storage: MemoryStorage): void {
  for (const log of storage.logs.values()) log.isOpen = false
}
