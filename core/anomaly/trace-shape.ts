// The shape of one trace: who called whom, how long each span was busy itself, what ran side by side, what the whole waited for. Features
// are measured on it. One object for all traces, filled anew for each.
//
// It ends for whatever comes: a span that is its own parent, spans that are each other's, ids that come twice, times that run backwards.

import { FLAGS, HAS_PARENT, ID_A, ID_B, NEXT, PARENT_A, PARENT_B, RECORD, type SpanRecords } from './span-records.ts'

/** Up to here looking at every span for a parent is faster than a map of them. */
const FEW = 24

export class TraceShape {
  /** By number within the trace; spans are in the order of their starts. */
  count = 0
  /** The record of each span. */
  records: Int32Array = new Int32Array(64)
  /** -1: none here. */
  parents: Int32Array = new Int32Array(64)
  /** The first that it called, and the next that its caller called: in the order of their starts; -1: none. */
  firstChild: Int32Array = new Int32Array(64)
  nextSibling: Int32Array = new Int32Array(64)
  children: Int32Array = new Int32Array(64)
  /** How many of its children ran at the same time at most. */
  fanOut: Int32Array = new Int32Array(64)
  /** Of its time in nanoseconds: not spent in children; the longest stretch between children; on the critical path of its root. */
  selfNs: Float64Array = new Float64Array(64)
  gapNs: Float64Array = new Float64Array(64)
  criticalNs: Float64Array = new Float64Array(64)
  /** The span at the top of its tree; its own number where nothing is above it, -1 where it is in a circle. */
  roots: Int32Array = new Int32Array(64)
  /** The span without a parent that began first, or the one that began first. */
  root = 0
  #starts: Float64Array = new Float64Array(64)
  #ends: Float64Array = new Float64Array(64)
  /** Children in the order of their ends, the last first: as firstChild and nextSibling. */
  #lastChild: Int32Array = new Int32Array(64)
  #nextEarlier: Int32Array = new Int32Array(64)
  #order: Int32Array = new Int32Array(64)
  #scratch: Float64Array = new Float64Array(64)
  #begins: Float64Array = new Float64Array(64)

  /** Reads the trace whose first record that is. */
  read(records: SpanRecords, first: number): void {
    this.#collect(records, first)
    this.#findParents(records)
    this.#link()
    for (let span = 0; span < this.count; span++) this.#measureChildren(span)
    this.root = 0
    for (let span = this.count - 1; span >= 0; span--) if (this.parents[span]! < 0) this.root = span
    this.#walkTrees()
  }

