// What stands instead of what a pattern found, as in the Collector. rules.ts calls it.

import { createHash, createHmac } from 'node:crypto'
import { goPattern } from '../../core/factory.ts'
import { Search } from '../../core/mask/index.ts'
import type { RedactionConfig } from './factory.ts'

export type Instead = (match: string) => string

export function insteadOf({ hash_function: name, hmac_key: key = '' }: RedactionConfig): Instead {
  switch (name) {
    case '':
      return () => '****'
    case 'hmac-sha256':
    case 'hmac-sha512':
      return (match) => createHmac(name.slice('hmac-'.length), key).update(match).digest('hex')
    default: {
      const algorithm = name === 'sha3' ? 'sha3-256' : name
      return (match) => createHash(algorithm).update(match).digest('hex')
    }
  }
}

export function compiled(patterns: readonly string[]): readonly Search[] {
  return patterns.map((pattern) => {
    const ready = goPattern(pattern)
    if ('fault' in ready) throw new TypeError(ready.fault) // `check` has said so with line and column
    return new Search(ready.regexp)
  })
}

/** As Go replaces: nothing that is empty stands directly behind a match. */
export function replaced(text: string, pattern: Search, instead: Instead): string {
  let out = ''
  let at = 0
  let isFirst = true
  for (const match of pattern.matches(text)) {
    if (match[0] === '' && match.index === at && !isFirst) continue
    out += text.slice(at, match.index) + instead(match[0])
    at = match.index + match[0].length
    isFirst = false
  }
  return out + text.slice(at)
}
