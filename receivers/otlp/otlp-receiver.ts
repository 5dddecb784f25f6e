// Receiver `otlp` at work: a door for each protocol, and behind them one intake a signal.

import type { Consumer, Receiver, Settings, Signal } from '../../core/index.ts'
import { ByteBudget, formatListenAddress, type ListenAddress, signalNotTaken } from '../../core/server/index.ts'
import { permits } from '../../core/trust/index.ts'
import type { OtlpConfig } from './factory.ts'
import { openGrpc } from './grpc.ts'
import { openHttp } from './http.ts'
import { Intake, type Routes } from './intake.ts'

const NAMES = { grpc: 'gRPC', http: 'HTTP' } as const
type Protocol = keyof typeof NAMES

interface Door {
  readonly address: ListenAddress
  start(): Promise<void>
  stop(abort: AbortSignal): Promise<void>
}

export class OtlpReceiver implements Receiver {
  readonly #doors: ReadonlyMap<Protocol, Door>
  readonly #settings: Settings

  private constructor(doors: ReadonlyMap<Protocol, Door>, settings: Settings) {
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
    const routes: Routes = (signal, timeoutMs, roles) => {
      const intake = intakes.get(signal)
      if (intake === undefined) return signalNotTaken(signal)
      return (body, exchange) => {
        if (permits(roles, exchange.origin, { signal })) intake.take(body, exchange, timeoutMs)
        else exchange.forbid(`send ${signal}`)
      }
    }
    const doors = new Map<Protocol, Door>()
    if (grpc !== undefined) doors.set('grpc', await openGrpc(grpc, routes, budget, settings))
    if (http !== undefined) doors.set('http', await openHttp(http, routes, budget, settings))
    return new OtlpReceiver(doors, settings)
  }

  async start(): Promise<void> {
    for (const [protocol, door] of this.#doors) {
      await door.start()
      this.#settings.log.info({ endpoint: formatListenAddress(door.address) }, `listening for OTLP over ${NAMES[protocol]}`)
    }
  }

  /** Once started: with port 0 the system has chosen. */
  get addresses(): Readonly<Partial<Record<Protocol, string>>> {
    return Object.fromEntries([...this.#doors].map(([protocol, door]) => [protocol, formatListenAddress(door.address)]))
  }

  async stop(abort: AbortSignal): Promise<void> {
    await Promise.all([...this.#doors.values()].map((door) => door.stop(abort)))
  }
}
