// Where a user's pattern matches in a text, as the engine's own search finds it, in time that grows with a long text and not with its square: a
// pattern that begins with a loop is tried where a run of its characters begins, and not at every one of them again. Processors that search
// texts of strangers with patterns of users hold one.

import type { AST } from '@eslint-community/regexpp'
import { parse } from './parse.ts'

/** In characters. Up to here trying everywhere takes less than a millisecond, and less than finding where to try. */
const SHORT = 1000
/** What a loop has matched decides what follows: the reason that is given at `next` does not hold. */
const HAS_BACKREFERENCE = /\\[1-9k]/

export class Search {
  readonly #everywhere: RegExp
  readonly #here: RegExp
  /** Finds what is no character of the loop that the pattern begins with. */
  readonly #outside: RegExp | undefined

  constructor({ source, flags }: RegExp) {
    const plain = flags.replaceAll(/[gy]/g, '')
    this.#everywhere = new RegExp(source, `${plain}g`)
    this.#here = new RegExp(source, `${plain}y`)
    const outside = outsideLoop(parse(this.#here).alternatives)
    this.#outside = outside === undefined || HAS_BACKREFERENCE.test(source) ? undefined : new RegExp(outside, `${plain}g`)
  }

  /** Whether it matches anywhere. */
  finds(text: string): boolean {
    if (this.#outside !== undefined && text.length > SHORT) return this.#next(text, 0, this.#outside) !== null
    this.#everywhere.lastIndex = 0
    return this.#everywhere.test(text)
  }

  /** As `matchAll` with the flag `g`. */
  matches(text: string): Iterable<RegExpExecArray> {
    return this.#outside !== undefined && text.length > SHORT ? this.#matchesOfLong(text, this.#outside) : text.matchAll(this.#everywhere)
  }

  *#matchesOfLong(text: string, outside: RegExp): Iterable<RegExpExecArray> {
    for (let match = this.#next(text, 0, outside); match !== null;) {
      yield match
      const end = match.index + match[0].length
      match = this.#next(text, match[0] === '' ? end + width(text, end, outside.unicode) : end, outside)
    }
  }

  /**
   * The first match that begins at `from` or later. One that begins behind a character of the loop would have begun at that character, too:
   * so it begins at `from`, or behind a character that is none of the loop's.
   */
  #next(text: string, from: number, outside: RegExp): RegExpExecArray | null {
    for (let at = from; at <= text.length;) {
      this.#here.lastIndex = at
      const match = this.#here.exec(text)
      if (match !== null) return match
      outside.lastIndex = at
      if (!outside.test(text)) return null
      at = outside.lastIndex
    }
    return null
  }
}

function width(text: string, at: number, isUnicode: boolean): number {
  return isUnicode && (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
}

/** A pattern for one character that is none of the endless loop that this one begins with; undefined where it begins with another thing. */
function outsideLoop([only, ...others]: readonly AST.Alternative[]): string | undefined {
  const first = only?.elements[0]
  if (first === undefined || others.length > 0) return undefined
  if (first.type === 'Group' || first.type === 'CapturingGroup') {
    const within = outsideLoop(first.alternatives)
    const modifiers = first.type === 'Group' ? first.modifiers : null
    return within === undefined || modifiers === null ? within : `(?${modifiers.raw}:${within})`
  }
  if (first.type !== 'Quantifier' || first.max !== Infinity || !SINGLE.has(first.element.type)) return undefined
  return `(?!${first.element.raw})[^]`
}

/** What matches one character, whatever stands around it. */
const SINGLE: ReadonlySet<string> = new Set(['Character', 'CharacterClass', 'CharacterSet'])
