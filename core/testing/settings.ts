// What core gives a component, for tests: it remembers what was logged, counted and dropped.

import type { Signal } from '../batch.ts'
import type { Clock } from '../clock.ts'
import type { Capabilities, Capability, Logger, Meter, Settings } from '../component.ts'
import { TestClock } from './test-clock.ts'

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: object
  readonly message: string
}

export class TestSettings implements Settings {
  readonly id: string
  /** For a processor; set it before the processor is created. */
  signal: Signal = 'traces'
  readonly clock: Clock
  readonly lines: LogLine[] = []
  /** Items dropped, by reason. */
  readonly drops: Record<string, number> = Object.create(null)
  /** Totals of counters, by name. */
  readonly counters: Record<string, number> = Object.create(null)

  /** What reads a gauge, by name. */
  readonly gauges: Map<string, Parameters<Meter['gauge']>[3]> = new Map()
  /** Recorded values, by name. */
  readonly histograms: Map<string, number[]> = new Map()

  constructor(id: string, clock: Clock = new TestClock()) {
    this.id = id
    this.clock = clock
  }

  readonly log: Logger = {
    debug: (fields, message) => void this.lines.push({ level: 'debug', fields, message }),
    info: (fields, message) => void this.lines.push({ level: 'info', fields, message }),
    warn: (fields, message) => void this.lines.push({ level: 'warn', fields, message }),
    error: (fields, message) => void this.lines.push({ level: 'error', fields, message }),
  }

  readonly meter: Meter = {
    counter: (name) => (n) => {
      this.counters[name] = (this.counters[name] ?? 0) + n
    },
    gauge: (name, _unit, _help, read) => void this.gauges.set(name, read),
    histogram: (name) => (value) => {
      const values = this.histograms.get(name) ?? []
      this.histograms.set(name, values)
      values.push(value)
    },
  }

  /** What `extension` hands over, by id. */
  readonly extensions: Map<string, Capabilities[Capability]> = new Map()

  extension<C extends Capability>(capability: C, id: string): Capabilities[C] {
    const found = this.extensions.get(id)
    if (found === undefined) throw new Error(`the test has no extension "${id}" for ${capability}`)
    return found as Capabilities[C]
  }

  drop(count: number, reason: string): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + count
  }

  /** Items created, by reason. */
  readonly creations: Record<string, number> = Object.create(null)

  create(count: number, reason: string): void {
    this.creations[reason] = (this.creations[reason] ?? 0) + count
  }

  get dropped(): number {
    return Object.values(this.drops).reduce((sum, count) => sum + count, 0)
  }
}
