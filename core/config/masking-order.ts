// What is masked must not lie on a disk before: whatever writes down what it holds, and stands before a processor that masks, needs a storage
// that encrypts; also where connectors lie between the two. load.ts calls it.

import type { ConnectorFactory, ExtensionFactory, ProcessorFactory } from '../component.ts'
import { quoted } from '../printable.ts'
import type { Components, Defined } from './components.ts'
import type { Fault } from './fault.ts'
import type { Pipeline, Use } from './pipelines.ts'
import { references } from './references.ts'

export function maskingOrderFaults(pipelines: readonly Pipeline[], components: Components): readonly Fault[] {
  const told = new Set<Use>()
  const faults: Fault[] = []
  for (const pipeline of pipelines) {
    const at = firstMasking(pipeline)
    if (at < 0) continue
    const masking = pipeline.processors[at]!.defined
    for (const { use, within } of usesBefore(pipeline, at, pipelines, new Set())) {
      if (told.has(use)) continue
      const found = faultsOf(use, within === pipeline ? '' : ` of pipeline ${quoted(pipeline.id)}`, masking, components)
      if (found.length > 0) told.add(use)
      faults.push(...found)
    }
  }
  return faults
}

function firstMasking({ processors }: Pipeline): number {
  return processors.findIndex(({ defined }) => (defined.factory as ProcessorFactory | undefined)?.masks === true)
}

/** A component, and the pipeline in whose list it stands. */
interface Before {
  readonly use: Use
  readonly within: Pipeline
}

/** What telemetry that nobody has masked goes through before it comes to this processor, through connectors too. */
function* usesBefore(within: Pipeline, processor: number, pipelines: readonly Pipeline[], seen: Set<Pipeline>): Iterable<Before> {
  seen.add(within)
  const unmasked = within.receivers.filter((use) => givesUnmasked(use, within, pipelines, new Set()))
  if (unmasked.length === 0) return
  for (const use of [...unmasked, ...within.processors.slice(0, processor)]) yield { use, within }
  for (const { defined } of unmasked)
    for (const from of pipelines)
      if (!seen.has(from) && firstMasking(from) < 0 && leadsTo(from, defined, within))
        yield* usesBefore(from, from.processors.length, pipelines, seen)
}

/** A receiver does; a connector where it gets it from a pipeline that does not mask it, and did not get it masked. */
function givesUnmasked({ defined }: Use, to: Pipeline, pipelines: readonly Pipeline[], seen: Set<Pipeline>): boolean {
  if (defined.section !== 'connectors') return true
  return pipelines.some((from) => {
    if (seen.has(from) || firstMasking(from) >= 0 || !leadsTo(from, defined, to)) return false
    seen.add(from)
    return from.receivers.some((use) => givesUnmasked(use, from, pipelines, seen))
  })
}

function leadsTo(from: Pipeline, connector: Defined, to: Pipeline): boolean {
  if (connector.section !== 'connectors' || !from.exporters.some(({ defined }) => defined === connector)) return false
  return (connector.factory as ConnectorFactory | undefined)?.routes[from.signal]?.includes(to.signal) === true
}

function faultsOf({ defined, place, path }: Use, where: string, masking: Defined, components: Components): readonly Fault[] {
  const { factory, part } = defined
  if (factory === undefined) return []
  return [...references(part.tree, factory.schema, part.path)].flatMap(({ at, capability }) => {
    const storage = capability === 'storage' ? components.get('extensions', String(at.value)) : undefined
    if (storage?.factory === undefined || isEncrypted(storage)) return []
    const message = `${quoted(defined.id)} stands before ${quoted(masking.id)}${where} and writes to ${quoted(storage.id)} what is not masked yet; set encryption_key there, or put ${quoted(masking.id)} first`
    return [{ place, path, message }]
  })
}

function isEncrypted({ factory, config }: Defined): boolean {
  return (factory as ExtensionFactory).encrypts?.(config) === true
}
