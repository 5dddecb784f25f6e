// A text that every match of a pattern contains: where it is missing, nobody has to try the pattern. Detectors of users' patterns ask.

import type { AST } from '@eslint-community/regexpp'
import { parse } from './parse.ts'

/** The longest run of ASCII characters that stands in every match; undefined where there is none of two characters. */
export function requiredText(pattern: RegExp): string | undefined {
  if (pattern.flags.includes('i')) return undefined
  const [only, ...others] = parse(pattern).alternatives
  if (only === undefined || others.length > 0) return undefined
  const runs: string[] = ['']
  collect(only, runs)
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '')
  return longest.length > 1 ? longest : undefined
}

/** Appends to the last run, or begins a new one where anything may stand between. */
function collect({ elements }: AST.Alternative, runs: string[]): void {
  for (const element of elements) {
    if (element.type === 'Character' && element.value < 0x80) runs[runs.length - 1] += String.fromCharCode(element.value)
    else if (isPlainGroup(element)) collect(element.alternatives[0]!, runs)
    else if (element.type === 'Quantifier' && element.min > 0) {
      collect({ elements: [element.element] } as AST.Alternative, runs)
      runs.push('')
    } else if (element.type !== 'Assertion') runs.push('')
  }
}

function isPlainGroup(element: AST.Element): element is AST.Group | AST.CapturingGroup {
  const isGroup = element.type === 'Group' || element.type === 'CapturingGroup'
  return isGroup && element.alternatives.length === 1 && !('modifiers' in element && element.modifiers !== null)
}
