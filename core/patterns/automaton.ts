// A regular expression as an automaton: one state for each place of a character, and which may follow which. `ambiguity.ts` asks it whether
// a text can be read in more ways than one.

import type { AST } from '@eslint-community/regexpp'
import { Overlaps } from './overlaps.ts'

/** A state is a character, or a set of them, at its place in the pattern. */
export interface State {
  readonly node: AST.Node
  /** The repetitions around it, from the outside in. */
  readonly repetitions: readonly AST.Quantifier[]
  /** The states that may come next, and in how many ways they are reached: two repetitions may lead to the same. */
  readonly next: Map<number, number>
  readonly previous: Set<number>
}

export interface Automaton {
  readonly states: readonly State[]
  /** States behind which a match may be complete. */
  readonly last: ReadonlySet<number>
  /** What stands behind the last character has to be right, too: `$`, `\b`, a look ahead. */
  readonly hasEndCondition: boolean
  readonly overlaps: Overlaps
}

/** What the pattern is too large for, or has that cannot be checked: with the place. */
export class Unchecked extends Error {
  readonly node: AST.Node
  constructor(message: string, node: AST.Node) {
    super(message)
    this.node = node
  }
}

/** Repetitions up to here are written out; beyond, they count as without end. In states, and in ways to choose. */
const LONGEST_WRITTEN_OUT = 64
const MOST_CHOICES = 1000
const MOST_STATES = 800
/** So many times are written out where something endless is in them. */
const FEW = 4

/** A part of the pattern: the states that it may begin and end with, and whether it may be empty. */
interface Part {
  readonly first: readonly number[]
  readonly last: readonly number[]
  readonly isEmpty: boolean
}
const EMPTY: Part = { first: [], last: [], isEmpty: true }

export function automatonOf(alternatives: readonly AST.Alternative[], flags: string): Automaton {
  const builder = new Builder()
  const whole = builder.alternatives(alternatives)
  const { states, hasEndCondition } = builder
  return {
    states,
    last: new Set(whole.last),
    hasEndCondition,
    overlaps: new Overlaps(
      states.map(({ node }) => node),
      flags,
    ),
  }
}

class Builder {
  readonly states: State[] = []
  hasEndCondition = false
  #repetitions: readonly AST.Quantifier[] = []

  alternatives(alternatives: readonly AST.Alternative[]): Part {
    const parts = alternatives.map(({ elements }) => this.#sequence(elements.map((element) => () => this.#element(element))))
    return {
      first: parts.flatMap(({ first }) => first),
      last: parts.flatMap(({ last }) => last),
      isEmpty: parts.some(({ isEmpty }) => isEmpty),
    }
  }

  #element(node: AST.Element): Part {
    switch (node.type) {
      case 'Character':
      case 'CharacterSet':
      case 'CharacterClass':
      case 'ExpressionCharacterClass':
        return this.#state(node)
      case 'Group':
      case 'CapturingGroup':
        return this.alternatives(node.alternatives)
      case 'Quantifier':
        return this.#repeat(node)
      case 'Backreference':
        throw new Unchecked('a reference to what a group matched takes time that nobody can bound', node)
      default:
        return this.#condition(node)
    }
  }

  /** What takes no character. It may only make matches fewer. */
  #condition(node: AST.Assertion): Part {
    if (node.kind === 'lookbehind' && hasRepetition(node))
      throw new Unchecked('a look behind that repeats takes time that nobody can bound', node)
    if (node.kind !== 'start' && node.kind !== 'lookbehind') this.hasEndCondition = true
    return EMPTY
  }

  #state(node: AST.Node): Part {
    if (this.states.length >= MOST_STATES)
      throw new Unchecked(`the pattern is too large to be checked: ${MOST_STATES} characters is the most`, node)
    const at = this.states.push({ node, repetitions: this.#repetitions, next: new Map(), previous: new Set() }) - 1
    return { first: [at], last: [at], isEmpty: false }
  }

  #sequence(parts: readonly (() => Part)[]): Part {
    let whole = EMPTY
    for (const make of parts) {
      const part = make()
      this.#connect(whole.last, part.first)
      whole = {
        first: whole.isEmpty ? [...whole.first, ...part.first] : whole.first,
        last: part.isEmpty ? [...whole.last, ...part.last] : part.last,
        isEmpty: whole.isEmpty && part.isEmpty,
      }
    }
    return whole
  }

  #repeat(node: AST.Quantifier): Part {
    const { min, max, element } = node
    if (max === 0) return EMPTY
    const outer = this.#repetitions
    this.#repetitions = [...outer, node]
    const isSmall = max <= LONGEST_WRITTEN_OUT && max * sizeOf(element) <= 4 * LONGEST_WRITTEN_OUT
    const isEndless = choicesOf(element) === Infinity
    const isWrittenOut = max === 1 || (isSmall && (isEndless ? max <= FEW : choicesOf(node) <= MOST_CHOICES))
    const part = isWrittenOut ? this.#writtenOut(node) : this.#loop(element, min)
    this.#repetitions = outer
    return part
  }

  #writtenOut({ min, max, element }: AST.Quantifier): Part {
    // From the back: `x{2,4}` is `xx(x(x)?)?`, so that no text has two readings that the pattern does not have.
    let rest: (() => Part) | undefined
    for (let copy = max; copy > min; copy--) {
      const then = rest
      rest = () => {
        const part = this.#sequence(then === undefined ? [() => this.#element(element)] : [() => this.#element(element), then])
        return { ...part, isEmpty: true }
      }
    }
    const needed = Array.from({ length: min }, () => () => this.#element(element))
    return this.#sequence(rest === undefined ? needed : [...needed, rest])
  }

  #loop(element: AST.QuantifiableElement, min: number): Part {
    const part = this.#element(element)
    this.#connect(part.last, part.first)
    return { ...part, isEmpty: part.isEmpty || min === 0 }
  }

  #connect(from: readonly number[], to: readonly number[]): void {
    for (const one of from)
      for (const other of to) {
        const { next } = this.states[one]!
        next.set(other, (next.get(other) ?? 0) + 1)
        this.states[other]!.previous.add(one)
      }
  }
}

function sizeOf(node: AST.Element): number {
  if (node.type === 'Quantifier') return sizeOf(node.element) * Math.max(1, Math.min(node.max, LONGEST_WRITTEN_OUT + 1))
  return partsOf(node)?.reduce((sum, { elements }) => sum + elements.reduce((all, element) => all + sizeOf(element), 0), 0) ?? 1
}

/** In how many ways the bounded repetitions of this can be gone through. */
function choicesOf(node: AST.Element): number {
  if (node.type !== 'Quantifier') {
    const parts = partsOf(node)
    return parts?.reduce((sum, { elements }) => sum + elements.reduce((all, element) => all * choicesOf(element), 1), 0) ?? 1
  }
  const inner = choicesOf(node.element)
  if (node.max === Infinity || inner === Infinity) return Infinity
  let sum = 0
  for (let times = node.min; times <= node.max && sum <= MOST_CHOICES; times++) sum += inner ** times
  return sum
}

function partsOf(node: AST.Element): readonly AST.Alternative[] | undefined {
  return node.type === 'Group' || node.type === 'CapturingGroup' ? node.alternatives : undefined
}

function hasRepetition(node: AST.LookaroundAssertion): boolean {
  return /[*+]|\{\d+,/.test(node.raw.slice(4))
}
