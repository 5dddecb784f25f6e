// Spans wait here until their trace is whole, or as whole as it gets: bytes in slabs, numbers in a table. tail_sampling and group_by_trace
// own one each: they are told of every span and of every trace that is due, and take requests out.
//
// It is longer than other files: taking, making room, deciding and leaving change the same rows and sums, and none can be followed alone.

import { type Batch, byteLengthOf, type Origin } from '../batch.ts'
import { RetryableError } from '../errors.ts'
import { indexChunk } from '../otlp/requests.ts'
import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { OriginNumbers } from './origin-numbers.ts'
import { SLAB_BYTES } from './slab.ts'
import { SpanSlabs } from './span-slabs.ts'
import { TraceLine } from './trace-line.ts'
import type { Leaving, Most, TraceBufferOptions, TraceOwner } from './trace-owner.ts'
import { BEHIND, BYTES, FIRST_SPAN, ID, LAST_SPAN, LINE, ORIGIN, OWN_CELLS, SPAN_COUNT, TraceTable, VERDICT } from './trace-table.ts'

/** Lines of an origin: traces that wait for spans, those of them whose root has come, and those that wait to be handed on. */
const WAITING = 0
const ROOTED = 1
const LEAVING = 2

/** A trace may take this part of the budget; then it is due, whatever came of it. */
const LARGEST_SHARE = 8
/** While more than this part of the budget waits to be handed on, more decisions would not make room. */
const LEAVING_SHARE = 4
/** So many traces are decided early at once, before somebody else may hold the most. */
const MOST_AT_ONCE = 64
/** When a sender that found no room should come back. */
const RETRY_FULL_MS = 1000

interface OriginLines {
  readonly number: number
  readonly key: string
  readonly origin: Origin
  readonly lines: readonly [TraceLine, TraceLine, TraceLine]
  /** In its lines, and those that are being decided. */
  traces: number
  /** Of the spans of traces that are not decided. */
  openBytes: number
}

export class TraceBuffer {
  readonly table: TraceTable
  /** How many traces were kept since the start: the number of the last such decision. */
  decisions = 0
  readonly #options: TraceBufferOptions
  readonly #owner: TraceOwner
  readonly #slabs: SpanSlabs = new SpanSlabs()
  readonly #origins: OriginNumbers<OriginLines>
  #open = 0
  #leaving = 0
  #leavingBytes = 0
  #leavingRefs: Int32Array = new Int32Array(4096)
  readonly #largestBytes: number
  /** How many are decided where there is one too many: whoever holds the most is not looked for each time. */
  readonly #crowd: number
  /** Of the last `take`: spans that came after their trace was dropped, or kept, and traces that began. */
  lateDropped = 0
  lateKept = 0
  begun = 0
  /** And those that the buffer did not have to take, for they have their fate. */
  gone = 0
  /** Whose spans are being taken: it keeps its number meanwhile. */
  #taking: OriginLines | undefined

