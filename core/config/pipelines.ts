// service.pipelines and service.extensions: every reference resolved, and whether what is wired together fits. load.ts calls it.

import type { Signal } from '../batch.ts'
import type { ConnectorFactory } from '../component.ts'
import { quoted } from '../printable.ts'
import { ID, ID_ACCEPTED, type Components, type Defined, type Tools } from './components.ts'
import { listed, unknownKey } from './explain.ts'
import type { Fault, Path, Place } from './fault.ts'
import { didYouMean } from './nearest.ts'
import { oneOf, SECTIONS, typeOf, type Section } from './registry.ts'
import { asMap, type MapTree, type Tree } from './tree.ts'

const SIGNALS: readonly Signal[] = ['traces', 'metrics', 'logs']
export type Role = 'receivers' | 'processors' | 'exporters'
const ROLES: readonly Role[] = ['receivers', 'processors', 'exporters']

/** A place in a pipeline, and the component that stands there. */
export interface Use {
  readonly place: Place
  readonly path: Path
  readonly defined: Defined
}
export interface Pipeline extends Readonly<Record<Role, readonly Use[]>> {
  readonly id: string
  readonly signal: Signal
  readonly place: Place
}

export function readPipelines(root: MapTree, components: Components, tools: Tools): readonly Pipeline[] {
  const map = entryOf(entryOf(root, 'service'), 'pipelines')
  const pipelines: Pipeline[] = []
  for (const [id, { place, value }] of map?.entries ?? []) {
    const path = ['service', 'pipelines', id]
    const signal = SIGNALS.find((known) => known === typeOf(id))
    if (signal === undefined || !ID.test(id)) {
      const message =
        signal === undefined ? unknownKey(typeOf(id), SIGNALS, 'signal') : `${quoted(id)} is not an id; accepted: ${ID_ACCEPTED}`
      tools.faults.push({ place, path, message })
      continue
    }
    const read = (role: Role): readonly Use[] => {
      const list = asMap(value)?.entries.get(role)?.value
      return readReferences(list, [...path, role], role === 'processors' ? [role] : [role, 'connectors'], components, tools)
    }
    const pipeline = { id, signal, place, receivers: read('receivers'), processors: read('processors'), exporters: read('exporters') }
    tools.faults.push(...ROLES.flatMap((role) => pipeline[role].flatMap((use) => signalFaults(use, role, signal))))
    pipelines.push(pipeline)
  }
  return pipelines
}

export function readExtensions(root: MapTree, components: Components, tools: Tools): readonly Use[] {
  const list = entryOf(root, 'service')?.entries.get('extensions')?.value
  return readReferences(list, ['service', 'extensions'], ['extensions'], components, tools)
}

function entryOf(map: MapTree | undefined, key: string): MapTree | undefined {
  const entry = map?.entries.get(key)
  return entry === undefined ? undefined : asMap(entry.value)
}

/** A list of ids, looked up in `sections`. What is not a list of text is a fault of the schema already. */
function readReferences(
  list: Tree | undefined,
  path: Path,
  sections: readonly Section[],
  components: Components,
  tools: Tools,
): readonly Use[] {
  const uses: Use[] = []
  const seen = new Set<Defined>()
  if (list?.kind !== 'list') return uses
  for (const [index, item] of list.items.entries()) {
    if (item.kind !== 'scalar' || typeof item.value !== 'string') continue
    const at = { place: item.place, path: [...path, index] }
    const defined = sections.map((section) => components.get(section, item.value as string)).find((one) => one !== undefined)
    if (defined === undefined) tools.faults.push({ ...at, message: notDefined(item.value, sections, components, tools) })
    else if (seen.has(defined))
      tools.faults.push({ ...at, message: `${quoted(item.value)} stands in this list twice; accepted: each id once` })
    else {
      seen.add(defined)
      uses.push({ ...at, defined })
    }
  }
  return uses
}

function notDefined(id: string, sections: readonly Section[], components: Components, { registry }: Tools): string {
  const [section] = sections as readonly [Section]
  const elsewhere = SECTIONS.find((other) => components.get(other, id) !== undefined)
  if (elsewhere !== undefined) return `${quoted(id)} is ${oneOf(elsewhere)}; accepted here: the id of ${sections.map(oneOf).join(' or ')}`
  const defined = sections.length === 1 ? components.ids(section) : sections.flatMap((one) => components.ids(one))
  const meant = didYouMean(id, defined)
  const known = sections.find((one) => registry.find(one, typeOf(id)) !== undefined)
  const remedy = meant === '' && known !== undefined && ID.test(id) ? `; to use it, add "${id}:" under "${known}"` : meant
  const choice = defined.length === 0 ? `there are no ${section}` : `defined are: ${listed(defined)}`
  return `no ${section.slice(0, -1)} ${quoted(id)} is defined; ${choice}${remedy}`
}

function signalFaults({ defined, place, path }: Use, role: Role, signal: Signal): readonly Fault[] {
  const { factory, section, id } = defined
  if (factory === undefined || section === 'extensions') return []
  const accepted = section === 'connectors' ? connectorSignals(factory as ConnectorFactory, role) : factory.signals
  if (accepted.includes(signal)) return []
  const verb = role === 'receivers' ? 'give' : 'take'
  const ability = accepted.length === 0 ? 'no signal' : listed(accepted)
  return [{ place, path, message: `${quoted(id)} cannot ${verb} ${signal}; type "${factory.type}" ${verb}s ${ability}` }]
}

function connectorSignals({ routes }: ConnectorFactory, role: Role): readonly Signal[] {
  return role === 'receivers' ? [...new Set(Object.values(routes).flat())] : (Object.keys(routes) as readonly Signal[])
}
