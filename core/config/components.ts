// The components that a configuration defines, each held against its factory's schema. load.ts calls it; pipelines.ts looks them up.

import type { ConfigFault } from '../component.ts'
import { printable, quoted } from '../printable.ts'
import type { Checker, Part } from './check.ts'
import { found, listed } from './explain.ts'
import type { Fault, Path } from './fault.ts'
import { schemaOf } from './fit.ts'
import { didYouMean } from './nearest.ts'
import { oneOf, SECTIONS, typeOf, type AnyFactory, type Registry, type Section } from './registry.ts'
import type { ConfigSchema } from './schema.ts'
import { asMap, locate, type MapTree, type Tree } from './tree.ts'

/** `type` or `type/name`. */
export const ID: RegExp = /^[A-Za-z][A-Za-z0-9_]{0,62}(?:\/[^\p{C}\p{Z}]{1,1024})?$/u
export const ID_ACCEPTED = '"type" or "type/name", without spaces'

export interface Defined {
  readonly section: Section
  /** As written. */
  readonly id: string
  readonly part: Part
  /** Missing if the type is unknown, which is a fault already. */
  readonly factory: AnyFactory | undefined
  readonly config: unknown
}

export class Components {
  readonly #registry: Registry
  readonly #defined: Readonly<Record<Section, Map<string, Defined>>> = {
    receivers: new Map(),
    processors: new Map(),
    exporters: new Map(),
    connectors: new Map(),
    extensions: new Map(),
  }

  readonly #ids = new Map<Section, readonly string[]>()

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** By id in either spelling. */
  get(section: Section, id: string): Defined | undefined {
    return this.#defined[section].get(this.#registry.canonical(section, id))
  }

  /** The earlier definition, if there is one under another spelling; nothing is added then. */
  add(defined: Defined): Defined | undefined {
    const key = this.#registry.canonical(defined.section, defined.id)
    const earlier = this.#defined[defined.section].get(key)
    if (earlier === undefined) this.#defined[defined.section].set(key, defined)
    return earlier
  }

  *in(section: Section): Iterable<Defined> {
    yield* this.#defined[section].values()
  }

  /** As written. Remembered: each wrong reference asks for all of them. */
  ids(section: Section): readonly string[] {
    const known = this.#ids.get(section)
    if (known?.length === this.#defined[section].size) return known
    const ids = [...this.#defined[section].values()].map(({ id }) => id)
    this.#ids.set(section, ids)
    return ids
  }
}

export interface Tools {
  readonly registry: Registry
  readonly checker: Checker
  readonly faults: Fault[]
  /** A plugin could not be loaded: types that nobody knows may be its. */
  readonly incomplete: boolean
}

export async function readComponents(root: MapTree, tools: Tools): Promise<Components> {
  const components = new Components(tools.registry)
  for (const section of SECTIONS) {
    const entry = root.entries.get(section)
    const map = entry === undefined ? undefined : asMap(entry.value)
    for (const [id, { place, value }] of map?.entries ?? []) {
      const part: Part = { path: [section, id], key: place, tree: value }
      const factory = factoryFor(section, id, part, tools)
      const config = factory === undefined ? undefined : await settingsOf(factory, part, tools)
      const earlier = components.add({ section, id, part, factory, config })
      if (earlier !== undefined) {
        const where = `${quoted(earlier.id)} on line ${earlier.part.key.line}`
        tools.faults.push({ place, path: part.path, message: `${quoted(id)} is the same component as ${where}; accepted: one definition` })
      }
    }
  }
  return components
}

function factoryFor(section: Section, id: string, part: Part, { registry, faults, incomplete }: Tools): AnyFactory | undefined {
  const report = (message: string): void => void faults.push({ place: part.key, path: part.path, message })
  if (!ID.test(id)) {
    report(`${quoted(id)} is not an id; accepted: ${ID_ACCEPTED}`)
    return undefined
  }
  const factory = registry.find(section, typeOf(id))
  if (factory === undefined && !incomplete) report(unknownType(section, typeOf(id), registry))
  return factory
}

function unknownType(section: Section, type: string, registry: Registry): string {
  const elsewhere = SECTIONS.filter((other) => registry.find(other, type) !== undefined)
  const meant = elsewhere.length === 0 ? didYouMean(type, registry.types(section)) : `; "${type}" is ${elsewhere.map(oneOf).join(' and ')}`
  const known = registry.types(section)
  return `unknown type ${quoted(type)}; ${known.length === 0 ? `there are no ${section} yet` : `accepted here: ${listed(known)}`}${meant}`
}

async function settingsOf(factory: AnyFactory, part: Part, { checker, faults }: Tools): Promise<unknown> {
  try {
    const { value, faults: found } = checker.check(part, factory.schema)
    faults.push(...found)
    if (found.length > 0) faults.push(...ownFaultsBeside(found, factory, value, part))
    else {
      const own = ownFaults(factory, value, part)
      const deep = own.length === 0 ? ((await factory.checkDeeply?.(value)) ?? []) : []
      faults.push(...own, ...placed(deep, factory, part))
    }
    return value
  } catch (error) {
    const message = `the settings of type "${factory.type}" cannot be checked: ${printable(String(error), 300)}`
    faults.push({ place: part.key, path: part.path, message })
    return undefined
  }
}

/**
 * The same where the schema has found something: what the factory says of other places, so that all mistakes are told at once. What it
 * says of the whole may only follow from the one found.
 */
function ownFaultsBeside(found: readonly Fault[], factory: AnyFactory, config: unknown, part: Part): readonly Fault[] {
  let own: readonly Fault[]
  try {
    own = ownFaults(factory, config, part)
  } catch {
    return [] // it may rely on the schema
  }
  const holds = (outer: Path, inner: Path): boolean => outer.every((step, i) => inner[i] === step)
  return own.filter(({ path }) => path.length > part.path.length && !found.some((other) => holds(path, other.path)))
}

/** What the factory itself has to say, which a schema cannot. */
function ownFaults(factory: AnyFactory, config: unknown, part: Part): readonly Fault[] {
  // The schema was checked, so this is the type that the factory declared.
  return placed(factory.check?.(config) ?? [], factory, part)
}

function placed(found: readonly ConfigFault[], factory: AnyFactory, part: Part): readonly Fault[] {
  return found.map(({ path, message }) => {
    const at = locate(part.tree, part.key, path)
    const place = path.length > 0 && at.whole ? at.tree.place : at.key
    return { place, path: [...part.path, ...path], message: printable(withoutSecret(message, at.tree, schemaAt(factory.schema, path))) }
  })
}

function schemaAt(schema: ConfigSchema, path: Path): ConfigSchema | undefined {
  let here: ConfigSchema | undefined = schema
  for (const step of path) {
    if (here?.secret === true) return here
    here = typeof step === 'number' ? here?.items : schemaOf(here, step)
  }
  return here
}

/** A factory words its own faults, and may have put the value into them: not one that is secret, nor one from the environment. */
function withoutSecret(message: string, tree: Tree, schema: ConfigSchema | undefined): string {
  if (tree.kind !== 'scalar' || (schema?.secret !== true && tree.fromEnv === undefined)) return message
  const value = tree.fromEnv ?? tree.written
  // It may be cut in the message, or have something in it escaped.
  if (value === '' || !message.includes(value.slice(0, 5))) return message
  const accepted = message.lastIndexOf('; accepted')
  return `found ${found(tree, schema)}${accepted === -1 ? ', which is not accepted' : message.slice(accepted)}`
}