  constructor(options: TraceBufferOptions, owner: TraceOwner) {
    this.#options = options
    this.#owner = owner
    this.#largestBytes = Math.min(options.largestBytes ?? Infinity, options.maxBytes / LARGEST_SHARE)
    this.#crowd = Math.min(MOST_AT_ONCE, Math.ceil(options.maxTraces / 1000))
    const table = (this.table = new TraceTable(options.ownCells))
    this.#origins = new OriginNumbers((number, key, origin) => ({
      number,
      key,
      origin,
      lines: [new TraceLine(table), new TraceLine(table), new TraceLine(table)],
      traces: 0,
      openBytes: 0,
    }))
  }

  /** Traces without a decision. */
  get openTraces(): number {
    return this.#open
  }
  /** Traces that were kept and wait to be taken by `leave`. */
  get leavingTraces(): number {
    return this.#leaving
  }
  get leavingSpans(): number {
    let spans = 0
    const { cells, stride } = this.table
    for (const { lines } of this.#origins.all())
      for (let trace = lines[LEAVING].first; trace >= 0; trace = cells[trace * stride + BEHIND]!)
        spans += cells[trace * stride + SPAN_COUNT]!
    return spans
  }
  /** The memory it takes. */
  get bytes(): number {
    return this.#slabs.bytes + this.table.bytes + (this.#owner.keptBytes ?? 0)
  }

  /**
   * Takes a batch whole, or refuses it whole. `outsideBytes` is what its owner holds beside it within the same budget, `number` what its
   * owner calls the batch.
   * @throws RetryableError where there is no room.
   */
  take(batch: Batch, outsideBytes = 0, number = 0): void {
    this.#makeRoom(byteLengthOf(batch), outsideBytes)
    this.lateDropped = this.lateKept = this.begun = this.gone = 0
    const origin = (this.#taking = this.#origins.of(batch.origin))
    try {
      for (const chunk of batch.chunks) this.#takeRequest(indexChunk('traces', chunk), origin, number)
    } finally {
      this.#taking = undefined
      this.#releaseIfEmpty(origin)
    }
  }

  #takeRequest(index: RequestIndex, origin: OriginLines, number: number): void {
    const { items, view, itemCount } = index
    const nowMs = this.#options.clock.monotonicMs()
    const slabs = this.#slabs
    slabs.add(index, number)
    const { refs } = slabs
    let a = 0
    let b = 0
    let c = 0
    let d = 0
    /** -1: not looked up, NOBODY: its trace was dropped. */
    let trace = -1
    for (let span = 0; span < itemCount; span++) {
      const row = span * column.ITEM_STRIDE
      const id = items[row + column.SPAN_TRACE_ID]!
      const e = view.getInt32(id, true)
      const f = view.getInt32(id + 4, true)
      const g = view.getInt32(id + 8, true)
      const h = view.getInt32(id + 12, true)
      if (trace === -1 || d !== h || c !== g || b !== f || a !== e) {
        a = e
        b = f
        c = g
        d = h
        trace = this.table.find(a, b, c, d, origin.number)
        if (trace < 0) trace = this.#begin(origin, a, b, c, d, nowMs)
      }
      if (trace <= NOBODY) {
        slabs.release(refs[span]!)
        if (trace === GONE) this.gone++
        else this.lateDropped++
        continue
      }
      this.#append(trace, refs[span]!, items[row + column.END]! - items[row + column.TAG]!, origin)
      const { cells, stride } = this.table
      const at = trace * stride
      const line = cells[at + LINE]!
      if (line === LEAVING) {
        this.lateKept++
        continue
      }
      this.#owner.observe(index, span, cells, at + OWN_CELLS)
      if (line === WAITING && items[row + column.SPAN_PARENT_ID]! < 0) this.#rooted(trace, origin, nowMs)
      if (cells[at + BYTES]! > this.#largestBytes) {
        this.#owner.decide([trace], 'large')
        trace = -1
      }
    }
  }

  /** A trace that is not open: a new one, or what comes late of one that was decided. */
  #begin(origin: OriginLines, a: number, b: number, c: number, d: number, nowMs: number): number {
    const remembered = this.#owner.recall(origin.key, a, b, c, d)
    if (remembered === 'dropped') return NOBODY
    if (remembered === 'gone') return GONE
    const { table } = this
    if (remembered === 'unknown' && this.#options.decidesEarly && this.#open >= this.#options.maxTraces) this.#decideOldest(this.#crowd, 0)
    const trace = table.add(a, b, c, d, origin.number, nowMs)
    origin.traces++
    const at = trace * table.stride
    if (remembered === 'kept') {
      table.cells[at + VERDICT] = this.#owner.recalledVerdict
      table.cells[at + LINE] = LEAVING
      table.dueMs[trace] = 0
      origin.lines[LEAVING].push(trace)
      this.#leaving++
      return trace
    }
    table.cells[at + LINE] = WAITING
    table.dueMs[trace] = nowMs + this.#options.waitMs
    origin.lines[WAITING].push(trace)
    this.#open++
    this.begun++
    return trace
  }

  #append(trace: number, ref: number, bytes: number, origin: OriginLines): void {
    const { cells, stride } = this.table
    const at = trace * stride
    const last = cells[at + LAST_SPAN]!
    if (last < 0) cells[at + FIRST_SPAN] = ref
    else this.#slabs.link(last, ref)
    cells[at + LAST_SPAN] = ref
    cells[at + SPAN_COUNT]!++
    // Only what is leaving grows on: a part of the budget, then everything stops.
    cells[at + BYTES]! += bytes
    if (cells[at + LINE] === LEAVING) this.#leavingBytes += bytes
    else origin.openBytes += bytes
  }

  #rooted(trace: number, origin: OriginLines, nowMs: number): void {
    const dueMs = nowMs + this.#options.waitAfterRootMs
    if (dueMs >= this.table.dueMs[trace]!) return
    this.table.dueMs[trace] = dueMs
    origin.lines[WAITING].remove(trace)
    origin.lines[ROOTED].push(trace)
    this.table.cells[trace * this.table.stride + LINE] = ROOTED
  }

  // ---- room

  #makeRoom(bytes: number, outsideBytes: number): void {
    const { maxBytes, maxTraces, decidesEarly } = this.#options
    if (!decidesEarly && this.#open >= maxTraces) throw new RetryableError('num_traces are open already', { retryAfterMs: RETRY_FULL_MS })
    const missing = (): number => {
      const over = this.bytes + this.#slabs.growthFor(bytes) + outsideBytes - maxBytes
      return over <= 0 ? over : over - this.#slabs.giveUp(over, bytes)
    }
    if (missing() <= 0) return
    // What is decided gives its memory back a slab at a time, and a slab may hold others' spans, too: so it is done until there is room.
    const helps = (): boolean => this.#open > 0 && (this.#leavingBytes + outsideBytes) * LEAVING_SHARE < maxBytes
    if (decidesEarly) while (missing() > 0 && helps()) this.#decideOldest(Infinity, missing() + SLAB_BYTES)
    // An empty buffer takes anything: what is larger than the whole of it would never be taken otherwise.
    if (missing() <= 0 || (this.#open + this.#leaving === 0 && outsideBytes === 0)) return
    throw new RetryableError('the buffer of waiting spans is full', { retryAfterMs: RETRY_FULL_MS })
  }

  /** Of whoever holds the most, so that a flood from one origin takes nobody else's place. Until so many traces and so many bytes are decided. */
  #decideOldest(maxTraces: number, bytes: number): void {
    let left = maxTraces
    let missing = bytes === 0 ? Infinity : bytes
    while (left > 0 && missing > 0 && this.#open > 0) {
      let most: OriginLines | undefined
      for (const one of this.#origins.all())
        if (one.lines[WAITING].count + one.lines[ROOTED].count > 0 && (most === undefined || one.openBytes > most.openBytes)) most = one
      if (most === undefined) return
      const traces: number[] = []
      // A few dozen at once, then somebody else may hold the most.
      while (traces.length < Math.min(left, MOST_AT_ONCE) && missing > 0) {
        const trace = this.#oldest(most)
        if (trace < 0) break
        this.#leaveLine(trace, most)
        traces.push(trace)
        missing -= this.table.cells[trace * this.table.stride + BYTES]!
      }
      left -= traces.length
      this.#owner.decide(traces, 'crowded')
    }
  }

  #oldest({ lines }: OriginLines): number {
    const waiting = lines[WAITING].first
    const rooted = lines[ROOTED].first
    if (waiting < 0 || rooted < 0) return Math.max(waiting, rooted)
    return this.table.arrivedMs[waiting]! <= this.table.arrivedMs[rooted]! ? waiting : rooted
  }

  // ---- decisions

  /** When the next trace is due, on the monotonic clock; Infinity where none is open. */
  nextDueMs(): number {
    let next = Infinity
    for (const { lines } of this.#origins.all())
      for (const line of [lines[WAITING], lines[ROOTED]]) if (line.first >= 0) next = Math.min(next, this.table.dueMs[line.first]!)
    return next
  }

  /** Every trace without a decision that will be due at that time. */
  eachDue(dueMs: number, run: (trace: number) => void): void {
    const { cells, stride } = this.table
    for (const { lines } of this.#origins.all())
      for (const line of [lines[WAITING], lines[ROOTED]])
        for (let trace = line.first; trace >= 0 && this.table.dueMs[trace]! <= dueMs; trace = cells[trace * stride + BEHIND]!) run(trace)
  }

  /** Has everything decided that is due at that time. */
  decideDue(nowMs: number): void {
    const traces: number[] = []
    for (const origin of this.#origins.all())
      for (const line of [origin.lines[WAITING], origin.lines[ROOTED]])
        for (let trace = line.first; trace >= 0 && this.table.dueMs[trace]! <= nowMs; trace = line.first) {
          this.#leaveLine(trace, origin)
          traces.push(trace)
        }
    if (traces.length > 0) this.#owner.decide(traces, 'due')
  }

  /** A trace on which nobody has decided yet leaves its line, for it is being decided. */
  #leaveLine(trace: number, origin: OriginLines): void {
    const { cells, stride } = this.table
    const at = trace * stride
    origin.lines[cells[at + LINE]! as 0 | 1].remove(trace)
    cells[at + LINE] = DECIDING
    origin.openBytes -= cells[at + BYTES]!
    this.#open--
  }

  /** From `decide`: the trace waits to be taken by `leave`. */
  keep(trace: number, verdict: number): void {
    const origin = this.#decided(trace)
    const { cells, stride } = this.table
    const at = trace * stride
    cells[at + LINE] = LEAVING
    cells[at + VERDICT] = verdict
    this.table.dueMs[trace] = ++this.decisions
    origin.lines[LEAVING].push(trace)
    this.#leaving++
    this.#leavingBytes += cells[at + BYTES]!
  }

  /** From `decide`: the trace goes. Returns how many spans it had. */
  drop(trace: number): number {
    const origin = this.#decided(trace)
    const { cells, stride } = this.table
    const count = cells[trace * stride + SPAN_COUNT]!
    for (let ref = cells[trace * stride + FIRST_SPAN]!; ref >= 0;) {
      const following = this.#slabs.next(ref)
      this.#owner.droppedSpan?.(this.#slabs.batchOf(ref))
      this.#slabs.release(ref)
      ref = following
    }
    this.#remove(trace, origin)
    this.#releaseIfEmpty(origin)
    return count
  }

  /** Drops every trace that is not decided; returns how many spans that were. */
  dropOpen(): number {
    let spans = 0
    for (const { lines } of this.#origins.all())
      for (const line of [lines[WAITING], lines[ROOTED]]) while (line.first >= 0) spans += this.drop(line.first)
    return spans
  }

  #decided(trace: number): OriginLines {
    const { cells, stride } = this.table
    const origin = this.#originOf(trace)
    if (cells[trace * stride + LINE] !== DECIDING) this.#leaveLine(trace, origin)
    return origin
  }

  #originOf(trace: number): OriginLines {
    return this.#origins.at(this.table.cells[trace * this.table.stride + ORIGIN]!)
  }

  /** By which `recall` and decisions tell equal trace ids of several origins apart; empty for the one without a name. */
  originKey(trace: number): string {
    return this.#originOf(trace).key
  }

  #remove(trace: number, origin: OriginLines): void {
    this.table.remove(trace)
    origin.traces--
  }

  #releaseIfEmpty(origin: OriginLines): void {
    if (origin !== this.#taking && origin.traces === 0) this.#origins.release(origin.number)
  }

  // ---- out

  /** Takes kept traces out, whole and oldest first, until there are so many spans or bytes: one request. Undefined where there are none. */
  leave(most: Most): Leaving | undefined {
    const { decidedUpTo = Infinity, naming = false } = most
    const origin = this.#nextLeaving(decidedUpTo)
    if (origin === undefined) return undefined
    const named: Leaving['traces'][number][] = []
    const line = origin.lines[LEAVING]
    const { cells, stride } = this.table
    const verdictOf = new Map<number, number>()
    let traces = 0
    let count = 0
    let bytes = 0
    while (
      line.first >= 0 &&
      this.table.dueMs[line.first]! <= decidedUpTo &&
      traces < most.traces &&
      count < most.spans &&
      bytes < most.bytes
    ) {
      const trace = line.first
      const at = trace * stride
      this.#leavingRefs = column.grown(this.#leavingRefs, count + cells[at + SPAN_COUNT]!)
      for (let ref = cells[at + FIRST_SPAN]!; ref >= 0; ref = this.#slabs.next(ref)) {
        this.#leavingRefs[count++] = ref
        verdictOf.set(ref, cells[at + VERDICT]!)
      }
      traces++
      bytes += cells[at + BYTES]!
      if (naming) named.push({ id: cells.slice(at + ID, at + ID + 4), lastBatch: this.#slabs.batchOf(cells[at + LAST_SPAN]!) })
      line.remove(trace)
      this.#remove(trace, origin)
    }
    this.#leaving -= traces
    this.#leavingBytes -= bytes
    const refs = this.#leavingRefs.subarray(0, count)
    const chunk = this.#slabs.request(refs)
    const verdicts = refs.map((ref) => verdictOf.get(ref)!)
    const batches = refs.map((ref) => this.#slabs.batchOf(ref))
    for (const ref of refs) this.#slabs.release(ref)
    this.#releaseIfEmpty(origin)
    const batch: Batch = { signal: 'traces', chunks: [chunk], count, origin: origin.origin }
    return { batch, verdicts, batches, traces: named, originKey: origin.key }
  }

  #nextLeaving(decidedUpTo: number): OriginLines | undefined {
    let oldest: OriginLines | undefined
    for (const one of this.#origins.all()) {
      const { first } = one.lines[LEAVING]
      if (first < 0 || this.table.dueMs[first]! > decidedUpTo) continue
      if (oldest === undefined || this.table.arrivedMs[first]! < this.table.arrivedMs[oldest.lines[LEAVING].first]!) oldest = one
    }
    return oldest
  }
}

const DECIDING = 3
/** Instead of a trace's number: what comes of it is dropped. */
const NOBODY = -2
const GONE = -3
