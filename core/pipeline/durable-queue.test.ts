// The queue on disk, seen from its senders, its destination, the ledger and the run after the next crash.

import fc from 'fast-check'
import t from 'tap'
import { type Batch, Ledger, PartialError, PermanentError, RetryableError } from '../index.ts'
import {
  CollectingConsumer,
  type MemoryLog,
  MemoryStorage,
  TestClock,
  TestSettings,
  lifecycleSuite,
  numberedSpans,
} from '../testing/index.ts'
import { SegmentLog } from '../durable/index.ts'
import type { QueueOptions } from '../config/queue-options.ts'
import { DeadLetters } from './dead-letters.ts'
import { DurableQueue } from './durable-queue.ts'
import { Entry } from './entry.ts'
import { FanOut } from './fan-out.ts'

const options: QueueOptions = {
  consumers: 4,
  size: Infinity,
  sizer: 'requests',
  maxBytes: 1 << 26,
  blockOnOverflow: false,
  retry: {
    enabled: true,
    initialIntervalMs: 1000,
    maxIntervalMs: 30_000,
    multiplier: 2,
    randomizationFactor: 0,
    maxElapsedMs: Infinity,
  },
  storage: 'file_storage',
}
/** The bytes in memory of a batch that `numberedSpans` makes. */
const BATCH_BYTES = numberedSpans(1).chunks[0]!.buffer.byteLength

