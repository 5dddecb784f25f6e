// The decisions of traces that are gone, so that spans that come late follow them. The processor asks for every trace that begins, so it is a
// table of numbers and no cache of strings: docs/decisions/0016.

import { LINE, type Remembered, TraceLine, traceKey, TraceTable, VERDICT } from '../../core/traces/index.ts'

const DROPPED = 0
const KEPT = 1

export class DecisionMemory {
  /** How many traces of each kind. */
  readonly #most: readonly [dropped: number, kept: number]
  /** One table for both, for most traces that are asked for are in neither. */
  readonly #table: TraceTable = new TraceTable(0)
  /** Of each kind, who was asked for last stands last. */
  readonly #lines: readonly [TraceLine, TraceLine] = [new TraceLine(this.#table), new TraceLine(this.#table)]
  readonly #id = new Int32Array(4)
  readonly #bytes = Buffer.from(this.#id.buffer)
  #origin = ''
  #originNumber = 0
  /** Of the trace that was recalled last: its verdict, and how long ago it was given, in seconds. */
  verdict = 0
  age = 0

  /** 0: none. */
  constructor(kept: number, dropped: number) {
    this.#most = [dropped, kept]
  }

  remember(origin: string, id: Int32Array, isKept: boolean, verdict: number, nowMs: number): void {
    const kind = isKept ? KEPT : DROPPED
    const a = id[0]!
    const b = id[1]!
    const c = id[2]!
    const d = id[3]!
    const number = this.#numberOf(origin)
    this.#forget(this.#table.find(a, b, c, d, number))
    if (this.#most[kind] === 0) return
    const line = this.#lines[kind]
    if (line.count >= this.#most[kind]) this.#forget(line.first)
    const trace = this.#table.add(a, b, c, d, number, nowMs)
    const { cells, stride } = this.#table
    cells[trace * stride + VERDICT] = verdict
    cells[trace * stride + LINE] = kind
    line.push(trace)
  }

  #forget(trace: number): void {
    if (trace < 0) return
    this.#lineOf(trace).remove(trace)
    this.#table.remove(trace)
  }

  #lineOf(trace: number): TraceLine {
    return this.#lines[this.#table.cells[trace * this.#table.stride + LINE] as 0 | 1]
  }

  recall(origin: string, a: number, b: number, c: number, d: number, nowMs: number): Remembered {
    const table = this.#table
    const trace = table.find(a, b, c, d, this.#numberOf(origin))
    if (trace < 0) return 'unknown'
    const line = this.#lineOf(trace)
    line.remove(trace)
    line.push(trace)
    this.verdict = table.cells[trace * table.stride + VERDICT]!
    this.age = (nowMs - table.arrivedMs[trace]!) / 1000
    return line === this.#lines[KEPT] ? 'kept' : 'dropped'
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
