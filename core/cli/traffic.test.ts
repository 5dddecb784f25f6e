import t from 'tap'
import type { LedgerRow } from '../ledger.ts'
import { TestClock, TestSettings } from '../testing/index.ts'
import { EVERY_MS, reportTraffic } from './traffic.ts'

t.test('traffic is told as it changes, honest about drops, and not where there is none', async (t) => {
  const clock = new TestClock()
  const { log, lines } = new TestSettings('traffic', clock)
  const row = {
    pipeline: 'traces',
    destination: 'debug',
    received: 0,
    created: {},
    restored: 0,
    delivered: 0,
    dropped: {},
    refused: 0,
    deadLettered: 0,
    queued: 0,
    durable: false,
    inFlight: 0,
  }
  let rows: readonly LedgerRow[] = [row]
  let malformed = 0
  const traffic = reportTraffic({ rows: () => [...rows], atDoor: () => (malformed > 0 ? { otlp: { malformed } } : {}) }, log, clock)
  const told = (): unknown[] => lines.splice(0).map(({ message, fields }) => [message, fields])

  await clock.advance(EVERY_MS)
  t.same(told(), [])
  rows = [{ ...row, received: 10, delivered: 5, dropped: { 'a: probe': 2, 'b: sampled': 1 }, refused: 1, inFlight: 1 }]
  await clock.advance(EVERY_MS)
  t.same(told(), [['traces → debug', { received: 10, delivered: 5, dropped: 3, refused: 1, in_flight: 1 }]])
  await clock.advance(EVERY_MS)
  t.same(told(), [])
  rows = [{ ...row, received: 14, delivered: 8, dropped: { 'a: probe': 2, 'b: sampled': 1 }, refused: 1, queued: 2 }]
  await clock.advance(EVERY_MS)
  t.same(told(), [['traces → debug', { received: 4, delivered: 3, dropped: 0, refused: 0, queued: 2, in_flight: 0 }]])
  rows = [{ ...row, received: 14, restored: 6, delivered: 13, dropped: { 'a: probe': 2, 'b: sampled': 1 }, refused: 1, deadLettered: 3 }]
  await clock.advance(EVERY_MS)
  t.same(told(), [['traces → debug', { received: 0, restored: 6, delivered: 5, dropped: 0, refused: 0, dead_lettered: 3, in_flight: 0 }]])
  malformed = 3
  await clock.advance(EVERY_MS)
  t.same(told(), [['otlp: malformed', { refused: 3 }]])
  malformed = 4
  await clock.advance(EVERY_MS)
  t.same(told(), [['otlp: malformed', { refused: 1 }]])
  traffic.stop()
  rows = [{ ...row, received: 100 }]
  await clock.advance(2 * EVERY_MS)
  t.same(told(), [])
})
