// Whether connectors connect: each needs a pipeline that ends in it and one that begins with it, and pipelines must not feed each other
// in a circle. load.ts calls it once every reference is resolved.

import type { Signal } from '../batch.ts'
import type { ConnectorFactory } from '../component.ts'
import { printable, quoted } from '../printable.ts'
import type { Components, Defined } from './components.ts'
import type { Fault } from './fault.ts'
import type { Pipeline, Use } from './pipelines.ts'

/** More loops than these come from the same few lines. */
const MAX_LOOPS = 10

interface Place extends Use {
  readonly pipeline: Pipeline
}
interface Places {
  readonly exporters: readonly Place[]
  readonly receivers: readonly Place[]
}
type PlacesOf = ReadonlyMap<Defined, Places>

export function connectorFaults(pipelines: readonly Pipeline[], components: Components): readonly Fault[] {
  const places = findPlaces(pipelines)
  return [...ambiguous(components), ...[...places].flatMap(([connector, at]) => halfUsed(connector, at)), ...loops(pipelines, places)]
}

/** In a pipeline's list, one id must mean one component. */
function ambiguous(components: Components): readonly Fault[] {
  const faults: Fault[] = []
  for (const { id, part } of components.in('connectors')) {
    const other = components.get('receivers', id) ?? components.get('exporters', id)
    if (other === undefined) continue
    const message = `${quoted(id)} is a ${other.section.slice(0, -1)} too (line ${other.part.key.line}); accepted: an id of its own, such as "${printable(id)}/2"`
    faults.push({ place: part.key, path: part.path, message })
  }
  return faults
}

function findPlaces(pipelines: readonly Pipeline[]): PlacesOf {
  const found = new Map<Defined, { exporters: Place[]; receivers: Place[] }>()
  const add = (role: 'exporters' | 'receivers', pipeline: Pipeline): void => {
    for (const use of pipeline[role]) {
      if (use.defined.section !== 'connectors') continue
      const at = found.get(use.defined) ?? { exporters: [], receivers: [] }
      found.set(use.defined, at)
      at[role].push({ ...use, pipeline })
    }
  }
  for (const pipeline of pipelines) {
    add('exporters', pipeline)
    add('receivers', pipeline)
  }
  return found
}

function routesOf(connector: Defined): ConnectorFactory['routes'] {
  return (connector.factory as ConnectorFactory | undefined)?.routes ?? {}
}

function halfUsed(connector: Defined, { exporters, receivers }: Places): readonly Fault[] {
  if (connector.factory === undefined) return []
  const [into, outOf] = [signalsAt(exporters), signalsAt(receivers)]
  const routes = routesOf(connector)
  const faults: Fault[] = []
  for (const { place, path, pipeline } of exporters) {
    const onward = routes[pipeline.signal]
    if (onward === undefined || onward.some((signal) => outOf.has(signal))) continue
    const message = `what ends in the connector ${quoted(connector.id)} goes nowhere; it needs a ${onward.join(' or ')} pipeline that names it under "receivers"`
    faults.push({ place, path, message })
  }
  for (const { place, path, pipeline } of receivers) {
    const sources = signalsInto(routes, pipeline.signal)
    if (sources.length === 0 || sources.some((signal) => into.has(signal))) continue
    const message = `nothing comes from the connector ${quoted(connector.id)}; it needs a ${sources.join(' or ')} pipeline that names it under "exporters"`
    faults.push({ place, path, message })
  }
  return faults
}

function signalsAt(places: readonly Place[]): ReadonlySet<Signal> {
  return new Set(places.map(({ pipeline }) => pipeline.signal))
}

function signalsInto(routes: ConnectorFactory['routes'], out: Signal): readonly Signal[] {
  return (Object.keys(routes) as Signal[]).filter((signal) => routes[signal]?.includes(out))
}

/** A pipeline, or a connector as one signal enters it: so the graph has as many edges as the file has references, and no more. */
type Vertex =
  | { readonly name: string; readonly pipeline: Pipeline; next(): readonly Vertex[] }
  | { readonly name: string; readonly connector: Defined; next(): readonly Vertex[] }

function loops(pipelines: readonly Pipeline[], places: PlacesOf): readonly Fault[] {
  const start = graph(pipelines, places)
  const done = new Set<Vertex>()
  const faults: Fault[] = []
  for (const root of start) {
    const path: { readonly vertex: Vertex; readonly rest: Vertex[] }[] = []
    const onPath = new Set<Vertex>()
    const enter = (vertex: Vertex): void => {
      path.push({ vertex, rest: vertex.next().toReversed() })
      onPath.add(vertex)
    }
    if (!done.has(root)) enter(root)
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.rest.pop()
      if (next === undefined) {
        path.pop()
        onPath.delete(top.vertex)
        done.add(top.vertex)
      } else if (onPath.has(next) && faults.length < MAX_LOOPS) {
        faults.push(loopFault(path.map(({ vertex }) => vertex).slice(path.findIndex(({ vertex }) => vertex === next))))
      } else if (!done.has(next) && !onPath.has(next)) enter(next)
    }
  }
  return faults
}

function graph(pipelines: readonly Pipeline[], places: PlacesOf): readonly Vertex[] {
  const vertices = new Map<Pipeline, Vertex>()
  const entrances = new Map<string, Vertex>()
  const entrance = (connector: Defined, signal: Signal): Vertex => {
    const out = routesOf(connector)[signal] ?? []
    const key = `${connector.id} ${signal}`
    const next = (): readonly Vertex[] =>
      (places.get(connector)?.receivers ?? [])
        .filter(({ pipeline }) => out.includes(pipeline.signal))
        .map(({ pipeline }) => vertices.get(pipeline)!)
    const vertex = entrances.get(key) ?? { name: connector.id, connector, next }
    entrances.set(key, vertex)
    return vertex
  }
  for (const pipeline of pipelines) {
    const ends = pipeline.exporters.filter(({ defined }) => defined.section === 'connectors')
    vertices.set(pipeline, { name: pipeline.id, pipeline, next: () => ends.map(({ defined }) => entrance(defined, pipeline.signal)) })
  }
  return [...vertices.values()]
}

function loopFault(loop: readonly Vertex[]): Fault {
  // It may have been entered at a connector; a reader starts at a pipeline.
  const first = loop.findIndex((vertex) => 'pipeline' in vertex)
  const [start, connector, ...rest] = [...loop.slice(first), ...loop.slice(0, first)] as [Vertex, Vertex, ...Vertex[]]
  const drawn = [start, connector, ...rest, start].map(({ name }) => printable(name, 60)).join(' → ')
  const { place, path } = useOf(start, connector)
  return { place, path, message: `these pipelines feed each other in a circle: ${drawn}; take one connector out of it` }
}

function useOf(start: Vertex, end: Vertex): Use {
  if (!('pipeline' in start) || !('connector' in end)) throw new Error('a loop alternates between pipelines and connectors')
  return start.pipeline.exporters.find(({ defined }) => defined === end.connector)!
}
