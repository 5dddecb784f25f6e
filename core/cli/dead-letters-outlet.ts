// One exporter of a configuration, running alone, with the extensions that it leans on: no receiver, no queue, nothing that another process
// may have. dead-letters-replay.ts starts it.

import type { Signal } from '../batch.ts'
import { systemClock } from '../clock.ts'
import type { Capability, Consumer, ExporterFactory, ExtensionFactory, ReceiverFactory } from '../component.ts'
import { schemaOf } from '../config/fit.ts'
import type { ConfigSchema } from '../config/schema.ts'
import type { Configured, ServiceConfig } from '../config/service.ts'
import { PermanentError } from '../errors.ts'
import { startService } from '../pipeline/service.ts'
import { MemoryMeter } from '../telemetry/meter.ts'
import type { Log } from '../telemetry/log.ts'

export interface Outlet extends Consumer {
  stop(): Promise<void>
}

const OWN_ID = 'replay'
/** After the last letter was answered there is nothing to wait for, in milliseconds. */
const STOP_MS = 2000

export async function startOutlet(config: ServiceConfig, exporterId: string, log: Log): Promise<Outlet> {
  const exporter = withoutQueue(config.exporters.get(exporterId)!)
  let next: Readonly<Partial<Record<Signal, Consumer>>> = {}
  const mouth: ReceiverFactory = {
    type: OWN_ID,
    signals: exporter.factory.signals,
    stability: 'stable',
    schema: {},
    async create(_config, given) {
      next = given
      return { start: async () => {}, stop: async () => {} }
    },
  }
  const meter = new MemoryMeter()
  // Nothing of it may open a storage: that of the program that runs is locked.
  const { deadLetters: _, ...rest } = config
  const alone: ServiceConfig = {
    ...rest,
    receivers: new Map([[OWN_ID, { id: OWN_ID, factory: mouth, config: {} }]]),
    processors: new Map(),
    connectors: new Map(),
    exporters: new Map([[exporterId, exporter]]),
    extensions: leanedOn(config, exporter),
    pipelines: exporter.factory.signals.map((signal) => ({
      id: `${signal}/${OWN_ID}`,
      signal,
      receivers: [OWN_ID],
      processors: [],
      exporters: [exporterId],
    })),
    drainTimeoutMs: STOP_MS,
  }
  const service = await startService(alone, { log, meter: (own) => meter.scoped(own), clock: systemClock })
  return {
    consume(batch, deadlineMs) {
      const way = next[batch.signal]
      if (way === undefined) return Promise.reject(new PermanentError(`${exporterId} takes no ${batch.signal}`))
      return way.consume(batch, deadlineMs)
    },
    stop: async () => void (await service.stop()),
  }
}

/** The answer is the destination's; and the folder of a queue on disk belongs to the program that runs. */
function withoutQueue({ id, factory, config }: Configured<ExporterFactory>): Configured<ExporterFactory> {
  const { sending_queue: queue, ...rest } = config as { readonly sending_queue?: object }
  return { id, factory, config: queue === undefined ? config : { ...rest, sending_queue: { ...queue, enabled: false } } }
}

/** In the order in which the configuration starts them. What keeps something on disk or listens is left out unless somebody here leans on it. */
function leanedOn(config: ServiceConfig, exporter: Configured<ExporterFactory>): ServiceConfig['extensions'] {
  const needed = new Set<string>()
  const add = ({ factory, config: settings }: Configured<ExporterFactory | ExtensionFactory>): void => {
    for (const id of referencesIn(settings, factory.schema)) {
      const extension = [...config.extensions.values()].find((one) => spellingsOf(one).includes(id))
      if (extension === undefined || needed.has(extension.id)) continue
      needed.add(extension.id)
      add(extension)
    }
  }
  add(exporter)
  return new Map([...config.extensions].filter(([id]) => needed.has(id)))
}

function spellingsOf({ id, factory: { type, aliases = [] } }: Configured<ExtensionFactory>): readonly string[] {
  const slash = id.indexOf('/')
  const name = slash < 0 ? '' : id.slice(slash)
  return [type, ...aliases].map((spelling) => `${spelling}${name}`)
}

/** Of a queue that is off nothing is needed. */
function* referencesIn(value: unknown, schema: ConfigSchema | undefined): Iterable<string> {
  if (schema === undefined) return
  if (typeof value === 'string' && schema.extension !== undefined && (schema.extension as Capability) !== 'storage') yield value
  if (Array.isArray(value)) for (const item of value) yield* referencesIn(item, schema.items)
  else if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value)) yield* referencesIn(inner, schemaOf(schema, key))
}
