// The queues in front of exporters, and the dead letters behind them: which there are, of which kind, and on what they stand. The graph builds them.

import type { Consumer, ExporterFactory, StorageProvider } from '../component.ts'
import { queueOptionsOf } from '../config/queue-options.ts'
import type { Configured } from '../config/service.ts'
import { Courier } from './courier.ts'
import { DEAD_LETTERS_LOG, DeadLetters } from './dead-letters.ts'
import { DurableQueue } from './durable-queue.ts'
import { SendingQueue } from './sending-queue.ts'
import type { Member, Wiring } from './wiring.ts'

export interface QueuesParts {
  readonly wiring: Wiring
  /** What is made here starts in this order, with everything else. */
  readonly members: Member[]
  /** The extension of that id, in any spelling. */
  readonly storage: (id: string) => StorageProvider
  /** `service.dead_letters`: the storage for destinations without a queue on disk. */
  readonly deadLetters: string | undefined
}

export class Queues {
  /** By the id of their exporter. */
  readonly all: ReadonlyMap<string, SendingQueue | DurableQueue>
  readonly #all: Map<string, SendingQueue | DurableQueue> = new Map()
  readonly #parts: QueuesParts
  readonly #deadLetters = new Map<StorageProvider, DeadLetters>()

  constructor(parts: QueuesParts) {
    this.#parts = parts
    this.all = this.#all
  }

  /** One in front of `exporter`, where its configuration asks for it. It starts after its exporter, and stops before it. */
  before({ id, factory, config }: Configured<ExporterFactory>, exporter: Consumer): void {
    const options = queueOptionsOf(factory.schema, config)
    if (options === undefined) return
    const { clock, log: logOf, ledger } = this.#parts.wiring
    const { retry, storage } = options
    const log = logOf(id)
    const parts = { id, exporter, retry, clock, log }
    let queue: SendingQueue | DurableQueue
    if (storage === undefined) queue = new SendingQueue(new Courier({ ...parts, deadLetters: this.deadLetters() }), options, clock, log)
    else {
      const open = () => this.#parts.storage(storage).open(`queue.${id}`)
      const { keepsOrder = false } = factory
      queue = new DurableQueue({ options, keepsOrder, courier: { ...parts, deadLetters: this.#deadLettersOf(storage) }, open, ledger })
    }
    this.#all.set(id, queue)
    this.#parts.members.push({ name: `exporters.${id}.sending_queue`, component: queue })
  }

  /** Those of `service.dead_letters`. */
  deadLetters(): DeadLetters | undefined {
    const { deadLetters } = this.#parts
    return deadLetters === undefined ? undefined : this.#deadLettersOf(deadLetters)
  }

  /** One for each storage, which may be named in two spellings. It starts before whoever needs it, and stops after. */
  #deadLettersOf(storage: string): DeadLetters {
    const provider = this.#parts.storage(storage)
    const built = this.#deadLetters.get(provider)
    if (built !== undefined) return built
    const { clock, log, meter } = this.#parts.wiring
    const made = new DeadLetters(() => provider.open(DEAD_LETTERS_LOG), clock, log(storage), meter({ storage }))
    this.#deadLetters.set(provider, made)
    this.#parts.members.push({ name: `extensions.${storage}.dead_letters`, component: made })
    return made
  }
}
