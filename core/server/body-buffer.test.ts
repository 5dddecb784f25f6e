import t from 'tap'
import { BodyBuffer } from './body-buffer.ts'
import { ByteBudget } from './byte-budget.ts'
import type { Room } from './decompress.ts'
import { unavailable } from './refusal.ts'

const MIB = 1024 * 1024
const overBudget = unavailable('too many bytes are in flight')

/** A request's room in a budget that all share. */
function roomIn(budget: ByteBudget, limitBytes = 20 * MIB): Room {
  return { limitBytes, overBudget, reserve: (bytes) => budget.take(bytes), release: (bytes) => budget.give(bytes) }
}

t.test('a thousand senders that begin large bodies and wait leave room for others', (t) => {
  const budget = new ByteBudget(256 * MIB)
  for (let i = 0; i < 1000; i++) t.equal(new BodyBuffer(roomIn(budget), 20 * MIB).append(Buffer.alloc(1000)), undefined)
  const other = new BodyBuffer(roomIn(budget), MIB)
  for (let i = 0; i < 16; i++) t.equal(other.append(Buffer.alloc(MIB / 16)), undefined)
  t.equal(other.take().length, MIB)
  t.ok(budget.usedBytes < 68 * MIB, `${budget.usedBytes} bytes`)
  t.end()
})

t.test('a body is whole, in memory of its own size, however it comes', (t) => {
  for (const length of [1, 1000, 65_536, 65_537, 300_000, 3_000_000])
    for (const pieceLength of [999, 65_536]) {
      const budget = new ByteBudget(20 * MIB)
      const buffer = new BodyBuffer(roomIn(budget), length)
      const body = Buffer.alloc(length, 'pieces of a body; ')
      // As Node hands them over: each a part of what was read.
      for (let at = 0; at < length; at += pieceLength) buffer.append(Buffer.from(body.subarray(at, at + pieceLength)))
      t.ok(buffer.take().equals(body), `${length} in pieces of ${pieceLength}`)
      t.ok(budget.usedBytes <= Math.max(length, 65_536), `${budget.usedBytes} bytes`)
    }
  t.end()
})

t.test('a body without a length grows with what comes, up to the limit and the budget', (t) => {
  const budget = new ByteBudget(2 * MIB)
  const buffer = new BodyBuffer(roomIn(budget, 600_000), -1)
  for (let i = 0; i < 6; i++) t.equal(buffer.append(Buffer.alloc(100_000)), undefined)
  t.match(buffer.append(Buffer.alloc(1)), { httpStatus: 413 })
  t.equal(new BodyBuffer(roomIn(budget), -1).append(Buffer.alloc(2 * MIB)), overBudget)
  t.end()
})
