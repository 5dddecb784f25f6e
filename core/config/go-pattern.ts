// A regular expression as users of the Collector write it, Go's, as the one of this engine. Whoever takes patterns from a configuration
// reads them with this.

import { printable } from '../printable.ts'

/** Named groups are `(?P<name>…)` in Go, and flags in front rule the whole: `(?i)…`. */
export function goPattern(pattern: string): { readonly source: string; readonly regexp: RegExp } | { readonly fault: string } {
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
