// One error of the schema validator as a sentence: what was found, what would be accepted, and the nearest name. check.ts calls it.

import type { ErrorObject } from 'ajv'
import { printable, quoted } from '../printable.ts'
import { BYTES_ACCEPTED } from './bytes.ts'
import { DURATION_ACCEPTED } from './duration.ts'
import { didYouMean, nearest } from './nearest.ts'
import type { ConfigSchema } from './schema.ts'
import type { Tree } from './tree.ts'

const MAX_LISTED = 12

/** What is wrong with the value in `tree`. */
export function explain(error: ErrorObject, schema: ConfigSchema, tree: Tree): string {
  const params = error.params as Readonly<Record<string, unknown>>
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(String(params['additionalProperty']), Object.keys(schema.properties ?? {}))
    case 'required':
      return `missing key ${quoted(String(params['missingProperty']))}${expected(schema.properties?.[String(params['missingProperty'])])}`
    case 'dependentRequired':
      return `missing key ${quoted(String(params['missingProperty']))}, which ${quoted(String(params['property']))} needs beside it`
    case 'uniqueItems':
      return `found the same entry twice, as number ${Number(params['j']) + 1} and ${Number(params['i']) + 1}; accepted: each entry once`
    default:
      return `found ${found(tree, schema)}; accepted: ${accepted(schema)}${hint(tree, schema)}`
  }
}

export function unknownKey(key: string, known: readonly string[], what: string = 'key'): string {
  const list = known.length === 0 ? 'nothing is accepted here' : `accepted here: ${listed(known)}`
  return `unknown ${what} ${quoted(key)}; ${list}${didYouMean(key, known)}`
}

/** `a, b, c`, with an end to it. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).map((name) => printable(name, 60))
  return names.length > MAX_LISTED ? `${shown.join(', ')}, … (${names.length} in all)` : shown.join(', ')
}

/** The value as an error may show it: nothing that is marked secret, and nothing that came from the environment. */
export function found(tree: Tree, schema: ConfigSchema | undefined): string {
  if (tree.kind === 'list') return tree.items.length === 0 ? 'an empty list' : `a list of ${tree.items.length}`
  if (tree.kind === 'map') return tree.entries.size === 0 ? 'an empty map' : 'a map'
  const kind = typeof tree.value
  if (schema?.secret === true) return `*** (a ${kind})`
  if (tree.fromEnv !== undefined) return `the value of ${printable(tree.written, 60)} (a ${kind}; not shown)`
  if (tree.value === null) return 'nothing'
  return kind === 'string' ? quoted(String(tree.value), 60) : `the ${kind} ${printable(tree.written, 60)}`
}

/** What a schema takes, in words. */
export function accepted(schema: ConfigSchema): string {
  if (schema.enum !== undefined) return listed(schema.enum.map(String))
  if ('const' in schema) return printable(String(schema['const']))
  const choices = (schema['anyOf'] ?? schema['oneOf']) as readonly ConfigSchema[] | undefined
  if (choices !== undefined) return choices.map(accepted).join(', or ')
  if (schema.format === 'duration') return DURATION_ACCEPTED
  if (schema.format === 'bytes') return `${BYTES_ACCEPTED}${range(schema, 'minimum', 'maximum', '').replace(' of', ',')}`
  const types = Array.isArray(schema.type) ? (schema.type as readonly NonNullable<ConfigSchema['type']>[]) : [schema.type]
  return types.map((type) => acceptedType(type, schema)).join(' or ')
}

function acceptedType(type: ConfigSchema['type'], schema: ConfigSchema): string {
  switch (type) {
    case 'boolean':
      return 'true or false'
    case 'integer':
      return `a whole number${range(schema, 'minimum', 'maximum', '')}`
    case 'number':
      return `a number${range(schema, 'minimum', 'maximum', '')}`
    case 'array':
      return `a list${range(schema, 'minItems', 'maxItems', 'entry entries')}`
    case 'object':
      if (schema.properties !== undefined) return `a map with ${listed(Object.keys(schema.properties))}`
      return `a map${range(schema, 'minProperties', 'maxProperties', 'entry entries')}`
    case 'string': {
      const pattern = typeof schema['pattern'] === 'string' ? ` that matches /${schema['pattern']}/` : ''
      const example = Array.isArray(schema['examples']) ? ` such as ${schema['examples'].map(String).join(' or ')}` : ''
      return `${example === '' ? 'text' : `text${example}`}${range(schema, 'minLength', 'maxLength', 'character characters')}${example === '' ? pattern : ''}`
    }
    default:
      return 'another value'
  }
}

/** `unit`: one and many, e.g. `entry entries`. */
function range(schema: ConfigSchema, low: string, high: string, unit: string): string {
  const [from, to, above] = [number(schema[low]), number(schema[high]), number(schema['exclusiveMinimum'])]
  const [one, many] = unit.split(' ')
  const counted = (n: number): string => (unit === '' ? `${n}` : `${n} ${n === 1 ? one : many}`)
  if (from !== undefined && to !== undefined) return ` from ${from} to ${counted(to)}`
  if (from !== undefined) return ` of at least ${counted(from)}`
  if (to !== undefined) return ` ${above === undefined ? '' : `greater than ${above}, and `}of at most ${counted(to)}`
  return above === undefined || low !== 'minimum' ? '' : ` greater than ${above}`
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

function expected(schema: ConfigSchema | undefined): string {
  return schema === undefined ? '' : `; accepted: ${accepted(schema)}`
}

/** What to change, where it can be told. */
function hint(tree: Tree, schema: ConfigSchema): string {
  if (schema.type === 'string' && tree.kind === 'scalar' && (typeof tree.value === 'number' || typeof tree.value === 'boolean')) {
    return schema.format === undefined ? '; put it in quotes' : ''
  }
  const isText = tree.kind === 'scalar' && typeof tree.value === 'string' && tree.fromEnv === undefined && schema.secret !== true
  const wantsNumber = (schema.type === 'integer' || schema.type === 'number') && schema.format === undefined
  if (wantsNumber && isText && tree.written !== '' && Number.isFinite(Number(tree.written))) return '; write it without quotes'
  if (schema.type === 'array' && tree.kind === 'scalar' && typeof tree.value === 'string') return '; put it in [brackets]'
  if (schema.enum === undefined || !isText) return ''
  const best = nearest(tree.value, schema.enum.map(String))
  return best === undefined ? '' : `; did you mean ${quoted(best)}?`
}
