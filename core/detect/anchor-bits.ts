// Anchors as bits: the pass over a chunk writes them, and `Detection` reads which detectors they call for.

import { SHAPES, type Anchor, type Shape } from './detector.ts'

/** The bit of each shape. The bits from `FIRST_LITERAL` up are those of literals, in the order in which detectors name them. */
export const BIT: Readonly<Record<Shape, number>> = Object.fromEntries(SHAPES.map((shape, at) => [shape, 1 << at])) as Record<Shape, number>
const FIRST_LITERAL: number = SHAPES.length
/** All literals past the last bit share it: their detectors are asked too often, never too seldom. */
const LAST_LITERAL = 30

/** Numbers the literals that detectors are anchored at. */
export class AnchorBits {
  readonly #literals = new Map<string, number>()

  of(anchors: readonly Anchor[]): number {
    let bits = 0
    for (const anchor of anchors) bits |= typeof anchor === 'string' ? BIT[anchor] : this.#literal(anchor.literal)
    return bits
  }

  get literals(): ReadonlyMap<string, number> {
    return this.#literals
  }

  #literal(literal: string): number {
    const known = this.#literals.get(literal)
    if (known !== undefined) return known
    const bit = 1 << Math.min(FIRST_LITERAL + this.#literals.size, LAST_LITERAL)
    this.#literals.set(literal, bit)
    return bit
  }
}
