// What is known of an execution from its parts so far: its log records and measurements need it, and a list of open executions shows it.

import type { Fault } from './json.ts'
import type { Message } from './message.ts'
import { MergedAttributes, eachAttribute } from './merged-fields.ts'
import { type Part, type Threshold, readPart } from './part.ts'
import { PieceWriter } from './piece-writer.ts'

export interface Execution {
  /** A start is among its parts. */
  readonly started: boolean
  /** Nanoseconds since 1970: of its start, or else of the first that was heard of it. */
  readonly startTime: bigint
  /** Of what was heard last. */
  readonly lastTime: bigint
  readonly service: string
  readonly operation: string
  /** The word that was last said for how it goes. */
  readonly status: string
  /** The body of its Resource: fields of opentelemetry-proto's message. */
  readonly resource: Uint8Array
  readonly thresholds: readonly Threshold[]
  /** Names of the thresholds past which it is now. */
  readonly crossed: ReadonlySet<string>
}

const EMPTY = new Uint8Array(0)
/** An execution of which nothing is known. */
export const UNKNOWN: Execution = {
  started: false,
  startTime: 0n,
  lastTime: 0n,
  service: '',
  operation: '',
  status: '',
  resource: EMPTY,
  thresholds: [],
  crossed: new Set(),
}

/** From the parts of it that are kept, in the order in which they came. */
export function executionOf(parts: readonly Uint8Array[]): Execution {
  if (parts.length === 0) return UNKNOWN
  const read = inOrder(parts)
  let [service, operation, status] = ['', '', '']
  const thresholds = new Map<string, Threshold>()
  const crossed = new Set<string>()
  for (const part of read) {
    if (part.service !== '') service = part.service
    if (part.operation !== '') operation = part.operation
    if (part.status !== '') status = part.status
    for (const threshold of part.thresholds) thresholds.set(keyOf(threshold), threshold)
    for (const name of part.back) crossed.delete(name)
    for (const name of part.crossed) crossed.add(name)
  }
  const start = read.find(({ kind }) => kind === 'start') ?? read[0]!
  return {
    started: start.kind === 'start',
    startTime: start.time,
    lastTime: read.at(-1)!.time,
    service,
    operation,
    status,
    resource: resourceOf(read).bytes,
    thresholds: [...thresholds.values()],
    crossed,
  }
}

/** Why the message cannot be of this execution: it would end before it began. */
export function reversedIn(message: Message, { started, startTime }: Execution): Fault | undefined {
  if (message.kind !== 'finish' || !started || message.time >= startTime) return undefined
  return { path: message.timePath, message: 'is before the start of the execution' }
}

/** By which crossings are remembered. */
export function keyOf({ name, below, target }: Threshold): string {
  return `${target ? 'target' : 'alert'} ${below ? '<' : '>'} ${name}`
}

/** The parts, read, in the order of their times; those of one time in the order in which they came. */
export function inOrder(parts: readonly Uint8Array[]): readonly Part[] {
  const read = parts.map((part) => readPart(part))
  return read.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
}

const SERVICE_NAME = Buffer.from('service.name')
const SERVICE_VERSION = Buffer.from('service.version')
const attributes = new MergedAttributes()
const out = new PieceWriter(4096)

export interface MergedResource {
  readonly bytes: Buffer
  /** What of `service_name` and `service_version` it has no place for, because it says them itself. */
  readonly service: string
  readonly serviceVersion: string
}

/** Of all the parts: the later one wins, and a `service_name` is what it is called where it has no name itself. */
export function resourceOf(
  parts: readonly Pick<Part, 'resource' | 'service' | 'serviceVersion'>[],
  replaced: (source: Uint8Array, field: number, end: number) => void = () => {},
): MergedResource {
  attributes.clear()
  out.at = 0
  let [service, serviceVersion] = ['', '']
  for (const part of parts) {
    if (part.service !== '') service = part.service
    if (part.serviceVersion !== '') serviceVersion = part.serviceVersion
    eachAttribute(part.resource, 0x0a, (field, start, end) => attributes.add(part.resource, field, start, end, replaced))
  }
  attributes.each((source, field, end) => out.raw(source, field, end))
  const named = attributes.has(SERVICE_NAME)
  const versioned = attributes.has(SERVICE_VERSION)
  if (service !== '' && !named) out.attribute(0x0a, '', 'service.name', service)
  if (serviceVersion !== '' && !versioned) out.attribute(0x0a, '', 'service.version', serviceVersion)
  return { bytes: out.take(), service: named ? service : '', serviceVersion: versioned ? serviceVersion : '' }
}
