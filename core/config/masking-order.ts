// What is masked must not lie on a disk before: a processor that writes down what it holds, and stands before one that masks, needs a storage
// that encrypts. load.ts calls it.

import type { ExtensionFactory, ProcessorFactory } from '../component.ts'
import { quoted } from '../printable.ts'
import type { Components, Defined } from './components.ts'
import type { Fault } from './fault.ts'
import type { Pipeline, Use } from './pipelines.ts'
import { references } from './references.ts'

export function maskingOrderFaults(pipelines: readonly Pipeline[], components: Components): readonly Fault[] {
  return pipelines.flatMap(({ receivers, processors }) => {
    const masking = processors.findIndex(({ defined }) => (defined.factory as ProcessorFactory | undefined)?.masks === true)
    if (masking < 0) return []
    return [...receivers, ...processors.slice(0, masking)].flatMap((use) => faultsOf(use, processors[masking]!.defined, components))
  })
}

function faultsOf({ defined, place, path }: Use, masking: Defined, components: Components): readonly Fault[] {
  const { factory, part } = defined
  if (factory === undefined) return []
  return [...references(part.tree, factory.schema, part.path)].flatMap(({ at, capability }) => {
    const storage = capability === 'storage' ? components.get('extensions', String(at.value)) : undefined
    if (storage?.factory === undefined || isEncrypted(storage)) return []
    const message = `${quoted(defined.id)} stands before ${quoted(masking.id)} and writes to ${quoted(storage.id)} what is not masked yet; set encryption_key there, or put ${quoted(masking.id)} first`
    return [{ place, path, message }]
  })
}

function isEncrypted({ factory, config }: Defined): boolean {
  return (factory as ExtensionFactory).encrypts?.(config) === true
}
