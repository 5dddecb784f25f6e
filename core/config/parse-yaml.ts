// The text of one configuration file as a Tree, or what is wrong with its YAML. load.ts calls it; it alone knows the yaml package.

import type { Document, Node, Pair, ParsedNode, Scalar } from 'yaml'
import { printable, quoted } from '../printable.ts'
import type { Fault, Place } from './fault.ts'
import type { Entry, Tree } from './tree.ts'

/** With the limit on bytes (read-text.ts), these keep the worst file at a fraction of a second: the yaml package takes 2–5 µs for each word and sign. */
const MAX_DEPTH = 64
const MAX_LEXEMES = 50_000
/** More complaints about syntax than these help nobody: the first causes the rest. */
const MAX_SYNTAX_FAULTS = 10

type Yaml = typeof import('yaml')
/** Returns how many there are by now. */
type Report = (offset: number, message: string) => number

/** What is wrong with the syntax ends up in `faults`, and the tree holds what could be read. */
export async function parseYaml(file: string, text: string, faults: Fault[]): Promise<Tree | undefined> {
  const yaml = await import('yaml')
  const placeOf = placesIn(file, text)
  const syntax = new Map<number, string>()
  const report: Report = (offset, message) => {
    if (syntax.size < MAX_SYNTAX_FAULTS && !syntax.has(offset)) syntax.set(offset, message)
    return syntax.size
  }
  const document = compose(yaml, text, report)
  for (const [offset, message] of syntax) faults.push({ place: placeOf(offset), path: [], message })
  if (syntax.size > 0 || document === undefined) return undefined
  if (document.contents === null) return { kind: 'map', place: placeOf(0), entries: new Map() }
  return new TreeBuilder(yaml, placeOf, faults).tree(document.contents, [])
}

function compose(yaml: Yaml, text: string, report: Report): Document.Parsed | undefined {
  // A hostile file makes thousands of errors, and most of the cost of an Error is its stack.
  const before = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    // Duplicate keys are found by TreeBuilder: the package compares every key with every other.
    const composer = new yaml.Composer({ version: '1.2', schema: 'core', merge: false, uniqueKeys: false, logLevel: 'silent' })
    let document: Document.Parsed | undefined
    for (const next of composer.compose(tokens(yaml, text, report), true, text.length)) {
      if (document !== undefined) {
        report(next.range[0], 'found a second YAML document; accepted: one document a file. Give --config several times for several files')
        break
      }
      document = next
    }
    for (const error of document?.errors ?? []) report(error.pos[0], notValid(error.message))
    return document
  } catch (error) {
    if (!(error instanceof TooMuch)) report(0, notValid(String(error)))
    return undefined
  } finally {
    Error.stackTraceLimit = before
  }
}

class TooMuch extends Error {}

function notValid(message: string): string {
  return `not valid YAML: ${printable(message, 200)}`
}

const UNWANTED: ReadonlyMap<string, string> = new Map([
  ['&', 'found an anchor (&…); YAML anchors and aliases are not accepted: write the value out, or take it from ${env:NAME}'],
  ['*', 'found an alias (*…); YAML anchors and aliases are not accepted: write the value out, or quote it if it is text'],
  ['!', 'found a tag (!…); YAML tags are not accepted: put text in quotes'],
  ['%', 'found a directive (%…); YAML directives are not accepted: remove the line'],
])
const SCALAR_FOLLOWS = '\u001F'

