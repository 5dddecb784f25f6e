// Whether a user's pattern can take forever on some text. Whoever takes patterns from a configuration asks before anything starts.
//
// The engine tries every way in which a pattern can read a text, one after the other. Where their number grows exponentially with the text,
// or with a power of its length, a sender could stop the process by what it sends. The answer is exact for what regular expressions are made
// of; look-arounds and word boundaries are taken as if they always held.

import type { AST } from '@eslint-community/regexpp'
import { printable } from '../printable.ts'
import { ambiguityOf, TooMuch } from './ambiguity.ts'
import { type Automaton, automatonOf, Unchecked } from './automaton.ts'
import { parse } from './parse.ts'

/** Why this pattern is refused, with the place; undefined where it is safe. The pattern is one for this engine, with these flags. */
export function explodingPattern(pattern: RegExp): string | undefined {
  try {
    const ast = parse(pattern)
    const wide = withModifiers(pattern)
    return faultIn(ast.alternatives, wide) ?? faultAhead(ast, wide)
  } catch (error) {
    if (error instanceof Unchecked) return `${at(error.node)}${error.message}`
    if (error instanceof TooMuch) return 'the pattern is too entangled to be checked: write it shorter, or as two'
    throw error
  }
}

/** `(?i:…)` rules a part; here it counts for the whole, in which sets have more in common and not less. */
function withModifiers({ source, flags }: RegExp): string {
  const added = /\(\?[ims]+[-:]/.test(source) ? 'is' : ''
  return [...new Set(flags + added)].join('')
}

function faultIn(alternatives: readonly AST.Alternative[], flags: string): string | undefined {
  const automaton: Automaton = automatonOf(alternatives, flags)
  const found = ambiguityOf(automaton)
  if (found === undefined) return undefined
  const { grows, one, other } = found
  const places = one === other ? `${at(one)}one text fits it in many ways` : `${at(one)}and ${at(other)}the same text fits both`
  const accepted = 'let what is repeated begin with a character that cannot stand in front of it, or write how often, at most 60 times'
  return `${places}: the time for a text that does not match grows ${grows}; ${accepted}`
}

/** What stands in a look ahead is a pattern of its own. */
function faultAhead(ast: AST.Pattern, flags: string): string | undefined {
  const open: AST.Node[] = [...ast.alternatives]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.type === 'Assertion' && 'alternatives' in node) {
      const fault = faultIn(node.alternatives, flags)
      if (fault !== undefined) return fault
    }
    if ('alternatives' in node) open.push(...(node.alternatives as readonly AST.Node[]))
    if (node.type === 'Alternative') open.push(...node.elements)
    if (node.type === 'Quantifier') open.push(node.element)
  }
  return undefined
}

function at(node: AST.Node): string {
  return `at character ${node.start + 1}, "${printable(node.raw, 60)}": `
}
