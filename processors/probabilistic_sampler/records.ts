// Log records, as the sampler sees them: the trace id or an attribute, and what samplers say of themselves in attributes.

import { textOf } from '../../core/actions/index.ts'
import { type AttributeValue, otlp } from '../../core/index.ts'
import {
  isHigher,
  lowerOfTraceId,
  parseRandomness,
  parseThreshold,
  type Randomness,
  textOfRandomness,
  textOfThreshold,
  type Threshold,
  thresholdOf,
  traceIdAt,
  upperOfTraceId,
} from '../../core/sampling/index.ts'
import * as arrival from './arrived.ts'
import type { Arrived } from './arrived.ts'
import type { SamplerConfig } from './factory.ts'
import { hashOf, hashOfSeed, lowerOfHash, upperOfHash } from './hash.ts'
import type { Mode } from './modes.ts'

const THRESHOLD = 'sampling.threshold'
const RANDOMNESS = 'sampling.randomness'
const THRESHOLD_KEY = Buffer.from(THRESHOLD)
const RANDOMNESS_KEY = Buffer.from(RANDOMNESS)

export class Records {
  readonly #mode: Mode
  readonly #config: SamplerConfig
  readonly #seed: number
  readonly #from: Buffer
  readonly #priority: Buffer
  #explicit: Randomness | undefined

  constructor(mode: Mode, config: SamplerConfig) {
    this.#mode = mode
    this.#config = config
    this.#seed = hashOfSeed(config.hash_seed)
    this.#from = Buffer.from(config.from_attribute)
    this.#priority = Buffer.from(config.sampling_priority)
  }

  read(index: otlp.RequestIndex, record: number, arrived: Arrived): void {
    arrived.begin()
    this.#readState(index, record, arrived)
    const { randomness } = this.#mode
    if (randomness === 'hash') this.#hash(index, record, arrived)
    else if (randomness === 'nowhere') arrived.policy = arrival.PRIORITY
    else if (arrived.fault === arrival.NO_FAULT) this.#readRandomness(index, record, arrived)
  }

  #readState(index: otlp.RequestIndex, record: number, arrived: Arrived): void {
    const threshold = textAttribute(index, record, THRESHOLD_KEY)
    const randomness = textAttribute(index, record, RANDOMNESS_KEY)
    this.#explicit = randomness === '' ? undefined : parseRandomness(randomness)
    arrived.threshold = threshold === '' ? undefined : parseThreshold(threshold)
    arrived.thresholdText = threshold
    if ((threshold !== '' && arrived.threshold === undefined) || (randomness !== '' && this.#explicit === undefined)) {
      arrived.fail(arrival.MALFORMED)
      // Kept by its priority, in the Collector: what it was kept by comes in the place of what is none.
      arrived.isWritable = this.#mode.randomness === 'nowhere'
    }
  }

  #hash(index: otlp.RequestIndex, record: number, arrived: Arrived): void {
    const at = this.#config.attribute_source === 'traceID' ? traceIdAt(index, record) : -1
    if (at >= 0) take(arrived, arrival.TRACE_ID_HASH, hashOf(index.bytes, at, at + 16, this.#seed))
    else if (this.#from.length > 0) this.#hashAttribute(index, record, arrived)
    if (arrived.fault !== arrival.NO_FAULT) return
    if (this.#explicit !== undefined) arrived.fail(arrival.RANDOMNESS_IN_USE)
    else if (arrived.threshold !== undefined) arrived.fail(arrival.THRESHOLD_IN_USE)
  }

  #hashAttribute(index: otlp.RequestIndex, record: number, arrived: Arrived): void {
    const value = attributeOf(index, record, this.#from)
    if (value === undefined) return
    const bytes = value instanceof Uint8Array ? value : Buffer.from(textOf(value))
    if (bytes.length > 0) take(arrived, arrival.ATTRIBUTE, hashOf(bytes, 0, bytes.length, this.#seed))
  }

  #readRandomness(index: otlp.RequestIndex, record: number, arrived: Arrived): void {
    const at = traceIdAt(index, record)
    if (this.#explicit === undefined && at < 0) return
    arrived.policy = this.#explicit === undefined ? arrival.TRACE_ID : arrival.EXPLICIT
    arrived.upper = this.#explicit?.upper ?? upperOfTraceId(index.bytes, at)
    arrived.lower = this.#explicit?.lower ?? lowerOfTraceId(index.bytes, at)
  }

  /** The percentage that the record itself asks for, as a threshold. What is no percentage asks for nothing, and neither does 0. */
  priority(index: otlp.RequestIndex, record: number): Threshold | undefined {
    if (this.#priority.length === 0) return undefined
    const value = attributeOf(index, record, this.#priority)
    if (typeof value !== 'number' && typeof value !== 'bigint') return undefined
    return thresholdOf(Number(value) / 100, this.#config.sampling_precision)
  }

  /** Writes what it was kept by. A threshold that is higher stays: that much was sampled before. */
  write(edits: otlp.RequestEdits, record: number, threshold: Threshold, arrived: Arrived): boolean {
    if (arrived.isHashed) put(edits, record, RANDOMNESS_KEY, RANDOMNESS, textOfRandomness(arrived))
    if (arrived.threshold !== undefined && isHigher(arrived.threshold, threshold)) return true
    const text = textOfThreshold(threshold)
    if (text !== arrived.thresholdText) put(edits, record, THRESHOLD_KEY, THRESHOLD, text)
    return true
  }
}

function take(arrived: Arrived, policy: number, hash: number): void {
  arrived.policy = policy
  arrived.upper = upperOfHash(hash)
  arrived.lower = lowerOfHash(hash)
  arrived.isHashed = true
}

function attributeOf(index: otlp.RequestIndex, record: number, key: Buffer): AttributeValue | undefined {
  const row = otlp.findItemAttribute(index, record, key)
  return row < 0 ? undefined : otlp.readAnyValue(index.bytes, otlp.valueStart(index, row), otlp.valueEnd(index, row))
}

/** Empty where there is none, or it is no text. */
function textAttribute(index: otlp.RequestIndex, record: number, key: Buffer): string {
  const value = attributeOf(index, record, key)
  return typeof value === 'string' ? value : ''
}

function put(edits: otlp.RequestEdits, record: number, keyBytes: Buffer, key: string, value: string): void {
  const field = otlp.encodeAttribute(key, value)
  const row = otlp.findItemAttribute(edits.index, record, keyBytes)
  if (row >= 0) otlp.replaceItemAttribute(edits, record, row, keyBytes, field)
  else otlp.addItemAttribute(edits, record, field)
}
