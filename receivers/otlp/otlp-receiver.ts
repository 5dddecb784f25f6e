// Receiver `otlp` at work: a door for each protocol, and behind them one intake a signal.

import type { Consumer, Receiver, Settings, Signal } from '../../core/index.ts'
import { ByteBudget, formatListenAddress, type ListenAddress, signalNotTaken } from '../../core/server/index.ts'
import type { OtlpConfig } from './factory.ts'
import { openGrpc } from './grpc.ts'
import { openHttp } from './http.ts'
import { Intake, type Routes } from './intake.ts'

interface Door {
  readonly address: ListenAddress
  start(): Promise<void>
  stop(abort: AbortSignal): Promise<void>
}

export class OtlpReceiver implements Receiver {
  readonly #doors: ReadonlyMap<string, Door>
  readonly #settings: Settings

  private constructor(doors: ReadonlyMap<string, Door>, settings: Settings) {
    this.#doors = doors
    this.#settings = settings
  }

  /** Loads the code of those protocols that are used. */
  static async create(
    { protocols: { grpc, http }, max_in_flight_bytes }: OtlpConfig,
    next: Readonly<Partial<Record<Signal, Consumer>>>,
    settings: Settings,
  ): Promise<OtlpReceiver> {
    const budget = new ByteBudget(max_in_flight_bytes)
    const intakes = new Map<Signal, Intake>()
    for (const signal of ['traces', 'metrics', 'logs'] as const) {
      const consumer = next[signal]
      if (consumer !== undefined) intakes.set(signal, new Intake(signal, consumer, settings))
    }
    const routes: Routes = (signal, timeoutMs) => {
      const intake = intakes.get(signal)
      if (intake === undefined) return signalNotTaken(signal)
      return (body, exchange) => intake.take(body, exchange, timeoutMs)
    }
    const doors = new Map<string, Door>()
    if (grpc !== undefined) doors.set('gRPC', await openGrpc(grpc, routes, budget, settings))
    if (http !== undefined) doors.set('HTTP', await openHttp(http, routes, budget, settings))
    return new OtlpReceiver(doors, settings)
  }

  async start(): Promise<void> {
    for (const [protocol, door] of this.#doors) {
      await door.start()
      this.#settings.log.info({ endpoint: formatListenAddress(door.address) }, `listening for OTLP over ${protocol}`)
    }
  }

  /** Where it listens, once started: with port 0 the system has chosen. HTTP's, where there is one, as it is the one that a person can ask. */
  get address(): string {
    return formatListenAddress((this.#doors.get('HTTP') ?? this.#doors.get('gRPC')!).address)
  }

  /** By protocol. */
  get addresses(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#doors].map(([protocol, door]) => [protocol, formatListenAddress(door.address)]))
  }

  async stop(abort: AbortSignal): Promise<void> {
    await Promise.all([...this.#doors.values()].map((door) => door.stop(abort)))
  }
}
