// What the counting server counts: losses and duplicates each on their own, however the spans are cut into requests.

import { gzipSync, zstdCompressSync } from 'node:zlib'

import t from 'tap'

import { patch, prepareMessages } from './body.ts'
import { SpanTally } from './span-tally.ts'

const RUN = 0xabcdef01

/** The body of request `number` of this size. */
function body(number: number, spans = 5, run = RUN): Buffer {
  const messages = prepareMessages({ spans, run, host: 'h', path: '/', seed: 0 })
  const message = messages[number % messages.length]
  if (!message) throw new Error('no message')
  patch(message, number * spans)
  return Buffer.from(message.bytes.subarray(message.bodyAt))
}
const answers = (
  accepted: number,
  requests: number,
  spansPerRequest = 5,
): { accepted: Uint8Array; requests: number; spansPerRequest: number } => ({
  accepted: Uint8Array.of(accepted),
  requests,
  spansPerRequest,
})

t.test('a loss and a duplicate of the same size do not cancel out', async (t) => {
  const tally = new SpanTally(RUN)
  for (const number of [0, 1, 1, 3]) tally.add(body(number))
  t.same(tally.verdict(answers(0b1111, 4)), { delivered: 15, duplicates: 5, foreign: 0, requests: 4, lost: 5, unacknowledged: 0 })
})

t.test('a span whose request was refused is no loss where it is missing, and is told apart where it arrived', async (t) => {
  const tally = new SpanTally(RUN)
  for (const number of [0, 2]) tally.add(body(number))
  t.match(tally.verdict(answers(0b001, 3)), { delivered: 10, lost: 0, unacknowledged: 5 })
})

t.test('requests laid end to end, as batching makes them, count as their parts', async (t) => {
  const tally = new SpanTally(RUN)
  tally.add(Buffer.concat([body(0, 100), body(1, 100), body(2, 100)]))
  t.match(tally.verdict(answers(0b111, 3, 100)), { delivered: 300, duplicates: 0, lost: 0, requests: 1 })
})

t.test('single spans of one trace are told apart', async (t) => {
  const tally = new SpanTally(RUN)
  for (const number of [0, 1, 3, 4, 5]) tally.add(body(number, 1))
  t.match(tally.verdict(answers(0b111111, 6, 1)), { delivered: 5, lost: 1, duplicates: 0 })
})

t.test('numbers far beyond the first are ticked off too', async (t) => {
  const tally = new SpanTally(RUN)
  tally.add(body(20_000_000))
  tally.add(body(20_000_000))
  t.match(tally.tally, { delivered: 5, duplicates: 5 })
})

t.test('spans of another run are foreign', async (t) => {
  const tally = new SpanTally(RUN)
  tally.add(body(0, 5, RUN - 1))
  t.match(tally.tally, { delivered: 0, foreign: 5 })
})

t.test('gzip and zstd are read', async (t) => {
  const tally = new SpanTally(RUN)
  tally.add(gzipSync(body(0)), 'gzip')
  tally.add(zstdCompressSync(body(1)), 'zstd')
  t.match(tally.tally, { delivered: 10, duplicates: 0 })
})

t.test('a body that is cut off is refused', async (t) => {
  const tally = new SpanTally(RUN)
  t.throws(() => tally.add(body(0).subarray(0, 700)), RangeError)
})
