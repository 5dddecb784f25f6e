// Whether an automaton can read one text in very many ways: an engine that tries one after another then never ends. `check-pattern.ts` asks.

import type { AST } from '@eslint-community/regexpp'
import type { Automaton } from './automaton.ts'
import { longRowOfChoices } from './chains.ts'

/** The repetitions that get in each other's way, which may be one and the same. */
export interface Ambiguity {
  readonly grows: 'exponentially' | 'with a power of its length'
  readonly one: AST.Node
  readonly other: AST.Node
}

/** How many steps a check may take: about a tenth of a second. */
const MOST_STEPS = 3_000_000
/** Thrown when it took more. */
export class TooMuch extends Error {}

export function ambiguityOf(automaton: Automaton): Ambiguity | undefined {
  const { reach, loops } = loopsOf(automaton)
  const steps = { left: MOST_STEPS }
  for (const loop of loops) {
    const found = exponentialIn(automaton, loop, steps)
    if (found !== undefined) return found
  }
  for (const loop of loops)
    for (const later of loops) {
      if (loop === later || !reach(loop[0]!, later[0]!)) continue
      const found = polynomialIn(automaton, loop, later, steps)
      if (found !== undefined) return found
    }
  const start = longRowOfChoices(automaton, () => {
    if (--steps.left < 0) throw new TooMuch()
  })
  return start === undefined ? undefined : between(automaton.states, start, start, 'exponentially')
}

/** States that lead back to themselves, those that lead to one another together. */
function loopsOf({ states }: Automaton): { reach: (from: number, to: number) => boolean; readonly loops: readonly (readonly number[])[] } {
  const reached = states.map((_, state) => {
    const seen = new Set<number>()
    const open = [state]
    for (let at = open.pop(); at !== undefined; at = open.pop())
      for (const next of states[at]!.next.keys()) {
        if (!seen.has(next)) open.push(next)
        seen.add(next)
      }
    return seen
  })
  const loops: number[][] = []
  for (const [state, seen] of reached.entries()) {
    if (!seen.has(state)) continue
    const known = loops.find(([first]) => seen.has(first!) && reached[first!]!.has(state))
    if (known === undefined) loops.push([state])
    else known.push(state)
  }
  return { reach: (from, to) => reached[from]!.has(to), loops }
}

/**
 * Two ways around a loop that read the same text. They part at one state, and meet again at one: whoever walks two at a time, from equal
 * states, comes to different ones and back.
 */
function exponentialIn({ states, overlaps }: Automaton, loop: readonly number[], steps: { left: number }): Ambiguity | undefined {
  const within = new Set(loop)
  const size = states.length
  for (const state of loop)
    for (const [next, ways] of states[state]!.next) if (ways > 1 && within.has(next)) return between(states, state, next, 'exponentially')
  const walk = (directions: (state: number) => Iterable<number>, checkBefore: boolean): Set<number> => {
    const seen = new Set(loop.map((state) => state * size + state))
    const open = [...seen]
    for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
      const [one, other] = [Math.floor(pair / size), pair % size]
      if (checkBefore && !overlaps.have(one, other)) continue
      for (const nextOne of directions(one)) {
        if (!within.has(nextOne)) continue
        for (const nextOther of directions(other)) {
          if (--steps.left < 0) throw new TooMuch()
          const next = nextOne * size + nextOther
          if (!within.has(nextOther) || seen.has(next) || (!checkBefore && !overlaps.have(nextOne, nextOther))) continue
          seen.add(next)
          open.push(next)
        }
      }
    }
    return seen
  }
  const parted = walk((state) => states[state]!.next.keys(), false)
  const meeting = walk((state) => states[state]!.previous, true)
  for (const pair of parted) {
    const [one, other] = [Math.floor(pair / size), pair % size]
    if (one !== other && meeting.has(pair)) return between(states, one, other, 'exponentially')
  }
  return undefined
}

/** A text that goes around the one loop, around the other, and from the one to the other: where it changes over is anybody's guess. */
function polynomialIn(
  automaton: Automaton,
  loop: readonly number[],
  later: readonly number[],
  steps: { left: number },
): Ambiguity | undefined {
  const { states, last, hasEndCondition } = automaton
  for (const from of loop)
    for (const to of later) {
      // Whoever has come to the end of the pattern has found a match, and tries nothing else.
      if (last.has(to) && !hasEndCondition) continue
      if (changesOver(automaton, from, to, new Set(loop), new Set(later), steps))
        return between(states, from, to, 'with a power of its length')
    }
  return undefined
}

function changesOver(
  { states, overlaps }: Automaton,
  from: number,
  to: number,
  loop: ReadonlySet<number>,
  later: ReadonlySet<number>,
  steps: { left: number },
): boolean {
  const size = states.length
  const seen = new Set<number>()
  const open: (readonly [around: number, across: number, aroundLater: number])[] = [[from, from, to]]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const one of states[at[0]]!.next.keys()) {
      if (!loop.has(one)) continue
      for (const across of states[at[1]]!.next.keys()) {
        if (!overlaps.have(one, across)) continue
        for (const other of states[at[2]]!.next.keys()) {
          if (--steps.left < 0) throw new TooMuch()
          const key = (one * size + across) * size + other
          if (!later.has(other) || seen.has(key) || !overlaps.haveAll(one, across, other)) continue
          if (one === from && across === to && other === to) return true
          seen.add(key)
          open.push([one, across, other])
        }
      }
    }
  }
  return false
}

function between(states: Automaton['states'], one: number, other: number, grows: Ambiguity['grows']): Ambiguity {
  const inner = (state: number): AST.Node => states[state]!.repetitions.at(-1) ?? states[state]!.node
  const [ofOne, ofOther] = [states[one]!.repetitions, states[other]!.repetitions]
  if (grows === 'exponentially') {
    const common = ofOne.filter((repetition) => ofOther.includes(repetition))[0]
    return { grows, one: common ?? inner(one), other: inner(other) }
  }
  return { grows, one: inner(one), other: inner(other) }
}
