// What the table says of the runs: medians, the ratio of the same round, the worst loss, and a missed goal as missed.

import t from 'tap'

import type { Card } from './measure.ts'
import { markdown, median, ratioToOurs, type Report } from './report.ts'
import { cpuMicroseconds, peakRssBytes } from './process-cost.ts'
import type { Scenario } from './scenarios.ts'

const scenario: Scenario = { name: 'receive', pipeline: 'otlp/http → nop', backend: false, goal: 3 }

function card(program: string, cpuMicrosPerSpan: number, more: Partial<Card> = {}): Card {
  const counts = { offered: 500, sent: 500, accepted: 500, delivered: 500, lost: 0, duplicates: 0, unacknowledged: 0, statuses: { 200: 5 } }
  const costs = { tracesPerSecond: 100, peakRssBytes: 1e6, generatorMicrosPerSpan: 0.3, countingMicrosPerSpan: 0, loadAverage: 0 }
  const latencyMs = { p50: 1, p99: 2, p999: 3, max: 4 }
  const what = { scenario: 'receive', program, version: '1', load: 'closed 16', spansPerRequest: 100, gzip: false }
  return { ...what, ...counts, ...costs, cpuMicrosPerSpan, latencyMs, ...more }
}

function report(cards: readonly Card[]): Report {
  return { when: '', machine: '', node: '', commit: '', command: '', cards, startUps: [] }
}

t.test('the median of an even number is the middle of the two, and of none is no number', async (t) => {
  t.equal(median([5, 1, 3]), 3)
  t.equal(median([4, 1, 3, 2]), 2.5)
  t.ok(Number.isNaN(median([])))
})

t.test('the ratio is taken within a round, and then the median of the rounds', async (t) => {
  const ours = [card('millrace', 1), card('millrace', 2), card('millrace', 4)]
  const theirs = [card('collector', 3), card('collector', 4), card('collector', 40)]
  t.equal(ratioToOurs(theirs, ours), 3)
  t.equal(ratioToOurs(theirs, []), undefined)
})

t.test('where nobody counts what arrives, no zero says that nothing was lost', async (t) => {
  const uncounted = { delivered: null, lost: null, duplicates: null }
  t.match(markdown(report([card('millrace', 1, uncounted)]), [scenario]), /\| 500 \| 500 \| not counted \| not counted \| not counted \|/)
})

t.test('one round that lost spans shows, though the others lost none', async (t) => {
  const table = markdown(report([card('millrace', 1), card('millrace', 1, { lost: 17 }), card('millrace', 1)]), [scenario])
  t.match(table, /\| 500 \| 500 \| 500 \| 17 \| 0 \|/)
})

t.test('a goal that was missed is said to be missed, and one reached to be reached', async (t) => {
  t.match(markdown(report([card('millrace', 1), card('collector', 2.9)]), [scenario]), /measured 2\.90 ×: \*\*missed\*\*/)
  t.match(markdown(report([card('millrace', 1), card('collector', 3.1)]), [scenario]), /measured 3\.10 ×: reached/)
})

t.test('the cost of a process grows with its work and knows its memory', async (t) => {
  const before = cpuMicroseconds(process.pid)
  const own = process.cpuUsage()
  while (process.cpuUsage(own).user < 200_000) JSON.stringify(own)
  t.ok(cpuMicroseconds(process.pid) - before >= 150_000)
  t.ok(peakRssBytes(process.pid) >= process.memoryUsage.rss() * 0.5)
})
