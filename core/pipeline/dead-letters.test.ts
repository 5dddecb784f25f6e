// Dead letters, seen from the queue that puts them there, the log and the metrics.

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Onlooker, SegmentLog } from '../durable/index.ts'
import { FullError } from '../storage.ts'
import { lifecycleSuite, numberedSpans, readSpans, TestClock, TestSettings } from '../testing/index.ts'
import { Origins, readBatch, readHead } from './batch-record.ts'
import { type DeadLetter, DeadLetters, type LetterHead } from './dead-letters.ts'

const letter = (count: number, more: Partial<DeadLetter> = {}): DeadLetter => ({
  batch: numberedSpans(count),
  pipeline: 'traces',
  exporter: 'otlp_http/b',
  reason: 'HTTP 400',
  refused: count,
  ...more,
})

function make(t: Test, folder: string = join(t.testdir(), 'dead_letters'), maxBytes: number = 1 << 20) {
  const clock = new TestClock()
  const settings = new TestSettings('file_storage', clock)
  const letters = new DeadLetters(() => SegmentLog.open(folder, { maxBytes }), clock, settings.log, settings.meter)
  const gauge = (name: string): unknown => settings.gauges.get(`millrace_dead_letter_${name}`)!()
  return { folder, clock, settings, letters, gauge }
}
const turns = async (until: () => boolean): Promise<void> => {
  while (!until()) await new Promise((resolve) => setImmediate(resolve))
}

t.test('a letter keeps the batch, who it was for, why, when, and how many were refused', async (t) => {
  const { letters, folder } = make(t)
  await letters.start()
  await letters.add(letter(3, { refused: 2, reason: `no\n\u001B[2J${'x'.repeat(5000)}` }))
  await letters.stop()
  const log = await SegmentLog.open(folder, { maxBytes: 1 << 20 })
  const [record] = (await log.read(0, 1)).records
  const head = readHead<LetterHead>(record!.bytes)
  t.match(head, { signal: 'traces', pipeline: 'traces', count: 3, exporter: 'otlp_http/b', refused: 2, at: '2026-01-01T00:00:00.000Z' })
  t.ok(head.reason!.startsWith('no\\n\\u001b[2Jxxx'), 'printable')
  t.ok(head.reason!.length < 1100, 'and bounded')
  t.equal(readSpans(readBatch(record!.bytes, head, new Origins())).length, 3)
  await log.close()
})

t.test('what waits is counted, also after a restart, and what was put there by exporter', async (t) => {
  const { letters, folder, settings, gauge } = make(t)
  await letters.start()
  await Promise.all([letters.add(letter(3)), letters.add(letter(2, { exporter: 'other' }))])
  t.same([gauge('waiting_letters'), gauge('waiting_items'), gauge('max_bytes')], [2, 5, 1 << 20])
  t.ok((gauge('bytes') as number) > 0)
  t.equal(settings.counters['millrace_dead_letter_items'], 5)
  await letters.stop()

  const again = make(t, folder)
  await again.letters.start()
  await turns(() => again.settings.lines.length > 0)
  t.match(again.settings.lines, [{ level: 'warn', fields: { letters: 2, items: 5 }, message: /millrace deadletter list/ }])
  t.same([again.gauge('waiting_letters'), again.gauge('waiting_items')], [2, 5])
  await again.letters.stop()
})

t.test('what a command released counts no more after ten seconds', async (t) => {
  const { letters, folder, clock, gauge } = make(t)
  await letters.start()
  await turns(() => clock.pending === 1)
  await Promise.all([letters.add(letter(3)), letters.add(letter(2))])
  const onlooker = new Onlooker(folder)
  for await (const { position } of onlooker.records()) {
    await onlooker.release([position])
    break
  }
  await clock.advance(10_000)
  await turns(() => letters.letters === 1)
  t.same([gauge('waiting_letters'), gauge('waiting_items')], [1, 2])
  await letters.stop()
  t.equal(clock.pending, 0)
})

t.test('a thousand letters are told in two lines, not a thousand', async (t) => {
  const { letters, clock, settings } = make(t)
  await letters.start()
  await Promise.all(Array.from({ length: 1000 }, () => letters.add(letter(1))))
  const told = (): object[] => settings.lines.map(({ fields }) => fields)
  t.match(told(), [{ letters: 1, items: 1, reason: 'HTTP 400', exporter: 'otlp_http/b' }])
  await clock.advance(60_000)
  t.match(told().slice(1), [{ letters: 999, items: 999 }])
  await clock.advance(60_000)
  t.equal(told().length, 2, 'nothing new, nothing to say')
  await letters.add(letter(1))
  t.equal(told().length, 3)
  await letters.add(letter(1))
  await letters.stop()
  t.equal(told().length, 4, 'what was not told yet is told at the end')
  t.equal(clock.pending, 0)
})

t.test('whoever hands over a letter waits until it is synced', async (t) => {
  const synced = Promise.withResolvers<number>()
  const log = await SegmentLog.open(join(t.testdir(), 'dead_letters'), { maxBytes: 1 << 20 })
  log.append = () => synced.promise
  const settings = new TestSettings('file_storage')
  const letters = new DeadLetters(async () => log, settings.clock, settings.log, settings.meter)
  await letters.start()
  let isKept = false
  const added = letters.add(letter(1)).then(() => (isKept = true))
  await new Promise((resolve) => setImmediate(resolve))
  t.notOk(isKept)
  t.equal(letters.letters, 0)
  synced.resolve(128)
  await added
  t.equal(letters.letters, 1)
  await letters.stop()
})

t.test('a letter that cannot be kept stays with the queue, and an error says so', async (t) => {
  const { letters, settings } = make(t, undefined, 2000)
  await letters.start()
  await t.rejects(letters.add(letter(100)), FullError)
  t.match(settings.lines, [{ level: 'error', fields: { letters: 1, items: 100, reason: /limit of 2000/ } }])
  t.equal(letters.letters, 0)
  t.equal(settings.counters['millrace_dead_letter_items'], undefined)
  await letters.stop()
})

let made = 0
lifecycleSuite(t.test.bind(t), async () => make(t, join(t.testdir(), String(made++))).letters)