/** The syntax tree, as long as it stays within the limits: they are checked before anything is built or recursed into. */
function* tokens(yaml: Yaml, text: string, report: Report): ReturnType<InstanceType<Yaml['Parser']>['end']> {
  const parser = new yaml.Parser()
  let count = 0
  let isScalar = false
  for (const lexeme of new yaml.Lexer().lex(text)) {
    const unwanted = isScalar ? undefined : UNWANTED.get(lexeme[0] ?? '')
    if (unwanted !== undefined && report(parser.offset, unwanted) === MAX_SYNTAX_FAULTS) throw new TooMuch()
    isScalar = lexeme === SCALAR_FOLLOWS
    if (++count > MAX_LEXEMES) {
      report(parser.offset, `the file is too large: accepted are ${MAX_LEXEMES} words and signs (about 5,000 lines) a file; split it`)
      throw new TooMuch()
    }
    for (const token of parser.next(lexeme)) {
      if (token.type === 'error' && report(token.offset, notValid(token.message)) === MAX_SYNTAX_FAULTS) throw new TooMuch()
      yield token
    }
    // The stack holds the document, the nesting, and perhaps a scalar.
    if (parser.stack.length - 1 > MAX_DEPTH && !(parser.stack.length - 2 === MAX_DEPTH && isScalarToken(parser.stack.at(-1)))) {
      report(parser.offset, `found values nested more than ${MAX_DEPTH} deep; accepted: up to ${MAX_DEPTH}`)
      throw new TooMuch()
    }
  }
  yield* parser.end()
}

function isScalarToken(token: { readonly type: string } | undefined): boolean {
  return token?.type.endsWith('scalar') ?? false
}

/** From offsets to lines and columns, both from 1. */
function placesIn(file: string, text: string): (offset: number) => Place {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (offset) => {
    let [low, high] = [0, starts.length]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (starts[middle]! <= offset) low = middle
      else high = middle
    }
    return { file, line: low + 1, column: offset - starts[low]! + 1 }
  }
}

class TreeBuilder {
  readonly #yaml: Yaml
  readonly #placeOf: (offset: number) => Place
  readonly #faults: Fault[]

  constructor(yaml: Yaml, placeOf: (offset: number) => Place, faults: Fault[]) {
    this.#yaml = yaml
    this.#placeOf = placeOf
    this.#faults = faults
  }

  tree(node: Node | null, path: readonly (string | number)[]): Tree {
    const place = this.#placeOf(node?.range?.[0] ?? 0)
    if (this.#yaml.isMap(node)) return { kind: 'map', place, entries: this.#entries(node.items as Pair<ParsedNode, Node | null>[], path) }
    if (this.#yaml.isSeq(node)) {
      return { kind: 'list', place, items: node.items.map((item, index) => this.tree(item as Node, [...path, index])) }
    }
    const scalar = node as Scalar | null
    const value = scalar?.value ?? null
    const written = scalar?.source ?? ''
    if (typeof value === 'number' && /^[-+]?\d+$/.test(written) && !Number.isSafeInteger(value)) {
      const message = `found ${printable(written, 60)}, a number too large to be kept exactly; put it in quotes if it is text`
      this.#faults.push({ place, path, message })
    }
    const isPlain = value === null || typeof value === 'number' || typeof value === 'boolean'
    return { kind: 'scalar', place, value: isPlain ? value : written, written }
  }

  #entries(pairs: readonly Pair<ParsedNode, Node | null>[], path: readonly (string | number)[]): ReadonlyMap<string, Entry> {
    const entries = new Map<string, Entry>()
    for (const { key, value } of pairs) {
      const place = this.#placeOf(key.range[0])
      const name = this.#yaml.isScalar(key) ? (key.source ?? '') : undefined
      const earlier = name === undefined ? undefined : entries.get(name)
      const refusal = keyRefusal(name, earlier)
      if (refusal !== undefined) this.#faults.push({ place, path, message: refusal })
      else entries.set(name!, { place, value: this.tree(value, [...path, name!]) })
    }
    return entries
  }
}

function keyRefusal(name: string | undefined, earlier: Entry | undefined): string | undefined {
  if (name === undefined) return 'found a list or a map as a key; accepted: a word'
  if (name === '') return 'found an empty key; accepted: a word'
  if (name === '<<') return 'found a merge key (<<); YAML merges are not accepted: write the keys out'
  if (name === '__proto__') return 'the key "__proto__" is not accepted'
  if (name.includes('${')) return `key ${quoted(name)}: variables are expanded in values, not in keys`
  return earlier === undefined ? undefined : `key ${quoted(name)} stands here twice; the first is on line ${earlier.place.line}`
}
