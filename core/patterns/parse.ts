// A pattern as a tree. What looks into patterns goes through here; the parser is loaded with the first, because most configurations have none.

import { createRequire } from 'node:module'
import type { AST, RegExpParser } from '@eslint-community/regexpp'

const load = createRequire(import.meta.url)
let parser: RegExpParser | undefined

export function parse({ source, flags }: RegExp): AST.Pattern {
  if (parser === undefined) {
    const loaded = load('@eslint-community/regexpp') as { readonly RegExpParser: typeof RegExpParser }
    parser = new loaded.RegExpParser({ ecmaVersion: 2025 })
  }
  return parser.parsePattern(source, undefined, undefined, { unicode: flags.includes('u'), unicodeSets: flags.includes('v') })
}
