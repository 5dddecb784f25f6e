// Settings that name an extension (`auth: { authenticator: basic_auth/us }`): it must run, and be able to do what it is named for.
// load.ts calls it once every component and every extension is read.

import type { Capability, ExtensionFactory } from '../component.ts'
import { quoted } from '../printable.ts'
import type { Part } from './check.ts'
import type { Components, Defined } from './components.ts'
import { listed } from './explain.ts'
import type { Fault, Path } from './fault.ts'
import { schemaOf } from './fit.ts'
import { didYouMean } from './nearest.ts'
import type { Use } from './pipelines.ts'
import type { ConfigSchema } from './schema.ts'
import type { ScalarTree, Tree } from './tree.ts'

/** One that stands in a component's settings. */
export interface Reference {
  readonly at: ScalarTree
  readonly path: Path
  readonly capability: Capability
}

/** Settings, and the schema that they passed; undefined where their type is not known. */
interface Checked {
  readonly factory: { readonly schema: ConfigSchema } | undefined
  readonly part: Part
}

export function referenceFaults(used: Iterable<Checked>, components: Components, extensions: readonly Use[]): readonly Fault[] {
  const running = extensions.map(({ defined }) => defined)
  const faults: Fault[] = []
  for (const { factory, part } of used) {
    if (factory === undefined) continue
    // One extension that names another starts after it, and stops before it. Everything else comes after all of them.
    const place = running.findIndex((one) => one.part === part)
    const before = place < 0 ? running : running.slice(0, place)
    for (const { at, path, capability } of references(part.tree, factory.schema, part.path)) {
      const message = wrong(String(at.value), capability, components, { running, before })
      if (message !== undefined) faults.push({ place: at.place, path, message })
    }
  }
  return faults
}

/** Every extension that settings name. */
export function* references(tree: Tree, schema: ConfigSchema | undefined, path: Path): Iterable<Reference> {
  if (schema === undefined) return
  if (tree.kind === 'scalar') {
    if (schema.extension !== undefined && typeof tree.value === 'string')
      yield { at: tree, path, capability: schema.extension as Capability }
  } else if (tree.kind === 'list') {
    for (const [i, item] of tree.items.entries()) yield* references(item, schema.items, [...path, i])
  } else {
    for (const [key, { value }] of tree.entries) yield* references(value, schemaOf(schema, key), [...path, key])
  }
}

interface Order {
  /** In the order in which they start. */
  readonly running: readonly Defined[]
  /** Those that run when whoever names one is made. */
  readonly before: readonly Defined[]
}

function wrong(id: string, capability: Capability, components: Components, { running, before }: Order): string | undefined {
  const able = (defined: Defined): boolean => capabilitiesOf(defined).includes(capability)
  const defined = components.get('extensions', id)
  const candidates = [...components.in('extensions')].filter(able).map((other) => other.id)
  if (defined === undefined) {
    const choice = candidates.length === 0 ? 'none that is defined could be used here' : `usable here: ${listed(candidates)}`
    return `no extension ${quoted(id)} is defined; ${choice}${didYouMean(id, candidates)}`
  }
  // Its own mistake is told where it stands.
  if (defined.factory === undefined) return undefined
  if (!able(defined)) {
    const choice = candidates.length === 0 ? '' : `; usable here: ${listed(candidates)}`
    return `the extension ${quoted(id)} ${CANNOT[capability] ?? `cannot serve as ${capability}`}${choice}`
  }
  if (before.includes(defined)) return undefined
  if (!running.includes(defined)) return `the extension ${quoted(id)} is not listed in service.extensions; add it there`
  return `the extension ${quoted(id)} has to stand before this one in service.extensions`
}

const CANNOT: Readonly<Partial<Record<Capability, string>>> = {
  anomaly_model: 'scores nothing',
  audit: 'keeps no audit log',
  client_auth: 'cannot authenticate what is sent, as it is configured',
  server_auth: 'cannot authenticate senders, as it is configured',
  storage: 'keeps nothing on disk',
}

function capabilitiesOf({ factory, config }: Defined): readonly Capability[] {
  try {
    return (factory as ExtensionFactory | undefined)?.provides?.(config) ?? []
  } catch {
    return [] // its configuration is wrong, which is a fault already
  }
}
