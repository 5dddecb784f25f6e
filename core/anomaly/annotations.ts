// What was found out about a span, as attributes: the processor and the policy write them, the connector reads them.

import { ByteWriter } from '../otlp/byte-writer.ts'
import type { RequestEdits } from '../otlp/edits.ts'
import { addItemAttribute, encodeAttribute, findItemAttribute, replaceItemAttribute } from '../otlp/item-attributes.ts'
import type { Judgement, Unscored } from './judgement.ts'

export const SCORE = 'anomaly.score'
/** One line for people for each feature that made the score so high, the strongest first. */
export const REASONS = 'anomaly.reasons'
/** The strongest of them in its parts. */
export const FEATURE = 'anomaly.feature'
export const OPERATION = 'anomaly.operation'
export const VALUE = 'anomaly.value'
export const USUAL = 'anomaly.usual'
export const UNIT = 'anomaly.unit'
/** The share of the traffic that the model was trained on that scored lower. */
export const CONFIDENCE = 'anomaly.confidence'
/** Instead of a score: why there is none. */
export const UNSCORED = 'anomaly.unscored'

export type Attribute = readonly [key: Buffer, field: Buffer]

const KEYS: readonly Buffer[] = [SCORE, REASONS, FEATURE, OPERATION, VALUE, USUAL, UNIT, CONFIDENCE, UNSCORED].map((key) =>
  Buffer.from(key),
)
const PREFIX = Buffer.from('anomaly.')

/** For spans in which nothing is anomalous there are few different attributes. */
const scores = new Map<number, Attribute>()
const unscored = new Map<Unscored, Attribute>()

/** Four digits: a score has no more. */
export function scoreAttribute(score: number): Attribute {
  const digits = Math.round(score * 1e4)
  let known = scores.get(digits)
  if (known === undefined) scores.set(digits, (known = double(SCORE, digits / 1e4)))
  return known
}

export function unscoredAttribute(reason: Unscored): Attribute {
  let known = unscored.get(reason)
  if (known === undefined) unscored.set(reason, (known = plain(UNSCORED, reason)))
  return known
}

/** Of one that is over the bound: its score and why. */
export function anomalyAttributes(judgement: Judgement, ordinal: number): readonly Attribute[] {
  const attributes = [
    scoreAttribute(judgement.scores[ordinal]!),
    double(CONFIDENCE, Math.round(judgement.confidenceOf(ordinal) * 1e4) / 1e4),
  ]
  const reasons = judgement.reasonsOf(ordinal)
  const [first] = reasons
  if (first === undefined) return attributes
  attributes.push(
    plain(
      REASONS,
      reasons.map(({ text }) => text),
    ),
    plain(FEATURE, first.feature),
    plain(OPERATION, first.operation),
    double(VALUE, first.value),
    plain(UNIT, first.unit),
  )
  if (first.usual !== undefined) attributes.push(double(USUAL, first.usual))
  return attributes
}

/** In the place of whatever the span said of it before: that was somebody else's finding, or made up. */
export function putAnnotation(edits: RequestEdits, span: number, attributes: readonly Attribute[]): void {
  for (const [key, field] of attributes) {
    const row = findItemAttribute(edits.index, span, key)
    if (row >= 0) replaceItemAttribute(edits, span, row, key, field)
    else addItemAttribute(edits, span, field)
  }
}

/** Whether a request may hold such attributes already: most hold none, and need not be searched span by span. */
export function mayBeAnnotated(chunk: Buffer): boolean {
  return chunk.includes(PREFIX)
}

/** The keys that are not among those: what a span still says of an earlier finding. */
export function staleKeys(attributes: readonly Attribute[]): readonly Buffer[] {
  return KEYS.filter((key) => !attributes.some(([written]) => written.equals(key)))
}

function plain(key: string, value: string | readonly string[]): Attribute {
  return [Buffer.from(key), encodeAttribute(key, value)]
}

/** A double also where it is whole: an attribute that is now of one type and now of another is none to a database. */
function double(key: string, value: number): Attribute {
  const out = new ByteWriter(64)
  const body = out.begin(0x4a)
  const keyBytes = Buffer.from(key)
  out.field(0x0a, keyBytes)
  const inner = out.begin(0x12)
  out.byte(0x21)
  out.double(value)
  out.end(inner)
  out.end(body)
  return [keyBytes, out.copy()]
}
