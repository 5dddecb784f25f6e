// Whether a pattern without endless loops still reads one text in too many ways: a few choices, one behind the other, multiply.
// `ambiguity.ts` asks.

import type { Automaton } from './automaton.ts'

/** So many choices in a row between two ways for the same text, each over two characters or more: some thousand ways in all. */
const MOST_IN_A_ROW = 5

/** The state at which the longest row of choices starts, if it is too long. `spend` is called for every step, and throws when it is enough. */
export function longRowOfChoices(automaton: Automaton, spend: () => void): number | undefined {
  const { states } = automaton
  const longest = new Uint16Array(states.length)
  // States are numbered as they stand in the pattern: what goes on leads to a higher number, what repeats to a lower one or the same.
  for (let state = states.length - 1; state >= 0; state--) {
    for (const next of states[state]!.next.keys()) if (next > state) longest[state] = Math.max(longest[state]!, longest[next]!)
    for (const meeting of meetingsOf(automaton, state, spend)) longest[state] = Math.max(longest[state]!, longest[meeting]! + 1)
    if (longest[state]! > MOST_IN_A_ROW) return state
  }
  return undefined
}

/** Where two ways that part behind this state, and read the same text, come together. */
function meetingsOf({ states, overlaps }: Automaton, from: number, spend: () => void): ReadonlySet<number> {
  const meetings = new Set<number>()
  const seen = new Set<number>()
  const open: (readonly [number, number])[] = []
  const walk = (one: number, other: number): void => {
    for (const nextOne of states[one]!.next.keys())
      for (const nextOther of states[other]!.next.keys()) {
        spend()
        if (nextOne <= one || nextOther <= other || !overlaps.have(nextOne, nextOther)) continue
        if (nextOne === nextOther) {
          if (one !== other) meetings.add(nextOne)
          continue
        }
        const key = nextOne * states.length + nextOther
        if (!seen.has(key)) open.push([nextOne, nextOther])
        seen.add(key)
      }
  }
  walk(from, from)
  for (const [next, ways] of states[from]!.next) if (ways > 1 && next > from) meetings.add(next)
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) walk(...pair)
  return meetings
}
