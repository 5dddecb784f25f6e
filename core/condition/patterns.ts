// Patterns in conditions. CEL's are RE2's, where `(?i)` in front rules the whole; the engine underneath takes `(?i:…)` alone. What is not a
// pattern for either, or could take forever, is found before anything starts.

import { explodingPattern } from '../patterns/check-pattern.ts'
import { printable } from '../printable.ts'

/** A piece of a parsed condition, as the evaluator's parser makes it: `[start, end)` is its place in the text. */
interface Node {
  readonly op: string
  readonly args: unknown
  readonly start: number
  readonly end: number
}

/** A condition whose `matches` can be run, or what is wrong with one of its patterns. */
export function withPatterns(text: string, ast: unknown): { readonly text: string } | { readonly fault: string } {
  const literals = [...patternsIn(ast)].sort((a, b) => b.start - a.start)
  const unwritten = literals.find(({ pattern }) => pattern === undefined)
  // Whoever sends the data would choose what to try.
  if (unwritten !== undefined) return { fault: `matches(${text.slice(unwritten.start, unwritten.end)}): accepted is a pattern in quotes` }
  let ready = text
  for (const { start, end, pattern = '' } of literals) {
    const translated = translate(pattern)
    const fault = faultOf(translated)
    if (fault !== undefined) return { fault: `the pattern "${printable(pattern, 100)}" ${fault}` }
    if (translated !== pattern) ready = `${ready.slice(0, start)}${JSON.stringify(translated)}${ready.slice(end)}`
  }
  return { text: ready }
}

function faultOf(pattern: string): string | undefined {
  try {
    const exploding = explodingPattern(RegExp(pattern))
    return exploding === undefined ? undefined : `can take forever: ${exploding}`
  } catch (error) {
    return `is none: ${printable((error as Error).message, 200)}`
  }
}

function translate(pattern: string): string {
  const flags = /^\(\?([ims]+)\)/.exec(pattern)
  return flags === null ? pattern : `(?${flags[1]}:${pattern.slice(flags[0].length)})`
}

function* patternsIn(ast: unknown): Iterable<{ readonly start: number; readonly end: number; readonly pattern: string | undefined }> {
  if (Array.isArray(ast)) for (const part of ast) yield* patternsIn(part)
  if (!isNode(ast)) return
  if (ast.op === 'rcall' && Array.isArray(ast.args) && ast.args[0] === 'matches') {
    const [literal] = ast.args[2] as readonly unknown[]
    if (isNode(literal)) {
      const written = literal.op === 'value' && typeof literal.args === 'string' ? literal.args : undefined
      yield { start: literal.start, end: literal.end, pattern: written }
    }
  }
  yield* patternsIn(ast.args)
}

function isNode(part: unknown): part is Node {
  return typeof part === 'object' && part !== null && 'op' in part
}
