// `createClient`: what an application reports its executions through. Nothing here throws once it is made; what goes wrong is told by callbacks and counted.

import { type Execution, type Home, OpenExecution, type Post, type StartOptions } from './execution.ts'
import { atTheEnd } from './exit.ts'
import { HttpTransport } from './http-transport.ts'
import { messageOf } from './json.ts'
import { LetterWriter, typeOf } from './letter.ts'
import { type ClientOptions, type Counts, type Drop, type Settled, settled } from './options.ts'
import { type Listener, Outbox, type Sign } from './outbox.ts'
import type { Transport } from './transport.ts'

/** How often drops are told: a server that is away for long would have the application told of each message. */
const DROPS_EVERY_MS = 100

export interface Client {
  /** An execution begins. */
  start(name: string, options?: StartOptions): Execution
  /** Resolves once everything said so far is answered, or after `closeTimeoutMs`. */
  flush(): Promise<void>
  /** The same, and gives up what is not answered then. Whatever is said later is dropped. */
  close(): Promise<void>
  readonly counts: Counts
}

/** @throws TypeError where an option is wrong. */
export function createClient(options: ClientOptions): Client {
  return new ProtocolClient(settled(options))
}

class ProtocolClient implements Client {
  readonly #options: Settled
  readonly #letters: LetterWriter
  readonly #outbox: Outbox
  readonly #home: Home
  readonly #post: Post = (kind, time, body, correlationId) => {
    const id = this.#letters.nextId()
    try {
      this.#outbox.add(this.#letters.write(id, kind, time, body(), correlationId))
    } catch (error) {
      this.#outbox.refuse({ messageId: id, messageType: typeOf(kind), errors: [{ path: '', message: messageOf(error) }] })
    }
  }
  readonly #stay: () => void
  #closing: Promise<void> | undefined
  #drops: { count: number; reason: Drop['reason'] } | undefined

  constructor(options: Settled) {
    this.#options = options
    this.#letters = new LetterWriter(options.sender)
    const { service, serviceVersion, resource } = options
    this.#home = { service_name: service, service_version: serviceVersion, resource_attributes: resource }
    this.#outbox = new Outbox(transportOf(options), options, this.#listener(), signOf(options))
    this.#stay = atTheEnd({
      flush: () => void this.#endOfProgram(),
      leaving: (isLeaving) => this.#outbox.leaving(isLeaving),
    })
  }

  get counts(): Counts {
    return this.#outbox.counts
  }

  start(name: string, options?: StartOptions): Execution {
    return new OpenExecution(name, options ?? {}, undefined, this.#home, this.#post)
  }

  flush(): Promise<void> {
    return this.#outbox.flush(this.#options.closeTimeoutMs)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.flush()
    this.#shut()
  }

  #shut(): void {
    this.#stay()
    this.#outbox.close()
    this.#tellDrops()
  }

  /** `beforeExit` comes again after whatever it began: what cannot be sent is given up, or the program would never end. */
  async #endOfProgram(): Promise<void> {
    await this.flush()
    if (this.counts.pending > 0) this.#shut()
    else this.#tellDrops()
  }

  #listener(): Listener {
    const { onRejected, onTrouble } = this.#options
    return {
      rejected: (rejection) => quietly(() => onRejected?.(rejection)),
      trouble: (error) => quietly(() => onTrouble?.(error)),
      dropped: ({ reason }) => this.#dropped(reason),
    }
  }

  #dropped(reason: Drop['reason']): void {
    if (this.#drops?.reason !== reason) this.#tellDrops()
    if (this.#drops === undefined) {
      this.#drops = { count: 0, reason }
      const timer: { unref?: () => void } = setTimeout(() => this.#tellDrops(), DROPS_EVERY_MS)
      timer.unref?.()
    }
    this.#drops.count++
  }

  #tellDrops(): void {
    const drops = this.#drops
    this.#drops = undefined
    if (drops !== undefined) quietly(() => this.#options.onDrop?.(drops))
  }
}

function transportOf(options: Settled): Transport {
  if (options.transport === 'http') return new HttpTransport(options)
  if (options.transport === 'websocket')
    return later(4, async () => new (await import('./web-socket-transport.ts')).WebSocketTransport(options))
  return later(1, async () => new (await import('./grpc-transport.ts')).GrpcTransport(options))
}

/** A transport whose module is loaded with the first message: pages need not fetch what they do not use. */
function later(window: number, load: () => Promise<Transport>): Transport {
  let loaded: Promise<Transport> | undefined
  const get = (): Promise<Transport> => {
    loaded ??= load()
    // What could not be fetched may be there the next time.
    loaded.catch(() => (loaded = undefined))
    return loaded
  }
  return {
    window,
    send: async (texts) => (await get()).send(texts),
    close: () => void loaded?.then((transport) => transport.close()).catch(() => undefined),
  }
}

function signOf({ keys }: Settled): Sign | undefined {
  if (keys === undefined || Object.keys(keys).length === 0) return undefined
  let signer: Promise<Sign> | undefined
  return async (text) => {
    signer ??= import('./signer.ts').then(({ createSigner }) => createSigner(keys))
    return (await signer)(text)
  }
}

function quietly(tell: () => unknown): void {
  try {
    // A listener may be async: its rejection is the application's too, and must not end it.
    void Promise.resolve(tell()).catch(() => undefined)
  } catch {
    // What a listener throws is not the caller's fault, who only wanted to say something.
  }
}
