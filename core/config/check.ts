// Holds a part of the configuration against a schema: fills in defaults and returns every fault with its place. load.ts makes one
// Checker a load; the validator package (30–50 ms to import) is loaded here and nowhere else.

import type { Ajv, ErrorObject, ValidateFunction } from 'ajv'
import { printable } from '../printable.ts'
import { bytesOf } from './bytes.ts'
import { durationOf } from './duration.ts'
import { explain } from './explain.ts'
import type { Fault, Path, Place } from './fault.ts'
import { fit } from './fit.ts'
import type { ConfigSchema } from './schema.ts'
import { locate, type Tree } from './tree.ts'

/** A part of the configuration: where it stands, and what stands there. */
export interface Part {
  readonly path: Path
  /** The place of its key. */
  readonly key: Place
  readonly tree: Tree
}
export interface Checked {
  /** With defaults filled in. Meaningless if there are faults. */
  readonly value: unknown
  readonly faults: readonly Fault[]
}

export class Checker {
  readonly #ajv: Ajv
  readonly #compiled = new Map<ConfigSchema, { readonly closed: ConfigSchema; readonly validate: ValidateFunction }>()

  private constructor(ajv: Ajv) {
    this.#ajv = ajv
  }

  /** `strangers`: schemas of plugins will come too, so schemas are themselves checked. That costs 35 ms. */
  static async create(strangers: boolean): Promise<Checker> {
    const { Ajv } = await import('ajv')
    const ajv = new Ajv({
      strict: strangers, // a test holds the schemas that are built in to it
      allErrors: true,
      useDefaults: true,
      verbose: true,
      allowUnionTypes: true,
      logger: false,
      ownProperties: true,
      messages: false, // explain.ts words them
      code: { optimize: false }, // each validator runs once or twice: optimizing it costs more than it saves
      ...(strangers ? {} : { meta: false, validateSchema: false }),
    })
    ajv.addKeyword({ keyword: 'secret', schemaType: 'boolean' })
    ajv.addKeyword({ keyword: 'extension', schemaType: 'string' })
    ajv.addKeyword({ keyword: 'folded', schemaType: 'boolean' })
    ajv.addFormat('duration', (text) => durationOf(text) !== undefined)
    ajv.addFormat('bytes', (text) => bytesOf(text) !== undefined)
    ajv.addFormat('path', true) // fit.ts makes it absolute
    return new Checker(ajv)
  }

  check(part: Part, schema: ConfigSchema): Checked {
    const value = fit(part.tree, schema)
    const { closed, validate } = this.#compile(schema)
    if (validate(value)) return { value, faults: [] }
    const errors = relevant(validate.errors ?? [])
    return { value, faults: errors.map((error) => faultOf(error, part, closed)) }
  }

  #compile(schema: ConfigSchema): { readonly closed: ConfigSchema; readonly validate: ValidateFunction } {
    const known = this.#compiled.get(schema)
    if (known !== undefined) return known
    const closed = closedSchema(schema, false)
    const made = { closed, validate: this.#ajv.compile(closed) }
    this.#compiled.set(schema, made)
    return made
  }
}

/**
 * The schema with what it implies written out: a map with `properties` takes no other keys, and what lies in a secret is secret.
 * Formats of numbers are for fit.ts alone.
 */
function closedSchema(schema: ConfigSchema, secret: boolean): ConfigSchema {
  const isSecret = secret || schema.secret === true
  const closed: Record<string, unknown> = { ...schema, ...(isSecret ? { secret: true } : {}) }
  const inner = (child: ConfigSchema): ConfigSchema => closedSchema(child, isSecret)
  if (schema.properties !== undefined) {
    closed['properties'] = Object.fromEntries(Object.entries(schema.properties).map(([key, child]) => [key, inner(child)]))
    closed['additionalProperties'] = schema.additionalProperties ?? false
  }
  if (typeof schema.additionalProperties === 'object') closed['additionalProperties'] = inner(schema.additionalProperties)
  if (schema.items !== undefined) closed['items'] = inner(schema.items)
  for (const choice of ['anyOf', 'oneOf']) {
    if (Array.isArray(schema[choice])) closed[choice] = (schema[choice] as readonly ConfigSchema[]).map(inner)
  }
  return closed
}

/** Without what the branches of a choice complain about (the choice itself is the fault), and without the `if` of a conditional. */
function relevant(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const choices = errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf')
  const inChoice = (error: ErrorObject): boolean => choices.some((choice) => error.schemaPath.startsWith(`${choice.schemaPath}/`))
  return errors.filter((error) => error.keyword !== 'if' && !inChoice(error))
}

function faultOf(error: ErrorObject, part: Part, schema: ConfigSchema): Fault {
  const path = pathOf(error.instancePath, part.tree)
  const at = locate(part.tree, part.key, path)
  const message = printable(explain(error, error.parentSchema ?? schema, at.tree))
  const params = error.params as { readonly additionalProperty?: string }
  if (error.keyword === 'additionalProperties') {
    return { place: locate(part.tree, part.key, [...path, params.additionalProperty!]).key, path: [...part.path, ...path], message }
  }
  const place = error.keyword === 'required' ? at.key : at.tree.place
  return { place, path: [...part.path, ...path], message }
}

/** From a JSON pointer; what counts entries of a list becomes a number. */
function pathOf(pointer: string, tree: Tree): Path {
  const path: (string | number)[] = []
  let here: Tree | undefined = tree
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(here?.kind === 'list' ? Number(key) : key)
    here = here?.kind === 'list' ? here.items[Number(key)] : here?.kind === 'map' ? here.entries.get(key)?.value : undefined
  }
  return path
}
