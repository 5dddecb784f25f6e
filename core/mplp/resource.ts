// The resource of an execution, of those that its parts brought: execution.ts and span.ts ask.

import { MergedAttributes } from './merged-attributes.ts'
import { eachField } from './fields.ts'
import type { Part } from './part.ts'
import { PieceWriter } from './piece-writer.ts'

export interface MergedResource {
  /** Its body. */
  readonly bytes: Buffer
  /** What of a `service_name` and a `service_version` it has no place for, because it says them itself. */
  readonly service: string
  readonly serviceVersion: string
}

type Brought = Pick<Part, 'kind' | 'resource' | 'service' | 'serviceVersion'>

const SERVICE_NAME = Buffer.from('service.name')
const SERVICE_VERSION = Buffer.from('service.version')
const attributes = new MergedAttributes()
const out = new PieceWriter(4096)

/**
 * Of all the parts: the later one wins, and a `service_name` is what it is called where it has no name itself. A start has put its own in its place
 * already. `replaced` gets what a later part says otherwise.
 */
export function resourceOf(
  parts: readonly Brought[],
  replaced: (source: Buffer, field: number, end: number) => void = () => {},
): MergedResource {
  const saying = parts.filter(({ kind, resource, service, serviceVersion }) => {
    return resource.length > 0 || (kind !== 'start' && (service !== '' || serviceVersion !== ''))
  })
  const [only] = saying
  if (saying.length === 1 && only?.kind === 'start') return { bytes: only.resource, service: '', serviceVersion: '' }
  return merged(saying, replaced)
}

function merged(parts: readonly Brought[], replaced: (source: Buffer, field: number, end: number) => void): MergedResource {
  attributes.clear()
  out.at = 0
  let [service, serviceVersion] = ['', '']
  for (const { kind, resource, ...said } of parts) {
    if (kind !== 'start' && said.service !== '') service = said.service
    if (kind !== 'start' && said.serviceVersion !== '') serviceVersion = said.serviceVersion
    eachField(resource, 0, resource.length, (_tag, start, end, field) => attributes.add(resource, field, start, end, replaced))
  }
  attributes.write(out)
  const named = attributes.has(SERVICE_NAME)
  const versioned = attributes.has(SERVICE_VERSION)
  if (service !== '' && !named) out.attribute(0x0a, '', 'service.name', service)
  if (serviceVersion !== '' && !versioned) out.attribute(0x0a, '', 'service.version', serviceVersion)
  return { bytes: out.take(), service: named ? service : '', serviceVersion: versioned ? serviceVersion : '' }
}
