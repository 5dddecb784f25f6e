// A running set of pipelines: started in order, stopped in the opposite one, with a bound. The `run` command and tests hold one.

import type { Clock } from '../clock.ts'
import type { Logger, Meter, MetricAttributes } from '../component.ts'
import type { ServiceConfig } from '../config/service.ts'
import { Ledger } from '../ledger.ts'
import type { Flow } from './edge.ts'
import type { Tracer } from './tracer.ts'
import { ComponentError, buildGraph } from './graph.ts'
import type { Member } from './wiring.ts'

export type ServiceStatus = 'starting' | 'ready' | 'stopping'

export interface RunningService {
  status(): ServiceStatus
  readonly ledger: Ledger
  readonly flow: Flow
  /** Where it listens: components by name, e.g. `receivers.otlp`, and their addresses by what is spoken there. */
  addresses(): ReadonlyMap<string, Readonly<Record<string, string>>>
  /**
   * Stops receiving, hands on what was accepted, and closes everything, within the configuration's drain timeout. Resolves with what
   * went wrong on the way: an empty list after a clean stop. Calling it again returns the same promise.
   */
  stop(): Promise<readonly Error[]>
}

export interface ServiceParts {
  readonly log: (id: string) => Logger
  readonly meter: (own: MetricAttributes) => Meter
  readonly clock: Clock
  readonly tracer?: Tracer
}

/**
 * `abort` ends the start, also where a component takes its time.
 * @throws ComponentError naming the component that could not be created or started; whatever had started is stopped again.
 */
export async function startService(config: ServiceConfig, parts: ServiceParts, abort?: AbortSignal): Promise<RunningService> {
  const service = new PipelineService(config, parts)
  await service.start(abort)
  return service
}

class PipelineService implements RunningService {
  readonly ledger: Ledger = new Ledger()
  readonly #config: ServiceConfig
  readonly #parts: ServiceParts
  readonly #started: Member[] = []
  #status: ServiceStatus = 'starting'
  #flow: Flow = { receivers: [], processors: [], queues: new Map() }
  #stopping: Promise<readonly Error[]> | undefined

  constructor(config: ServiceConfig, parts: ServiceParts) {
    this.#config = config
    this.#parts = parts
  }

  get flow(): Flow {
    return this.#flow
  }

  status(): ServiceStatus {
    return this.#status
  }

  addresses(): ReadonlyMap<string, Readonly<Record<string, string>>> {
    return new Map(this.#started.flatMap(({ name, component: { addresses } }) => (addresses === undefined ? [] : [[name, addresses]])))
  }

  async start(asked: AbortSignal = new AbortController().signal): Promise<void> {
    const { members, flow } = await buildGraph(this.#config, {
      ...this.#parts,
      ledger: this.ledger,
      service: { status: () => this.#status },
    })
    this.#flow = flow
    const abort = new AbortController()
    const end = (): void => abort.abort(asked.reason)
    asked.addEventListener('abort', end, { once: true })
    if (asked.aborted) end()
    try {
      for (const member of members) {
        this.#started.push(member)
        await named(member, () => unlessAborted(member.component.start?.(abort.signal), abort.signal))
      }
    } catch (thrown) {
      abort.abort()
      await this.stop()
      throw thrown
    } finally {
      // What bounds starting does not bound the run.
      asked.removeEventListener('abort', end)
    }
    this.#status = 'ready'
  }

  stop(): Promise<readonly Error[]> {
    this.#status = 'stopping'
    return (this.#stopping ??= this.#stopAll())
  }

  async #stopAll(): Promise<readonly Error[]> {
    const failures: Error[] = []
    const abort = new AbortController()
    const timer = this.#parts.clock.after(this.#config.drainTimeoutMs, () =>
      abort.abort(new Error(`not drained within ${this.#config.drainTimeoutMs} ms`)),
    )
    for (const member of this.#started.toReversed()) {
      try {
        await named(member, () => bounded(member.component.stop?.(abort.signal), abort.signal))
      } catch (failure) {
        failures.push(failure as ComponentError)
      }
    }
    timer.cancel()
    if (abort.signal.aborted) failures.push(abort.signal.reason as Error)
    return failures
  }
}

/** Rejects with the reason of `abort`, whatever `started` does then. */
async function unlessAborted(started: Promise<void> | undefined, abort: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const end = (): void => reject(abort.reason as Error)
  abort.addEventListener('abort', end, { once: true })
  if (abort.aborted) end()
  try {
    await Promise.race([started, aborted])
  } finally {
    abort.removeEventListener('abort', end)
  }
}

/** How long a component may take after the grace period has ended, in milliseconds: to destroy what it would not close. */
const AFTER_ABORT_MS = 500

/** Waits for a component to stop, but not for one that ignores the end of its grace period. */
async function bounded(stopped: Promise<void> | undefined, abort: AbortSignal): Promise<void> {
  if (stopped === undefined) return
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    const end = (): void => {
      timer = setTimeout(() => reject(new Error('did not stop when its grace period ended')), AFTER_ABORT_MS)
    }
    if (abort.aborted) end()
    else abort.addEventListener('abort', end, { once: true })
  })
  try {
    await Promise.race([stopped, tooLate])
  } finally {
    clearTimeout(timer)
  }
}

async function named(member: Member, run: () => Promise<void> | undefined): Promise<void> {
  try {
    await run()
  } catch (cause) {
    throw new ComponentError(member.name, cause)
  }
}
