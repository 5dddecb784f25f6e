// A line of traffic now and then, from the ledger: what came in, and what became of it. `run` starts it.

import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'
import type { Ledger, LedgerRow } from '../ledger.ts'
import { printable } from '../printable.ts'

export const EVERY_MS = 10_000

/** Logs what changed since the last time, for each pipeline and destination; a quiet pipeline has no line. */
export function reportTraffic(ledger: Pick<Ledger, 'rows' | 'atDoor'>, log: Logger, clock: Clock): { stop(): void } {
  let before = new Map<string, Figures>()
  let beforeAtDoor = new Map<string, number>()
  let timer = clock.after(EVERY_MS, report)
  function report(): void {
    const now = new Map<string, Figures>()
    for (const row of ledger.rows()) {
      const way = `${row.pipeline} → ${row.destination}`
      const figures = figuresOf(row)
      now.set(way, figures)
      const since = difference(figures, before.get(way))
      if (Object.values(since).every((n) => n === 0)) continue
      log.info({ ...shown(since), ...(row.queued > 0 ? { queued: row.queued } : {}), in_flight: row.inFlight }, way)
    }
    before = now
    const atDoor = refusedAtDoor(ledger)
    for (const [why, count] of atDoor) {
      const since = count - (beforeAtDoor.get(why) ?? 0)
      if (since > 0) log.warn({ refused: since }, why)
    }
    beforeAtDoor = atDoor
    timer = clock.after(EVERY_MS, report)
  }
  return { stop: () => timer.cancel() }
}

/** What never reached a pipeline, by component and reason: `otlp: malformed`. */
export function refusedAtDoor(ledger: Pick<Ledger, 'atDoor'>): Map<string, number> {
  const all = Object.entries(ledger.atDoor())
  return new Map(
    all.flatMap(([id, reasons]) => Object.entries(reasons).map(([reason, count]) => [`${id}: ${printable(reason, 200)}`, count] as const)),
  )
}

interface Figures {
  readonly received: number
  readonly restored: number
  readonly delivered: number
  readonly dropped: number
  readonly refused: number
  readonly dead_lettered: number
}

function figuresOf(row: LedgerRow): Figures {
  const { received, restored, delivered, refused } = row
  return {
    received,
    restored,
    delivered,
    dropped: Object.values(row.dropped).reduce((sum, n) => sum + n, 0),
    refused,
    dead_lettered: row.deadLettered,
  }
}

const NOTHING: Figures = { received: 0, restored: 0, delivered: 0, dropped: 0, refused: 0, dead_lettered: 0 }

function difference(now: Figures, before: Figures = NOTHING): Figures {
  return {
    received: now.received - before.received,
    restored: now.restored - before.restored,
    delivered: now.delivered - before.delivered,
    dropped: now.dropped - before.dropped,
    refused: now.refused - before.refused,
    dead_lettered: now.dead_lettered - before.dead_lettered,
  }
}

/** Without the columns that only a queue on disk has, where there is nothing in them. */
function shown({ restored, dead_lettered, ...always }: Figures): object {
  return { ...always, ...(restored > 0 ? { restored } : {}), ...(dead_lettered > 0 ? { dead_lettered } : {}) }
}