  #collect(records: SpanRecords, first: number): void {
    let count = 0
    for (let record = first; record >= 0; record = records.cells[record * RECORD + NEXT]!) {
      if (count === this.records.length) this.#grow()
      this.records[count++] = record
    }
    this.count = count
    sortBy(this.records, count, records.starts)
    const origin = count > 0 ? records.starts[this.records[0]!]! : 0
    for (let span = 0; span < count; span++) {
      // From the first start on, so that nothing is lost when times are added.
      const start = records.starts[this.records[span]!]! - origin
      this.#starts[span] = start
      this.#ends[span] = start + records.durations[this.records[span]!]!
    }
  }

  #grow(): void {
    const length = this.records.length * 2
    const records = new Int32Array(length)
    records.set(this.records)
    this.records = records
    for (const column of INTEGERS) this[column] = new Int32Array(length)
    for (const column of DOUBLES) this[column] = new Float64Array(length)
    this.#starts = new Float64Array(length)
    this.#ends = new Float64Array(length)
    this.#lastChild = new Int32Array(length)
    this.#nextEarlier = new Int32Array(length)
    this.#order = new Int32Array(length)
    this.#scratch = new Float64Array(length)
    this.#begins = new Float64Array(length)
  }

  #findParents({ cells }: SpanRecords): void {
    const { count, records, parents } = this
    const byId = count > FEW ? numbersById(cells, records, count) : undefined
    for (let span = 0; span < count; span++) {
      const at = records[span]! * RECORD
      parents[span] = -1
      if ((cells[at + FLAGS]! & HAS_PARENT) === 0) continue
      const a = cells[at + PARENT_A]!
      const b = cells[at + PARENT_B]!
      // Whoever is found by the number of its id is looked at as well: ids may share one.
      const found = byId === undefined ? 0 : (byId.get(numberOf(a, b)) ?? count)
      const end = byId === undefined ? count : Math.min(found + 1, count)
      for (let other = found; other < end; other++) {
        const id = records[other]! * RECORD
        if (other === span || cells[id + ID_A] !== a || cells[id + ID_B] !== b) continue
        parents[span] = other
        break
      }
    }
  }

  #link(): void {
    const { count, parents, children } = this
    this.firstChild.fill(-1, 0, count)
    this.#lastChild.fill(-1, 0, count)
    children.fill(0, 0, count)
    for (let span = count - 1; span >= 0; span--) {
      const parent = parents[span]!
      if (parent < 0) continue
      this.nextSibling[span] = this.firstChild[parent]!
      this.firstChild[parent] = span
      children[parent]!++
    }
    for (let i = 0; i < count; i++) this.#order[i] = i
    sortBy(this.#order, count, this.#ends)
    for (let i = 0; i < count; i++) {
      const span = this.#order[i]!
      const parent = parents[span]!
      if (parent < 0) continue
      this.#nextEarlier[span] = this.#lastChild[parent]!
      this.#lastChild[parent] = span
    }
  }

  /** What its children leave of its time, and how many of them overlap. */
  #measureChildren(span: number): void {
    const start = this.#starts[span]!
    const end = this.#ends[span]!
    let covered = 0
    let reached = start
    let gap = 0
    let isFirst = true
    for (let child = this.firstChild[span]!; child >= 0; child = this.nextSibling[child]!) {
      const from = Math.min(Math.max(this.#starts[child]!, start), end)
      const to = Math.min(this.#ends[child]!, end)
      if (!isFirst && from > reached) gap = Math.max(gap, from - reached)
      if (to > reached) {
        covered += to - Math.max(from, reached)
        reached = to
      }
      isFirst = false
    }
    this.selfNs[span] = Math.max(0, end - start - covered)
    this.gapNs[span] = gap
    this.fanOut[span] = this.children[span]! < 2 ? this.children[span]! : this.#overlap(span)
  }

  /** Children begin in order, and end in the order of their ends: one goes through both at once. */
  #overlap(span: number): number {
    let ended = 0
    for (let child = this.#lastChild[span]!; child >= 0; child = this.#nextEarlier[child]!) this.#scratch[ended++] = this.#ends[child]!
    let running = 0
    let most = 0
    for (let child = this.firstChild[span]!; child >= 0; child = this.nextSibling[child]!) {
      while (ended > 0 && this.#scratch[ended - 1]! <= this.#starts[child]!) {
        ended--
        running--
      }
      running++
      most = Math.max(most, running)
    }
    return most
  }

  /**
   * From the end of each root backwards: while a child ran that ended last, the trace waited for it, else for the span itself. A span is
   * entered once, so what is in a circle never is.
   */
  #walkTrees(): void {
    const { count, parents, roots, criticalNs } = this
    criticalNs.fill(0, 0, count)
    roots.fill(-1, 0, count)
    for (let span = 0; span < count; span++) {
      if (parents[span]! >= 0) continue
      this.#number(span)
      this.#walkTree(span)
    }
  }

  #number(root: number): void {
    const { roots, firstChild, nextSibling } = this
    const stack = this.#order
    let depth = 0
    stack[depth++] = root
    while (depth > 0) {
      const span = stack[--depth]!
      roots[span] = root
      for (let child = firstChild[span]!; child >= 0; child = nextSibling[child]!) stack[depth++] = child
    }
  }

  #walkTree(root: number): void {
    // Spans on the way, each with the child to look at next and the time that is explained already, from behind.
    const stack = this.#order
    const nextChild = this.#nextEarlier
    const at = this.#scratch
    const begins = this.#begins
    let depth = 1
    stack[0] = root
    at[0] = this.#ends[root]!
    begins[0] = this.#starts[root]!
    // #lastChild is used up on the way: a span is left for good once it has no child before the time that is reached.
    while (depth > 0) {
      const span = stack[depth - 1]!
      const child = this.#lastChild[span]!
      if (child < 0) {
        depth--
        this.criticalNs[span]! += Math.max(0, at[depth]! - begins[depth]!)
        if (depth > 0) at[depth - 1] = Math.min(at[depth - 1]!, begins[depth]!)
        continue
      }
      this.#lastChild[span] = nextChild[child]!
      const end = Math.min(this.#ends[child]!, at[depth - 1]!)
      // What began before its caller counts from there on: every moment is one span's.
      const begin = Math.max(this.#starts[child]!, begins[depth - 1]!)
      if (end <= begin) continue
      this.criticalNs[span]! += at[depth - 1]! - end
      at[depth - 1] = end
      stack[depth] = child
      at[depth] = end
      begins[depth] = begin
      depth++
    }
  }
}

const INTEGERS = ['parents', 'firstChild', 'nextSibling', 'children', 'fanOut', 'roots'] as const
const DOUBLES = ['selfNs', 'gapNs', 'criticalNs'] as const

/** The first `count` of `order` by what stands at their numbers in `values`. Most traces have a handful of spans, and come nearly in order. */
function sortBy(order: Int32Array, count: number, values: Float64Array): void {
  if (count > 64) {
    order.subarray(0, count).sort((a, b) => values[a]! - values[b]!)
    return
  }
  for (let i = 1; i < count; i++) {
    const moved = order[i]!
    const value = values[moved]!
    let to = i
    while (to > 0 && values[order[to - 1]!]! > value) {
      order[to] = order[to - 1]!
      to--
    }
    order[to] = moved
  }
}

/** The first span of each id. */
function numbersById(cells: Int32Array, records: Int32Array, count: number): Map<number, number> {
  const byId = new Map<number, number>()
  for (let span = count - 1; span >= 0; span--) {
    const at = records[span]! * RECORD
    byId.set(numberOf(cells[at + ID_A]!, cells[at + ID_B]!), span)
  }
  return byId
}

function numberOf(a: number, b: number): number {
  return a * 2 ** 21 + b
}
