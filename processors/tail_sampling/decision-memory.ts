// The decisions of traces that are gone, so that spans that come late follow them. The processor asks for every trace that begins, so it is a
// table of numbers and no cache of strings: docs/decisions/0016.

import { type Remembered, TraceLine, traceKey, TraceTable, VERDICT } from '../../core/traces/index.ts'

/** So many traces, least recently asked for first to go. */
class Decisions {
  readonly #most: number
  readonly #table: TraceTable = new TraceTable(0)
  readonly #line: TraceLine = new TraceLine(this.#table)

  constructor(most: number) {
    this.#most = most
  }

  set(id: Int32Array, origin: number, verdict: number, nowMs: number): void {
    if (this.#most === 0) return
    const known = this.find(id, origin)
    if (known < 0 && this.#table.count >= this.#most) this.#forget(this.#line.first)
    const trace = known >= 0 ? known : this.#table.add(id[0]!, id[1]!, id[2]!, id[3]!, origin, nowMs)
    if (known < 0) this.#line.push(trace)
    this.#table.cells[trace * this.#table.stride + VERDICT] = verdict
    this.#table.arrivedMs[trace] = nowMs
  }

  #forget(trace: number): void {
    this.#line.remove(trace)
    this.#table.remove(trace)
  }

  /** Its number, or -1; who is found stays longer. */
  find(id: Int32Array, origin: number): number {
    const trace = this.#table.find(id[0]!, id[1]!, id[2]!, id[3]!, origin)
    if (trace >= 0) {
      this.#line.remove(trace)
      this.#line.push(trace)
    }
    return trace
  }

  verdictOf(trace: number): number {
    return this.#table.cells[trace * this.#table.stride + VERDICT]!
  }
  givenMs(trace: number): number {
    return this.#table.arrivedMs[trace]!
  }
}

export class DecisionMemory {
  readonly #kept: Decisions
  readonly #dropped: Decisions
  readonly #id = new Int32Array(4)
  readonly #bytes = Buffer.from(this.#id.buffer)
  #origin = ''
  #originNumber = 0
  /** Of the trace that was recalled last: its verdict, and how long ago it was given, in seconds. */
  verdict = 0
  age = 0

  /** How many traces of each kind; 0: none. */
  constructor(kept: number, dropped: number) {
    this.#kept = new Decisions(kept)
    this.#dropped = new Decisions(dropped)
  }

  remember(origin: string, id: Int32Array, isKept: boolean, verdict: number, nowMs: number): void {
    const memory = isKept ? this.#kept : this.#dropped
    memory.set(id, this.#numberOf(origin), verdict, nowMs)
  }

  recall(origin: string, a: number, b: number, c: number, d: number, nowMs: number): Remembered {
    const id = this.#id
    id[0] = a
    id[1] = b
    id[2] = c
    id[3] = d
    const number = this.#numberOf(origin)
    const kept = this.#kept.find(id, number)
    if (kept >= 0) return this.#found(this.#kept, kept, nowMs, 'kept')
    const dropped = this.#dropped.find(id, number)
    return dropped < 0 ? 'unknown' : this.#found(this.#dropped, dropped, nowMs, 'dropped')
  }

  #found(memory: Decisions, trace: number, nowMs: number, what: Remembered): Remembered {
    this.verdict = memory.verdictOf(trace)
    this.age = (nowMs - memory.givenMs(trace)) / 1000
    return what
  }

  /** What a trace is known by in a journal. */
  keyOf(origin: string, a: number, b: number, c: number, d: number): string {
    const id = this.#id
    id[0] = a
    id[1] = b
    id[2] = c
    id[3] = d
    return traceKey(origin, this.#bytes)
  }

  /** A hash of it: two origins that share one would have to share a trace id, too. */
  #numberOf(origin: string): number {
    if (origin === this.#origin) return this.#originNumber
    let hash = 0x811c_9dc5
    for (let i = 0; i < origin.length; i++) hash = Math.imul(hash ^ origin.charCodeAt(i), 0x0100_0193)
    this.#origin = origin
    this.#originNumber = origin === '' ? 0 : hash
    return this.#originNumber
  }
}