/** A run of a pipeline that ends in a queue, as the graph wires it, on a disk that earlier runs may have written to; in `folder` on a real one. */
async function run(
  disk: MemoryStorage,
  { keepsOrder = false, ...more }: Partial<QueueOptions> & { readonly keepsOrder?: boolean } = {},
  readable?: Promise<void>,
  folder?: string,
  reading?: () => void,
) {
  const clock = new TestClock()
  const settings = new TestSettings('exporter', clock)
  const end = new CollectingConsumer()
  const ledger = new Ledger()
  const account = ledger.pipeline('traces', ['exporter'])
  const deadLetters = new DeadLetters(() => disk.open('dead_letters'), clock, settings.log, settings.meter)
  const whole = { ...options, ...more }
  let log: MemoryLog | undefined
  const queue = new DurableQueue({
    options: whole,
    keepsOrder,
    courier: { id: 'exporter', exporter: end, retry: whole.retry, clock, log: settings.log, deadLetters },
    open: async () => {
      log = await disk.open('queue')
      log.readable = readable
      const read = log.read.bind(log)
      log.read = async (from, maxBytes) => {
        reading?.()
        return read(from, maxBytes)
      }
      return folder === undefined ? log : SegmentLog.open(folder, { maxBytes: 1 << 26 })
    },
    ledger,
  })
  await deadLetters.start()
  const entry = new Entry(new FanOut([{ id: 'exporter', consumer: queue.door(account.destination('exporter')) }], settings.log), account)
  await queue.start()
  const crash = async (): Promise<void> => {
    await log!.close()
    await deadLetters.stop()
  }
  return { clock, settings, end, ledger, queue, entry, deadLetters, crash, log: log!, row: () => ledger.rows()[0]! }
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const never = new AbortController().signal
const one = (n: number): Batch => numberedSpans(1, n)
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

lifecycleSuite(
  (name, test) => void t.test(name, test),
  async () => {
    const settings = new TestSettings('exporter')
    const { clock, log } = settings
    const courier = { id: 'exporter', exporter: new CollectingConsumer(), retry: options.retry, clock, log }
    return new DurableQueue({ options, courier, open: () => new MemoryStorage().open('queue'), ledger: new Ledger() })
  },
)

t.test('a sender is answered when its batch is synced, and not before; then it is delivered, and forgotten', async (t) => {
  const { entry, end, row, log, queue } = await run(new MemoryStorage())
  const { promise, resolve } = Promise.withResolvers<void>()
  log.synced = promise
  let answered = false
  const answer = entry.consume(one(1), 100).then(() => (answered = true))
  await turn()
  t.equal(answered, false)
  t.equal(end.count, 0, 'what is not synced is not sent either: nobody owns it')
  resolve()
  await answer
  await turn()
  t.same(end.numbers(), [1])
  t.equal(log.records, 0)
  t.match(row(), { received: 1, delivered: 1, queued: 0, inFlight: 0, durable: true })
  await queue.stop(never)
})

t.test('what the disk does not take goes back to its sender, and the next is taken again', async (t) => {
  const { entry, log, row, queue, settings } = await run(new MemoryStorage())
  log.fault = new Error('EIO: i/o error, fdatasync')
  await t.rejects(entry.consume(one(1), 100), { name: 'RetryableError', message: /cannot be written: EIO/, retryAfterMs: 1000 })
  log.fault = new Error('EIO, another file')
  await t.rejects(entry.consume(one(1), 100), { message: /another file/ })
  log.fault = undefined
  await entry.consume(one(2), 100)
  await turn()
  t.match(row(), { received: 3, delivered: 1, refused: 2, queued: 0, inFlight: 0 })
  t.match(settings.lines, [
    { level: 'error', fields: { reason: /EIO/ }, message: /the disk takes nothing now/ },
    { message: /takes again/ },
  ])
  t.equal(settings.lines.length, 2, 'the first of many is told')
  await queue.stop(never)
})

t.test('what a run leaves behind, the next one sends, oldest first, into the account of its pipeline', async (t) => {
  const disk = new MemoryStorage()
  const first = await run(disk)
  first.end.hold()
  for (const n of range(0, 20)) await first.entry.consume(one(n), 100)
  t.match(first.row(), { received: 20, queued: 20, delivered: 0, inFlight: 0 })
  await first.crash()

  const second = await run(disk, { consumers: 1 })
  await turn()
  await second.queue.stop(never)
  t.same(second.end.numbers(), range(0, 20))
  t.match(second.row(), { received: 0, restored: 20, delivered: 20, queued: 0, inFlight: 0 })
  t.ok(second.end.deadlines.every((deadlineMs) => deadlineMs === Infinity))
})

t.test('who sent it and through which pipeline outlive the process, also where that pipeline is gone', async (t) => {
  const disk = new MemoryStorage()
  const first = await run(disk)
  first.end.hold()
  const gone = first.queue.door(first.ledger.pipeline('traces/gone', []).destination('exporter'))
  const origin = { tenant: 'acme', subject: 'ci', headers: new Map([['__proto__', 'x']]) }
  for (const n of [1, 2]) await gone.consume({ ...one(n), origin }, 100)
  await first.crash()

  const second = await run(disk)
  await turn()
  t.same(
    second.end.batches.map((batch) => batch.origin),
    [origin, origin],
  )
  t.equal(second.end.batches[0]!.origin, second.end.batches[1]!.origin, 'one object, so that they may be merged')
  t.match(second.ledger.rows(), [{ restored: 0 }, { pipeline: 'traces/gone', destination: 'exporter', restored: 2, delivered: 2 }])
  t.equal(({} as { x?: string }).x, undefined)
  await second.queue.stop(never)
})

t.test('what does not fit into memory waits on disk alone, and comes in order of age', async (t) => {
  const { entry, end, row, clock, queue, log } = await run(new MemoryStorage(), { consumers: 1, maxBytes: 5 * BATCH_BYTES })
  let down = true
  end.refuse = () => {
    if (down) throw new RetryableError('down')
  }
  for (const n of range(0, 100)) await entry.consume(one(n), 100)
  t.equal(log.records, 100)
  down = false
  await clock.advance(1000)
  for (let i = 0; i < 300 && end.count < 100; i++) await turn()
  const numbers = end.numbers() as number[]
  t.same(
    numbers.toSorted((a, b) => a - b),
    range(0, 100),
    'all of them, once',
  )
  const oldest = numbers.filter((n) => n < 95)
  t.same(
    oldest,
    oldest.toSorted((a, b) => a - b),
    'of what was only on disk, the oldest first',
  )
  t.match(row(), { received: 100, restored: 0, delivered: 100, queued: 0, inFlight: 0 })
  await queue.stop(never)
})

t.test('while a backlog is worked off, what has just come keeps a quarter of the consumers', async (t) => {
  for (const consumers of [1, 4, 8]) {
    const disk = new MemoryStorage()
    const first = await run(disk)
    first.end.hold()
    for (const n of range(0, 400)) await first.entry.consume(one(n), 100)
    await first.crash()

    const second = await run(disk, { consumers })
    second.end.hold()
    for (const n of range(1000, 1100)) await second.entry.consume(one(n), 100)
    // In rounds, as a slow destination takes them.
    while (second.end.count < 200) {
      second.end.release()
      second.end.hold()
      await turn()
    }
    const live = (second.end.numbers() as number[]).slice(0, 200).filter((n) => n >= 1000).length
    t.ok(live >= 45 && live <= 110, `${consumers} consumers: ${live} of 200 were live`)
    second.end.release()
    await second.queue.stop(never)
    t.match(second.row(), { received: 100, restored: 400, delivered: 500, queued: 0, inFlight: 0 })
  }
})

t.test('where the destination needs the order, nothing that has just come leaves before the backlog has', async (t) => {
  const disk = new MemoryStorage()
  const first = await run(disk)
  first.end.hold()
  for (const n of range(0, 400)) await first.entry.consume(one(n), 100)
  await first.crash()

  const readable = Promise.withResolvers<void>()
  const second = await run(disk, { keepsOrder: true, consumers: 8, maxBytes: 20 * BATCH_BYTES }, readable.promise)
  for (const n of range(400, 410)) await second.entry.consume(one(n), 100)
  await turn()
  t.equal(second.end.count, 0, 'not even while the disk is read')
  readable.resolve()
  second.end.hold()
  for (const n of range(410, 500)) {
    await second.entry.consume(one(n), 100)
    if (n % 7 > 0) continue
    second.end.release()
    second.end.hold()
    await turn()
  }
  second.end.release()
  for (let i = 0; i < 500 && second.end.count < 500; i++) await turn()
  t.same(second.end.numbers(), range(0, 500))
  for (const n of range(500, 510)) await second.entry.consume(one(n), 100)
  for (let i = 0; i < 50 && second.end.count < 510; i++) await turn()
  t.same(second.end.numbers(), range(0, 510), 'without a backlog what comes leaves')
  await second.queue.stop(never)
  t.match(second.row(), { received: 110, restored: 400, delivered: 510, queued: 0, inFlight: 0 })
})

t.test('a full queue refuses, by what the storage holds, by requests, items or bytes, and takes again when there is room', async (t) => {
  const cases = [
    [{ size: 4 }, Infinity],
    [{ size: 8, sizer: 'items' }, Infinity],
    [{ size: 1000, sizer: 'bytes' }, Infinity],
    [{}, 1000],
  ] as const
  for (const [more, maxBytes] of cases) {
    const { entry, end, queue, clock, row } = await run(new MemoryStorage(maxBytes), more)
    end.hold()
    let taken = 0
    const full = async (): Promise<unknown> => {
      for (;;) {
        try {
          await entry.consume(numberedSpans(2), 100)
          taken += 2
        } catch (error) {
          return error
        }
      }
    }
    t.match(await full(), { name: 'RetryableError', message: 'the sending queue is full', retryAfterMs: 1000 })
    t.ok(taken >= 4)
    t.match(row(), { received: taken + 2, queued: taken, refused: 2, inFlight: 0 })
    end.release()
    await clock.advance(0)
    await entry.consume(numberedSpans(2), 100)
    await queue.stop(never)
    t.match(row(), { received: taken + 4, delivered: taken + 2, refused: 2, queued: 0, inFlight: 0 })
  }
})

t.test('a queue bounded by bytes has room again when all of it was delivered, though its file is still there', async (t) => {
  const { entry, end, queue, row } = await run(new MemoryStorage(), { size: 1000, sizer: 'bytes' }, undefined, t.testdir())
  for (let n = 0; n < 20; n++) {
    await entry.consume(one(n), 0)
    while (end.count <= n) await turn()
  }
  await queue.stop(never)
  t.match(row(), { received: 20, delivered: 20, refused: 0, queued: 0 })
})

t.test('senders that come together find no more room than one after the other', async (t) => {
  for (const more of [{ size: 5 }, { size: 10, sizer: 'items' }, { size: 1000, sizer: 'bytes' }] as const) {
    const { entry, end, queue, row } = await run(new MemoryStorage(), more)
    end.hold()
    const takenOf = async (send: () => Promise<readonly PromiseSettledResult<void>[]>): Promise<number> =>
      (await send()).filter(({ status }) => status === 'fulfilled').length
    const together = await takenOf(() => Promise.allSettled(range(0, 50).map(() => entry.consume(numberedSpans(2), 0))))
    const later = await takenOf(() => Promise.allSettled([entry.consume(numberedSpans(2), 0)]))
    t.ok(together > 1)
    t.equal(later, 0)
    if (more.size < 1000) t.equal(together, 5)
    t.match(row(), { received: 102, queued: 2 * together, refused: 102 - 2 * together, inFlight: 0 })
    end.release()
    await queue.stop(never)
  }
})

t.test('with block_on_overflow senders wait for room until their deadline', async (t) => {
  const { entry, end, row, clock, queue } = await run(new MemoryStorage(), { size: 1, consumers: 1, blockOnOverflow: true })
  end.hold()
  await entry.consume(one(0), 0)
  const answered: string[] = []
  const waiting = [
    entry.consume(one(1), 1000).then(() => answered.push('first')),
    entry.consume(one(2), 500).catch((error: Error) => answered.push(error.message)),
  ]
  await clock.advance(500)
  t.same(answered, ['the sending queue is full'])
  end.release()
  await Promise.all(waiting)
  await queue.stop(never)
  t.same(answered, ['the sending queue is full', 'first'])
  t.match(row(), { received: 3, delivered: 2, refused: 1, queued: 0, inFlight: 0 })
  t.equal(clock.pending, 1, "of the dead letters' own")
})

t.test('whoever waits for room has it also where the disk does not note what was delivered', async (t) => {
  const { entry, end, clock, log, queue, row, settings } = await run(new MemoryStorage(), {
    size: 1,
    sizer: 'items',
    blockOnOverflow: true,
  })
  end.hold()
  await entry.consume(one(0), 0)
  const second = entry.consume(one(1), 5000)
  log.release = (position) => Promise.reject(new Error(`ENOSPC ${position}`))
  end.release()
  await clock.advance(0)
  await second
  await turn()
  t.match(row(), { received: 2, delivered: 2, refused: 0, queued: 0, inFlight: 0 })
  t.equal(settings.lines.length, 1, 'one line for all of them')
  await queue.stop(never)
})

t.test('a destination that comes back is noticed by all who wait at once, but not before it has asked for', async (t) => {
  const { entry, end, clock, queue } = await run(new MemoryStorage())
  let answer: (() => void) | undefined = () => {
    throw new RetryableError('down')
  }
  const offers: number[] = []
  end.refuse = () => {
    offers.push(clock.monotonicMs())
    answer?.()
  }
  for (const n of [0, 1]) await entry.consume(one(n), 0)
  await clock.advance(1000 + 2000 + 4000)
  answer = () => {
    throw new RetryableError('busy', { retryAfterMs: 60_000 })
  }
  await entry.consume(one(2), 0)
  await turn()
  answer = undefined
  offers.length = 0
  await entry.consume(one(3), 0)
  await turn()
  t.same(offers, [7000, 7000, 7000], 'the new one, and both that feared it was still down')
  await clock.advance(60_000)
  t.same(end.count, 4)
  await queue.stop(never)
})

t.test('what the destination refuses for good goes to the dead letters; where they cannot take it, it stays', async (t) => {
  const { entry, end, row, clock, deadLetters, queue, log } = await run(new MemoryStorage())
  end.refuse = ({ chunks }) => {
    if (chunks[0]!.length % 2 >= 0) throw new PermanentError('400: no such tenant')
  }
  await entry.consume(numberedSpans(3), 0)
  await turn()
  t.match(row(), { received: 3, delivered: 0, deadLettered: 3, refused: 0, queued: 0, inFlight: 0 })
  t.equal(deadLetters.items, 3)
  t.equal(log.records, 0)
  end.refuse = () => {
    throw new PartialError(1, 'one was too old')
  }
  await entry.consume(numberedSpans(5), 0)
  await turn()
  t.match(row(), { received: 8, delivered: 4, deadLettered: 4, queued: 0, inFlight: 0 })
  await deadLetters.stop()
  await entry.consume(numberedSpans(2), 0)
  await clock.advance(10_000)
  t.match(row(), { received: 10, deadLettered: 4, queued: 2, inFlight: 0 })
  t.equal(log.records, 1)
  await queue.stop(never)
})

t.test('of a merged batch each part has its own fate', async (t) => {
  const { entry, end, row, clock, deadLetters, queue } = await run(new MemoryStorage())
  const [taken, refused, later] = [one(1), numberedSpans(2, 2), numberedSpans(4, 4)] as const
  let isLater = false
  end.refuse = ({ chunks, count }) => {
    if (chunks.length > 1) throw new PermanentError('which one?')
    if (count === 2) throw new PermanentError('this one')
    if (count === 4 && !isLater) throw new RetryableError('not now')
  }
  const chunks = [...taken.chunks, ...refused.chunks, ...later.chunks]
  await entry.consume({ ...taken, chunks, count: 7 }, 0)
  await turn()
  t.match(row(), { delivered: 1, deadLettered: 2, queued: 4, inFlight: 0 })
  isLater = true
  await clock.advance(1000)
  t.match(row(), { delivered: 5, deadLettered: 2, queued: 0, inFlight: 0 })
  t.equal(deadLetters.letters, 1)
  await queue.stop(never)
})

t.test('where retrying has a limit, its end is the dead letters', async (t) => {
  const { entry, end, row, queue } = await run(new MemoryStorage(), { retry: { ...options.retry, enabled: false } })
  end.refuse = () => {
    throw new RetryableError('still down')
  }
  await entry.consume(numberedSpans(3), 0)
  await turn()
  t.match(row(), { received: 3, deadLettered: 3, queued: 0, inFlight: 0 })
  await queue.stop(never)
})

t.test('stopping sends what waits while the destination takes it, and leaves the rest on disk as soon as it does not', async (t) => {
  const disk = new MemoryStorage()
  const { entry, end, row, queue, settings, crash } = await run(disk, { consumers: 1 })
  end.hold()
  for (const n of range(0, 10)) await entry.consume(one(n), 0)
  let taken = 0
  end.refuse = () => {
    if (++taken > 4) throw new RetryableError('down')
  }
  const stopped = queue.stop(never)
  end.release()
  await stopped
  t.match(row(), { received: 10, delivered: 4, queued: 6, inFlight: 0 })
  t.match(settings.lines.at(-1), { level: 'info', fields: { items: 6 }, message: /kept on disk/ })
  await t.rejects(entry.consume(one(11), 0), { name: 'RetryableError' })
  await crash()
  const next = await run(disk)
  await next.queue.stop(never)
  t.same(next.end.numbers(), range(4, 10))
})

t.test('stopping is over when its time is, also where the destination does not answer', async (t) => {
  const { entry, end, row, queue } = await run(new MemoryStorage())
  end.hold()
  await entry.consume(one(1), 0)
  const abort = new AbortController()
  const stopped = queue.stop(abort.signal)
  await turn()
  abort.abort()
  await stopped
  t.match(row(), { received: 1, queued: 1, inFlight: 0 })
})

t.test('a disk that does not give back what it holds is asked again', async (t) => {
  const disk = new MemoryStorage()
  const first = await run(disk)
  first.end.hold()
  await first.entry.consume(one(1), 0)
  await first.crash()
  const second = await run(disk)
  second.log.fault = new Error('EIO')
  await second.clock.advance(0)
  // It may have been read before it failed: then there is nothing to ask for.
  second.log.fault = undefined
  await second.clock.advance(1000)
  t.same(second.end.numbers(), [1])
  await second.queue.stop(never)
})

/** Hands on one batch after the other, as the destination takes them. */
async function taking(end: CollectingConsumer, count: number): Promise<void> {
  for (const before = end.count; end.count < before + count;) {
    end.release()
    end.hold()
    await turn()
  }
}

t.test('what the disk lost while it waited there alone has a fate, too, once nothing else waits', async (t) => {
  const more: Partial<QueueOptions> = { consumers: 1, maxBytes: BATCH_BYTES, size: 10, sizer: 'items' }
  const { entry, end, row, queue, log, settings } = await run(new MemoryStorage(), more)
  end.hold()
  for (const n of range(0, 10)) await entry.consume(one(n), 0)
  // The first is on its way, the last in memory.
  const lost = [...log.waiting.keys()].slice(1, -1)
  for (const position of lost) (log.waiting as Map<number, Uint8Array>).delete(position)
  end.release()
  for (let i = 0; i < 10; i++) await turn()
  const gone = 10 - end.count
  t.ok(gone > 0)
  t.match(row(), { received: 10, delivered: 10 - gone, refused: gone, queued: 0, inFlight: 0 })
  t.match(settings.lines, [{ level: 'error', fields: { items: gone, pipeline: 'traces' }, message: /^lost: .* disk/ }])
  for (const n of range(10, 20)) await entry.consume(one(n), 0)
  await queue.stop(never)
  t.match(row(), { received: 20, delivered: 20 - gone, refused: gone, queued: 0, inFlight: 0 })
})

t.test('what was on its way when the process stopped is told of as kept, too', async (t) => {
  const { entry, end, queue, settings } = await run(new MemoryStorage())
  end.refuse = () => {
    throw new RetryableError('down')
  }
  await entry.consume(one(1), 0)
  await turn()
  await queue.stop(never)
  t.match(settings.lines.at(-1), { level: 'info', fields: { items: 1 }, message: /kept on disk/ })
})

t.test('stopping does not wait for a disk that cannot be read, nor is every failed attempt told', async (t) => {
  const disk = new MemoryStorage()
  const first = await run(disk)
  first.end.hold()
  for (const n of [1, 2]) await first.entry.consume(one(n), 0)
  await first.crash()
  let broken = 0
  const { clock, queue, settings } = await run(disk, {}, undefined, undefined, () => {
    broken++
    throw new Error('EIO')
  })
  await clock.advance(5000)
  t.ok(broken >= 5)
  t.equal(settings.lines.filter(({ level }) => level === 'error').length, 1)
  const before = broken
  const stopped = queue.stop(never)
  await clock.advance(1000)
  await stopped
  t.ok(broken <= before + 2, 'it is not asked in a loop')
  t.match(settings.lines.at(-1), { fields: { items: 'not all counted' }, message: /kept on disk/ })
})

t.test('what got its fate while the disk was read is not sent again', async (t) => {
  const disk = new MemoryStorage()
  const first = await run(disk)
  first.end.hold()
  for (const n of range(0, 3)) await first.entry.consume(one(n), 100)
  await first.crash()
  const { entry, end, queue, log, row } = await run(disk, { consumers: 1 })
  end.hold()
  await turn()
  await entry.consume(one(100), 0)
  const { promise, resolve } = Promise.withResolvers<void>()
  log.readable = promise
  // With the third of the old ones gone the next page is asked for, in which the new one lies.
  await taking(end, 4)
  resolve()
  end.release()
  await turn()
  await queue.stop(never)
  t.same(end.numbers(), [0, 1, 2, 100])
  t.match(row(), { received: 1, restored: 3, delivered: 4, queued: 0, inFlight: 0 })
})

t.test('what memory lets go of comes from the disk, also where that was read beyond it, or is being read', async (t) => {
  const disk = new MemoryStorage()
  const first = await run(disk)
  first.end.hold()
  for (const n of range(0, 3)) await first.entry.consume(one(n), 100)
  await first.crash()
  const second = await run(disk, { consumers: 1, maxBytes: 2 * BATCH_BYTES })
  second.end.hold()
  await turn()
  for (const n of [100, 101]) await second.entry.consume(one(n), 0)
  await taking(second.end, 3)
  for (const n of [102, 103, 104]) await second.entry.consume(one(n), 0)
  second.end.release()
  await turn()
  await second.queue.stop(never)
  t.same(
    (second.end.numbers() as number[]).toSorted((a, b) => a - b),
    [0, 1, 2, 100, 101, 102, 103, 104],
  )

  const { promise, resolve } = Promise.withResolvers<void>()
  const third = await run(new MemoryStorage(), { consumers: 1, maxBytes: BATCH_BYTES }, promise)
  third.end.hold()
  for (const n of range(0, 4)) await third.entry.consume(one(n), 0)
  third.log.readable = undefined
  resolve()
  third.end.release()
  await turn()
  await third.queue.stop(never)
  t.same(
    (third.end.numbers() as number[]).toSorted((a, b) => a - b),
    range(0, 4),
  )
})

t.test('stopping does not wait until a disk that could not be read is asked again', async (t) => {
  const disk = new MemoryStorage()
  const first = await run(disk)
  await first.entry.consume(one(1), 0)
  await first.crash()
  const { queue, log, settings } = await run(disk)
  log.fault = new Error('EIO')
  await turn()
  t.match(settings.lines, [{ level: 'error', message: /does not give back/ }])
  await queue.stop(never) // the clock stands still: it would wait for ever
  t.notOk(log.isOpen)
})

t.test('a record that is no batch is left where it is, and holds up nothing', async (t) => {
  const disk = new MemoryStorage()
  const log = await disk.open('queue')
  await log.append([Buffer.from('\x03\0\0\0{]}')])
  await log.close()
  const { entry, end, queue, settings, log: again } = await run(disk)
  await entry.consume(one(1), 0)
  await turn()
  await turn()
  t.same(end.numbers(), [1])
  t.equal(again.records, 1)
  t.match(settings.lines, [{ level: 'error', message: /is no batch/ }])
  await queue.stop(never)
})

t.test('whatever happens in whatever order, everything answered for arrives, and the ledger adds up', async (t) => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('consume' as const), count: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('down' as const), down: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 40_000 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('diskFault' as const), fault: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), gracefully: fc.boolean() }) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 8 }),
      async (steps, consumers, batches) => {
        const disk = new MemoryStorage()
        const more = { consumers, maxBytes: batches * BATCH_BYTES }
        let now = await run(disk, more)
        const answered: number[] = []
        const arrived: number[] = []
        let [next, isDown] = [0, false]
        const wire = (): void => {
          now.end.refuse = () => {
            if (isDown) throw new RetryableError('down')
          }
        }
        const over = (): void => {
          arrived.push(...(now.end.numbers() as number[]))
          for (const { received, restored, delivered, refused, queued, inFlight } of now.ledger.rows()) {
            if (received + restored !== delivered + refused + queued || inFlight !== 0) throw new Error(JSON.stringify(now.ledger.rows()))
          }
        }
        wire()
        for (const step of steps) {
          if (step.kind === 'consume') {
            const numbers = range(next, (next += step.count))
            await now.entry.consume(numberedSpans(step.count, numbers[0]), 0).then(
              () => answered.push(...numbers),
              () => {},
            )
          } else if (step.kind === 'turn') await turn()
          else if (step.kind === 'down') isDown = step.down
          else if (step.kind === 'advance') await now.clock.advance(step.ms)
          else if (step.kind === 'diskFault') now.log.fault = step.fault ? new Error('EIO') : undefined
          else {
            if (step.gracefully) await now.queue.stop(AbortSignal.abort())
            await now.crash()
            over()
            now = await run(disk, more)
            wire()
          }
        }
        isDown = false
        now.log.fault = undefined
        await now.clock.advance(100_000)
        await now.clock.advance(100_000)
        for (let i = 0; i < 50 && now.log.records > 0; i++) await now.clock.advance(2000)
        over()
        const missing = answered.filter((n) => !arrived.includes(n))
        if (missing.length > 0) throw new Error(`lost ${missing.join()}`)
        await now.queue.stop(AbortSignal.abort())
        await now.deadLetters.stop()
      },
    ),
    { numRuns: 300 },
  )
  t.pass()
})
