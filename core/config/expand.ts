// `${env:NAME}` and `${env:NAME:-default}` in a Tree's values, and `$$` for a dollar sign, as in the Collector. load.ts calls it.

import { printable, quoted } from '../printable.ts'
import type { Fault, Path } from './fault.ts'
import type { Entry, ScalarTree, Tree } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const ACCEPTED = 'accepted: ${env:NAME}, ${env:NAME:-default}, and $$ for a dollar sign'
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** The same tree with every value expanded. A value that is one expansion and nothing else gets the type that it would have in YAML. */
export function expand(tree: Tree, environment: Environment, faults: Fault[], path: Path = []): Tree {
  if (tree.kind === 'scalar') return expandScalar(tree, environment, (message) => faults.push({ place: tree.place, path, message }))
  if (tree.kind === 'list') {
    return { ...tree, items: tree.items.map((item, index) => expand(item, environment, faults, [...path, index])) }
  }
  const entries = new Map<string, Entry>()
  for (const [key, { place, value }] of tree.entries) {
    entries.set(key, { place, value: expand(value, environment, faults, [...path, key]) })
  }
  return { ...tree, entries }
}

function expandScalar(scalar: ScalarTree, environment: Environment, report: (message: string) => void): ScalarTree {
  const { value, written } = scalar
  if (typeof value !== 'string' || !value.includes('$')) return scalar
  let text = ''
  let expansions = 0
  let at = 0
  while (at < value.length) {
    const dollar = value.indexOf('$', at)
    if (dollar === -1) break
    text += value.slice(at, dollar)
    const next = value[dollar + 1]
    if (next !== '{') {
      text += '$'
      at = dollar + (next === '$' ? 2 : 1)
      continue
    }
    const end = value.indexOf('}', dollar)
    const reference = end === -1 ? undefined : value.slice(dollar + 2, end)
    const result = resolve(reference, environment)
    if ('refused' in result) {
      report(result.refused)
      return { ...scalar, fromEnv: '' }
    }
    text += result.text
    expansions++
    at = end + 1
  }
  text += value.slice(at)
  if (expansions === 0) return { ...scalar, value: text }
  const isWhole = expansions === 1 && value.startsWith('${') && value.indexOf('}') === value.length - 1
  return { ...scalar, value: isWhole ? yamlScalar(text) : text, written, fromEnv: text }
}

function resolve(reference: string | undefined, environment: Environment): { readonly text: string } | { readonly refused: string } {
  if (reference === undefined) return { refused: `found "\${" without "}"; ${ACCEPTED}` }
  if (reference.includes('${')) return { refused: `found one variable inside another; ${ACCEPTED}` }
  const colon = reference.indexOf(':')
  const scheme = colon === -1 ? 'env' : reference.slice(0, colon)
  if (scheme !== 'env') return { refused: `found "\${${printable(scheme, 40)}:…}", which is not supported; ${ACCEPTED}` }
  const [name, fallback] = split(reference.slice(colon + 1))
  if (!NAME.test(name)) {
    return { refused: `found ${quoted(name, 40)} as the name of an environment variable; ${ACCEPTED}` }
  }
  const text = (Object.hasOwn(environment, name) ? environment[name] : undefined) ?? fallback
  if (text === undefined) {
    return { refused: `the environment variable ${name} is not set; set it, or give a default: \${env:${name}:-default}` }
  }
  return { text }
}

function split(reference: string): readonly [name: string, fallback: string | undefined] {
  const at = reference.indexOf(':-')
  return at === -1 ? [reference, undefined] : [reference.slice(0, at), reference.slice(at + 2)]
}

/** A plain scalar by YAML 1.2's core schema. */
function yamlScalar(text: string): string | number | boolean | null {
  const word = text.trim()
  if (/^(?:~|null|Null|NULL)?$/.test(word)) return null
  if (/^(?:true|True|TRUE)$/.test(word)) return true
  if (/^(?:false|False|FALSE)$/.test(word)) return false
  if (/^0o[0-7]+$|^0x[0-9a-fA-F]+$/.test(word)) return Number(word)
  if (/^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(word)) return Number(word)
  return text
}
