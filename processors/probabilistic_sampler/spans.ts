// Spans, as the sampler sees them: sixteen bytes, the tracestate where there is one, and the attribute `sampling.priority`.

import { otlp } from '../../core/index.ts'
import {
  hasTraceState,
  isHigher,
  lowerOfTraceId,
  NO_TRACE_STATE,
  parseTraceState,
  putTraceState,
  putTraceStateField,
  textOfRandomness,
  textOfThreshold,
  type Threshold,
  traceIdAt,
  type TraceState,
  traceStateField,
  traceStateOf,
  upperOfTraceId,
  writeTraceState,
} from '../../core/sampling/index.ts'
import * as arrival from './arrived.ts'
import type { Arrived } from './arrived.ts'
import { hashOf, hashOfSeed, lowerOfHash, upperOfHash } from './hash.ts'
import type { Mode } from './modes.ts'
import { isZeroOrMore } from './priority.ts'

const PRIORITY = Buffer.from('sampling.priority')
/** The spans of a trace come with one tracestate. */
const MOST_REMEMBERED = 256

export class Spans {
  readonly #mode: Mode
  readonly #seed: number
  readonly #states = new Map<string, TraceState | string>()
  #state: TraceState = NO_TRACE_STATE
  #text = ''

  constructor(mode: Mode, hashSeed: number) {
    this.#mode = mode
    this.#seed = hashOfSeed(hashSeed)
  }

  read(index: otlp.RequestIndex, span: number, arrived: Arrived): void {
    arrived.begin()
    this.#state = NO_TRACE_STATE
    this.#text = ''
    if (hasTraceState(index, span)) this.#readState(index, span, arrived)
    const { randomness } = this.#mode
    if (randomness === 'hash') this.#hash(index, span, arrived)
    else if (randomness === 'nowhere') arrived.policy = arrival.PRIORITY
    else if (arrived.fault === arrival.NO_FAULT) this.#readRandomness(index, span, arrived)
  }

  #readState(index: otlp.RequestIndex, span: number, arrived: Arrived): void {
    this.#text = traceStateOf(index, span)
    const state = this.#parse(this.#text)
    if (typeof state === 'string') return arrived.fail(arrival.MALFORMED)
    this.#state = state
    arrived.threshold = state.threshold
    arrived.thresholdText = state.thresholdText
  }

  #parse(text: string): TraceState | string {
    let state = this.#states.get(text)
    if (state === undefined) {
      if (this.#states.size >= MOST_REMEMBERED) this.#states.clear()
      this.#states.set(text, (state = parseTraceState(text)))
    }
    return state
  }

  #hash(index: otlp.RequestIndex, span: number, arrived: Arrived): void {
    const at = traceIdAt(index, span)
    const hash = hashOf(index.bytes, at, at + 16, this.#seed)
    arrived.upper = upperOfHash(hash)
    arrived.lower = lowerOfHash(hash)
    arrived.policy = arrival.TRACE_ID_HASH
    arrived.isHashed = true
    if (arrived.fault !== arrival.NO_FAULT) return
    if (this.#state.randomness !== undefined) arrived.fail(arrival.RANDOMNESS_IN_USE)
    else if (arrived.threshold !== undefined) arrived.fail(arrival.THRESHOLD_IN_USE)
  }

  #readRandomness(index: otlp.RequestIndex, span: number, arrived: Arrived): void {
    const { randomness } = this.#state
    arrived.policy = randomness === undefined ? arrival.TRACE_ID : arrival.EXPLICIT
    const at = traceIdAt(index, span)
    arrived.upper = randomness?.upper ?? upperOfTraceId(index.bytes, at)
    arrived.lower = randomness?.lower ?? lowerOfTraceId(index.bytes, at)
  }

  /** What `sampling.priority` asks for: all or nothing. Undefined where it asks for nothing. */
  priority(index: otlp.RequestIndex, span: number, always: Threshold, never: Threshold): Threshold | undefined {
    const row = otlp.findItemAttribute(index, span, PRIORITY)
    if (row < 0) return undefined
    const value = otlp.readAnyValue(index.bytes, otlp.valueStart(index, row), otlp.valueEnd(index, row))
    const asked = isZeroOrMore(value)
    return asked === undefined ? undefined : asked === 'zero' ? never : always
  }

  /** Writes what it was kept by; false where there is no room for it. A threshold that is higher stays: that much was sampled before. */
  write(edits: otlp.RequestEdits, span: number, threshold: Threshold, arrived: Arrived): boolean {
    if (this.#text === '') {
      putTraceStateField(edits, span, this.#fieldOf(threshold, arrived.isHashed), arrived.isHashed ? arrived : undefined)
      return true
    }
    const stays = arrived.threshold !== undefined && isHigher(arrived.threshold, threshold)
    const randomness = arrived.isHashed ? textOfRandomness(arrived) : this.#state.randomnessText
    const written = writeTraceState(this.#state, stays ? arrived.thresholdText : textOfThreshold(threshold), randomness)
    if (written === undefined) return false
    if (written !== this.#text) putTraceState(edits, span, written)
    return true
  }

  #last: Threshold | undefined
  #lastField: Buffer = Buffer.alloc(0)

  /** Nearly all spans come without a tracestate, and leave with the same threshold. */
  #fieldOf(threshold: Threshold, isHashed: boolean): Buffer {
    if (threshold !== this.#last) {
      this.#last = threshold
      this.#lastField = traceStateField(textOfThreshold(threshold), isHashed)
    }
    return this.#lastField
  }
}
