// Executions that have begun and not ended: bounded in count, in bytes and in age. Intake adds what messages bring; what is overdue is handed to
// whoever makes spans of it.

import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import { type Message, readPart } from '../mplp/index.ts'
import { EXECUTION_BYTES, type KeptPart, type OpenExecution, PART_BYTES } from './execution.ts'
import { Slabs } from './slabs.ts'

export interface TableOptions {
  readonly maxCount: number
  readonly maxBytes: number
  /** How long an execution may be open, in milliseconds. */
  readonly timeoutMs: number
  /** How long one whose finish has come waits for a start that was overtaken. */
  readonly lateStartMs: number
  /** Executions whose end is remembered, so that what comes late for them opens none again. */
  readonly rememberedEnds: number
  readonly clock: Clock
}

/** Why an execution is handed on without a message that ends it: its time is over, or its finish came and its start did not. */
export type Overdue = 'timeout' | 'finished'

/** Longer lists of parts are not copied to add one. */
const MOST_PARTS_COPIED = 16

export class ExecutionTable {
  readonly #options: TableOptions
  readonly #overdue: (executions: readonly OpenExecution[], why: Overdue) => void
  /** By realm and ids, in the order in which they were opened. */
  readonly #open = new Map<string, OpenExecution>()
  /** Those that wait for their start, in the order in which they finished, and until when. */
  readonly #startless = new Map<OpenExecution, number>()
  readonly #ended: LRUCache<string, true>
  /** Those whose time is not over, in the order in which they were opened. */
  readonly #inTime = new Set<OpenExecution>()
  readonly #slabs: Slabs
  readonly #words = new Words()
  #bytes = 0
  #opened = 0
  #timer: { readonly dueMs: number; readonly waiting: { cancel(): void } } | undefined
  #stopped = false

  constructor(options: TableOptions, overdue: (executions: readonly OpenExecution[], why: Overdue) => void) {
    this.#options = options
    this.#slabs = new Slabs(options.clock)
    this.#overdue = overdue
    this.#ended = new LRUCache({ max: options.rememberedEnds })
  }

  get count(): number {
    return this.#open.size
  }
  /** What it takes in memory, roughly. */
  get bytes(): number {
    return this.#bytes
  }
  /** Of the one that was opened first, in milliseconds; 0 where there is none. */
  get oldestAgeMs(): number {
    const first = this.#first()
    return first === undefined ? 0 : this.#options.clock.monotonicMs() - first.openedMs
  }

  /** What its parts take as they lie there. */
  get partBytes(): number {
    return this.#slabs.bytes
  }

