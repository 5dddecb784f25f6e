// A detector made of a user's pattern. `pii` makes one for each.

import { goPattern } from '../config/go-pattern.ts'
import { requiredText } from '../patterns/required-text.ts'
import { Search } from '../patterns/search.ts'
import type { Detector, Finding } from './detector.ts'

/**
 * Finds all that the pattern matches. Where every match contains the same text, only strings with that text are looked at; otherwise every
 * string is. A pattern that is none, or that could take forever, is a fault.
 */
export function detectorOf(name: string, pattern: string): Detector | { readonly fault: string } {
  const compiled = goPattern(pattern)
  if ('fault' in compiled) return compiled
  const search = new Search(compiled.regexp)
  const literal = requiredText(compiled.regexp)
  return { name, anchors: [literal === undefined ? 'any' : { literal }], find: (text) => findAll(text, search) }
}

function findAll(text: string, search: Search): readonly Finding[] {
  const findings: Finding[] = []
  for (const match of search.matches(text)) if (match[0] !== '') findings.push({ start: match.index, end: match.index + match[0].length })
  return findings
}
