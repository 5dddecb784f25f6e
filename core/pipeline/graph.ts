// Builds the components of a configuration and wires them, from the exporters up: whoever is created can be handed what comes after it.
// The order of creation is the order of starting; read backwards it is the order of stopping.

import type { Signal } from '../batch.ts'
import type {
  Capabilities,
  Capability,
  Connector,
  Consumer,
  Exporter,
  Extension,
  ExtensionFactory,
  Factory,
  Settings,
  StorageProvider,
} from '../component.ts'
import type { Configured, PipelineConfig, ServiceConfig } from '../config/service.ts'
import type { ConfigOf, ConfigSchema } from '../config/schema.ts'
import { type Ledger, type PipelineAccount } from '../ledger.ts'
import { Edge, type Flow, ProcessorEdge, type ProcessorEdges, ReceiverEdge } from './edge.ts'
import { Entry } from './entry.ts'
import { type Branch, FanOut } from './fan-out.ts'
import { preparing } from './preparing.ts'
import { Queues } from './queues.ts'
import type { Member, Wiring } from './wiring.ts'

/** What a component does not survive, with its name in front: `receivers.otlp: …`. */
export class ComponentError extends Error {
  override readonly name = 'ComponentError'
  readonly component: string

  constructor(component: string, cause: unknown) {
    super(`${component}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.component = component
  }
}

export interface Graph {
  /** In the order in which they start. */
  readonly members: readonly Member[]
  readonly flow: Flow
}

export function buildGraph(config: ServiceConfig, wiring: Wiring): Promise<Graph> {
  return new GraphBuilder(config, wiring).build()
}

class GraphBuilder {
  readonly #config: ServiceConfig
  readonly #wiring: Wiring
  readonly #members: Member[] = []
  readonly #receiverEdges: ReceiverEdge[] = []
  readonly #processorEdges: ProcessorEdges[] = []
  /** By id in every spelling: a reference may be written otherwise than the definition. */
  readonly #extensions = new Map<string, Extension>()
  readonly #exporters = new Map<string, Consumer>()
  /** Exporters that do something to a batch before their queue has it. */
  readonly #preparers = new Map<string, Exporter>()
  readonly #queues: Queues
  readonly #connectors = new Map<string, Connector>()
  readonly #entries = new Map<string, Consumer>()
  /** Pipelines that are being built, to end a cycle that validation should have found. */
  readonly #building: string[] = []

  constructor(config: ServiceConfig, wiring: Wiring) {
    this.#config = config
    this.#wiring = wiring
    // The loader has asked the factories: they provide what they are named for.
    const storage = (id: string): StorageProvider => this.#extensions.get(id) as StorageProvider
    this.#queues = new Queues({ wiring, members: this.#members, storage, deadLetters: config.deadLetters })
  }

  async build(): Promise<Graph> {
    const config = this.#config
    for (const extension of config.extensions.values()) await this.#extension(extension)
    for (const pipeline of config.pipelines) await this.#entryOf(pipeline)
    for (const receiver of config.receivers.values())
      await this.#create('receivers', receiver, async ({ factory, id }) =>
        factory.create(
          configOf(receiver),
          this.#counted(id, await this.#nextOf(id)),
          this.#settings('receiver', receiver, atDoor(this.#wiring.ledger, id)),
        ),
      )
    return { members: this.#members, flow: { receivers: this.#receiverEdges, processors: this.#processorEdges, queues: this.#queues.all } }
  }

  /** One extension may name another, which then has to stand before it in `service.extensions`. */
  async #extension(extension: Configured<ExtensionFactory>): Promise<void> {
    const settings = this.#settings('extension', extension, atDoor(this.#wiring.ledger, extension.id))
    const made = await this.#create('extensions', extension, ({ factory }) =>
      factory.create(configOf(extension), this.#wiring.service, settings),
    )
    const { type, aliases = [] } = extension.factory
    const slash = extension.id.indexOf('/')
    const name = slash < 0 ? '' : extension.id.slice(slash)
    for (const spelling of [type, ...aliases]) this.#extensions.set(`${spelling}${name}`, made)
  }

  async #create<F, C extends object>(kind: string, configured: Configured<F>, make: (configured: Configured<F>) => Promise<C>): Promise<C> {
    const name = `${kind}.${configured.id}`
    try {
      const component = await make(configured)
      this.#members.push({ name, component })
      return component
    } catch (cause) {
      throw cause instanceof ComponentError ? cause : new ComponentError(name, cause)
    }
  }

  /** `place` tells apart what has the same id: each pipeline's own processor. */
  #settings(kind: string, configured: Configured<Factory>, drop: Settings['drop'], place = ''): Settings {
    const { log, meter, clock } = this.#wiring
    const { id } = configured
    const extension = <C extends Capability>(capability: C, wanted: string): Capabilities[C] => {
      const found = this.#extensions.get(wanted)
      if (found === undefined) throw new Error(`there is no extension ${wanted} for ${capability} yet`)
      return found as Capabilities[C] // its factory says that it provides this, and the loader has asked it
    }
    return {
      id,
      log: log(id),
      meter: meter({ [kind]: id }),
      clock,
      drop,
      extension,
      ...storageOf(configured, { extension }, `${kind}.${id}${place}`),
    }
  }

  /** For each signal that some pipeline takes from this receiver or connector: the way into those pipelines. */
  async #nextOf(id: string): Promise<Partial<Record<Signal, Consumer>>> {
    const next: Partial<Record<Signal, Consumer>> = {}
    for (const signal of ['traces', 'metrics', 'logs'] as const) {
      const fed = this.#config.pipelines.filter((pipeline) => pipeline.signal === signal && pipeline.receivers.includes(id))
      const branches: Branch[] = []
      for (const pipeline of fed) branches.push({ id: pipeline.id, consumer: await this.#entryOf(pipeline) })
      if (branches.length === 1) next[signal] = branches[0]!.consumer
      else if (branches.length > 1) next[signal] = new FanOut(branches, this.#wiring.log(id))
    }
    return next
  }

  #counted(receiver: string, next: Partial<Record<Signal, Consumer>>): Partial<Record<Signal, Consumer>> {
    const counted: Partial<Record<Signal, Consumer>> = {}
    for (const [signal, consumer] of Object.entries(next) as [Signal, Consumer][]) {
      const edge = new ReceiverEdge(receiver, signal, consumer)
      this.#receiverEdges.push(edge)
      counted[signal] = this.#wiring.tracer?.received(receiver, signal, edge) ?? edge
    }
    return counted
  }

  async #entryOf(pipeline: PipelineConfig): Promise<Consumer> {
    const built = this.#entries.get(pipeline.id)
    if (built !== undefined) return built
    if (this.#building.includes(pipeline.id))
      throw new Error(`pipelines feed each other in a circle: ${[...this.#building, pipeline.id].join(' -> ')}`)
    this.#building.push(pipeline.id)
    const account = this.#wiring.ledger.pipeline(pipeline.id, pipeline.exporters)
    let next: Consumer = await this.#destinationsOf(pipeline, account)
    for (const id of pipeline.processors.toReversed()) {
      const outgoing: Edge = next instanceof Edge ? next : new Edge(next)
      const incoming = new ProcessorEdge(await this.#processor(id, pipeline, outgoing, account), account)
      this.#processorEdges.push({ processor: id, signal: pipeline.signal, incoming, outgoing })
      next = incoming
    }
    const entry = new Entry(next, account)
    this.#building.pop()
    this.#entries.set(pipeline.id, entry)
    return entry
  }

  async #destinationsOf(pipeline: PipelineConfig, account: PipelineAccount): Promise<FanOut> {
    const branches: Branch[] = []
    for (const id of pipeline.exporters) {
      const consumer = await this.#destination(id)
      const own = account.destination(id)
      // A queue answers before the destination has the items, so it keeps the account itself.
      const queue = this.#queues.all.get(id)
      const exporter = this.#preparers.get(id)
      const prepared = (next: Consumer): Consumer => (exporter === undefined ? next : preparing(exporter, next))
      if (queue !== undefined) branches.push({ id, consumer: prepared(queue.door(own)) })
      else
        branches.push({
          id,
          consumer: prepared(consumer),
          account: own,
          deadLetters: this.#config.exporters.has(id) ? this.#queues.deadLetters() : undefined,
        })
    }
    return new FanOut(branches, this.#wiring.log(pipeline.id))
  }

  /** Exporters and connectors are shared: one instance, however many pipelines end there. */
  async #destination(id: string): Promise<Consumer> {
    const connector = this.#config.connectors.get(id)
    const drop = atDoor(this.#wiring.ledger, id)
    if (connector !== undefined) {
      const settings = this.#settings('connector', connector, drop)
      const built =
        this.#connectors.get(id) ??
        (await this.#create('connectors', connector, async ({ factory }) =>
          factory.create(configOf(connector), await this.#nextOf(id), settings),
        ))
      this.#connectors.set(id, built)
      return built
    }
    const exporter = this.#config.exporters.get(id)!
    const built = this.#exporters.get(id)
    if (built !== undefined) return built
    const settings = this.#settings('exporter', exporter, drop)
    const made = await this.#create('exporters', exporter, ({ factory }) => factory.create(configOf(exporter), settings))
    if (made.prepare !== undefined) this.#preparers.set(id, made)
    const traced = this.#wiring.tracer?.sent(id, made) ?? made
    this.#queues.before(exporter, traced)
    this.#exporters.set(id, traced)
    return traced
  }

  /** Processors are not shared: each pipeline has its own. */
  #processor(id: string, pipeline: PipelineConfig, next: Consumer, account: PipelineAccount): Promise<Consumer> {
    const configured = this.#config.processors.get(id)!
    const settings: Settings = {
      ...this.#settings('processor', configured, (count, reason) => account.drop(id, count, reason), `.${pipeline.id}`),
      create: (count, reason) => account.create(id, count, reason),
      signal: pipeline.signal,
    }
    return this.#create(`service.pipelines.${pipeline.id}.processors`, configured, ({ factory }) =>
      factory.create(configOf(configured), next, settings),
    )
  }
}

/** The loader has checked the value against the factory's schema, which is what gives it its type. */
function configOf(configured: Configured<unknown>): ConfigOf<ConfigSchema> {
  return configured.config
}

/** Logs of the component's own, where its configuration names a storage. */
function storageOf(
  { factory, config }: Configured<Factory>,
  settings: Pick<Settings, 'extension'>,
  owner: string,
): Pick<Settings, 'storage'> {
  const id = (config as { readonly storage?: string }).storage
  if (id === undefined || factory.schema.properties?.['storage']?.extension !== 'storage') return {}
  return { storage: { open: (name) => settings.extension('storage', id).open(name === undefined ? owner : `${owner}.${name}`) } }
}

function atDoor(ledger: Ledger, id: string): Settings['drop'] {
  return (count, reason) => ledger.dropAtDoor(id, count, reason)
}