  /** Its parts, in the order in which they came. */
  bytesOf({ parts }: OpenExecution): Uint8Array[] {
    return parts.map((part) => this.#slabs.bytesIn(part))
  }

  bytesIn(part: KeptPart): Uint8Array {
    return this.#slabs.bytesIn(part)
  }

  values(): IterableIterator<OpenExecution> {
    return this.#open.values()
  }

  get(realm: string, id: string): OpenExecution | undefined {
    return this.#open.get(keyOf(realm, id))
  }

  /** Of every tenant that has one of these ids. Rare, and slow: it looks at all. */
  *withId(id: string): Generator<OpenExecution, void, undefined> {
    for (const execution of this.#open.values()) if (execution.id === id) yield execution
  }

  /** Its span was made: there will be no second one. */
  hasEnded(realm: string, id: string): boolean {
    return this.#ended.has(keyOf(realm, id))
  }

  /** A finish is always taken, for it makes room. */
  hasRoom(open: OpenExecution | undefined, kind: Message['kind']): boolean {
    const { maxCount, maxBytes } = this.#options
    return kind === 'finish' || (this.#bytes < maxBytes && (open !== undefined || this.#open.size < maxCount))
  }

  /** Opens the execution where it is not. `origin` is the message's: the first that names a tenant says whose the execution is. */
  add(facts: Facts, { id, realm, origin }: Place, part: KeptPart, bytes: Uint8Array): OpenExecution {
    const { clock } = this.#options
    const execution = this.get(realm, id) ?? this.#begin({ id, realm, origin }, clock.monotonicMs(), clock.now().getTime())
    if (execution.origin.tenant === '') execution.origin = origin
    this.#put(execution, part, bytes)
    this.#note(execution, facts)
    return execution
  }

  /** What an earlier run left, in the order in which it came. `openedAtMs` is by the wall clock. */
  restore(place: Place, openedAtMs: number, part: KeptPart, bytes: Uint8Array, facts: Facts): void {
    const { clock } = this.#options
    const ageMs = Math.max(0, clock.now().getTime() - openedAtMs)
    const execution = this.get(place.realm, place.id) ?? this.#begin(place, clock.monotonicMs() - ageMs, openedAtMs)
    if (execution.origin.tenant === '') execution.origin = place.origin
    this.#put(execution, part, bytes)
    this.#note(execution, facts)
  }

  /** Whether it has not ended. */
  has(execution: OpenExecution): boolean {
    return this.#open.get(keyOf(execution.realm, execution.id)) === execution
  }

  /** The message was not accepted after all: nothing of it stays, but in a span that has left already. */
  takeBack(execution: OpenExecution, part: KeptPart, { kind }: Pick<Facts, 'kind'>): void {
    if (!this.has(execution) || !execution.parts.includes(part)) return
    execution.parts = execution.parts.filter((other) => other !== part)
    this.#slabs.free(part)
    this.#weigh(execution, -part.length - PART_BYTES)
    if (kind === 'finish' && !this.#isAmong(execution, kind)) {
      execution.hasFinish = false
      this.#startless.delete(execution)
    }
    if (kind === 'start' && !this.#isAmong(execution, kind)) execution.hasStart = false
    if (execution.parts.length === 0) this.#remove(execution)
    else this.#waitForStart(execution)
  }

  #isAmong({ parts }: OpenExecution, kind: Message['kind']): boolean {
    return parts.some((part) => readPart(this.#slabs.bytesIn(part)).kind === kind)
  }

  /** Its span was taken. */
  end(execution: OpenExecution): void {
    this.#ended.set(keyOf(execution.realm, execution.id), true)
    this.#remove(execution)
  }

  /** What an earlier run remembered. */
  restoreEnd(realm: string, id: string): void {
    this.#ended.set(keyOf(realm, id), true)
  }

  /** Nothing is overdue any more. */
  stop(): void {
    this.#stopped = true
    this.#timer?.waiting.cancel()
    this.#slabs.stop()
  }

  #begin({ id, realm, origin }: Place, openedMs: number, openedAtMs: number): OpenExecution {
    const execution: OpenExecution = {
      number: ++this.#opened,
      id,
      realm,
      origin,
      openedMs,
      openedAtMs,
      parts: [],
      bytes: 0,
      hasStart: false,
      hasFinish: false,
      service: '',
      operation: '',
      status: '',
      leaving: undefined,
      hasLeft: false,
    }
    this.#open.set(keyOf(realm, id), execution)
    this.#inTime.add(execution)
    this.#weigh(execution, EXECUTION_BYTES)
    this.#arm(openedMs + this.#options.timeoutMs)
    return execution
  }

  #put(execution: OpenExecution, part: KeptPart, bytes: Uint8Array): void {
    this.#slabs.add(part, bytes)
    // Lists that grow by themselves have room for sixteen more: most executions have three parts.
    if (execution.parts.length < MOST_PARTS_COPIED) execution.parts = [...execution.parts, part]
    else execution.parts.push(part)
    this.#weigh(execution, part.length + PART_BYTES)
  }

  #note(execution: OpenExecution, { kind, service, operation, status }: Facts): void {
    if (kind === 'start') {
      execution.hasStart = true
      this.#startless.delete(execution)
    }
    if (kind === 'finish') execution.hasFinish = true
    this.#waitForStart(execution)
    if (service) execution.service = this.#words.of(service)
    if (operation) execution.operation = this.#words.of(operation)
    if (status) execution.status = this.#words.of(status)
  }

  #waitForStart(execution: OpenExecution): void {
    if (!execution.hasFinish || execution.hasStart || this.#startless.has(execution)) return
    const dueMs = this.#options.clock.monotonicMs() + this.#options.lateStartMs
    this.#startless.set(execution, dueMs)
    this.#arm(dueMs)
  }

  #weigh(execution: OpenExecution, bytes: number): void {
    execution.bytes += bytes
    this.#bytes += bytes
  }

  #remove(execution: OpenExecution): void {
    if (!this.#open.delete(keyOf(execution.realm, execution.id))) return
    this.#startless.delete(execution)
    this.#inTime.delete(execution)
    this.#bytes -= execution.bytes
    for (const part of execution.parts) this.#slabs.free(part)
  }

  #first(): OpenExecution | undefined {
    for (const execution of this.#open.values()) return execution
    return undefined
  }

  #arm(dueMs: number): void {
    if (this.#stopped || (this.#timer !== undefined && this.#timer.dueMs <= dueMs)) return
    this.#timer?.waiting.cancel()
    const { clock } = this.#options
    this.#timer = { dueMs, waiting: clock.after(dueMs - clock.monotonicMs(), () => this.#look()) }
  }

  #look(): void {
    this.#timer = undefined
    const nowMs = this.#options.clock.monotonicMs()
    const { timeoutMs } = this.#options
    let nextMs = Infinity
    const startless: OpenExecution[] = []
    for (const [execution, dueMs] of this.#startless) {
      if (dueMs > nowMs) {
        nextMs = dueMs
        break
      }
      this.#startless.delete(execution)
      startless.push(execution)
    }
    const late: OpenExecution[] = []
    for (const execution of this.#inTime) {
      if (execution.openedMs + timeoutMs > nowMs) {
        nextMs = Math.min(nextMs, execution.openedMs + timeoutMs)
        break
      }
      this.#inTime.delete(execution)
      late.push(execution)
    }
    if (nextMs < Infinity) this.#arm(nextMs)
    if (startless.length > 0) this.#overdue(startless, 'finished')
    if (late.length > 0) this.#overdue(late, 'timeout')
  }
}

/** One text for all that are alike: names of services and operations come with every message anew. */
class Words {
  readonly #known = new LRUCache<string, string>({ max: 10_000 })

  of(word: string): string {
    const known = this.#known.get(word)
    if (known === undefined) this.#known.set(word, word)
    return known ?? word
  }
}

/** What the table notes of a message. */
export type Facts = Pick<Message, 'kind' | 'service' | 'operation'> & { readonly status?: string | undefined }

/** Where an execution belongs: see `OpenExecution`. */
export type Place = Pick<OpenExecution, 'id' | 'realm' | 'origin'>

/** All ids are equally long: no two keys are one. */
function keyOf(realm: string, id: string): string {
  return `${id}${realm}`
}
