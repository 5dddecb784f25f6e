// A regular expression as users of the Collector write it, Go's, as the one of this engine. Whoever takes patterns from a configuration
// reads them with this.

import { explodingPattern } from '../patterns/check-pattern.ts'
import { printable } from '../printable.ts'

/**
 * Named groups are `(?P<name>…)` in Go, and flags in front rule the whole: `(?i)…`. Go's engine never takes long, this one may: a pattern that
 * some text could make it try for hours is a fault.
 */
export function goPattern(pattern: string): { readonly source: string; readonly regexp: RegExp } | { readonly fault: string } {
  const compiled = compile(pattern)
  if ('fault' in compiled) return compiled
  const fault = explodingPattern(compiled.regexp)
  return fault === undefined ? compiled : { fault: `the pattern "${printable(pattern, 100)}" can take forever: ${fault}` }
}

function compile(pattern: string): { readonly source: string; readonly regexp: RegExp } | { readonly fault: string } {
  const named = pattern.replaceAll('(?P<', '(?<')
  const flags = /^\(\?([ims]+)\)/.exec(named)
  const source = flags === null ? named : `(?${flags[1]}:${named.slice(flags[0].length)})`
  try {
    return { source, regexp: new RegExp(source, 'u') }
  } catch {
    // Go lets more be escaped than this engine in its strict mode.
  }
  try {
    return { source, regexp: new RegExp(source) }
  } catch (error) {
    return { fault: `the pattern "${printable(pattern, 100)}" is none: ${printable((error as Error).message, 200)}` }
  }
}
