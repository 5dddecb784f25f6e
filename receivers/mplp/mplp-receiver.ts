// Receiver `mplp` at work: a door of HTTP, others where they are configured, and behind them the executions.

import { believer, Executions, permitBy } from '../../core/executions/index.ts'
import { type Consumer, parseDuration, type Receiver, type Settings, type Signal } from '../../core/index.ts'
import {
  ByteBudget,
  createHttpDoor,
  formatListenAddress,
  guardOf,
  type ListenAddress,
  listenAddressOf,
  ServerTls,
} from '../../core/server/index.ts'
import type { MplpConfig } from './factory.ts'
import { openGrpc } from './grpc.ts'
import { takeMessages } from './messages.ts'
import { openPages } from './pages.ts'
import { SPEECH } from './speech.ts'
import { openWebSocket } from './websocket.ts'

export const MESSAGES_PATH = '/v1/messages'

const NAMES = { http: 'HTTP', websocket: 'WebSocket', grpc: 'gRPC' } as const
type Protocol = keyof typeof NAMES

interface Door {
  readonly address: ListenAddress
  start(): Promise<void>
  stop(abort: AbortSignal): Promise<void>
}

export class MplpReceiver implements Receiver {
  readonly #doors: ReadonlyMap<Protocol, Door>
  readonly #executions: Executions
  readonly #startTrust: () => void
  readonly #settings: Settings

  private constructor(doors: ReadonlyMap<Protocol, Door>, executions: Executions, startTrust: () => void, settings: Settings) {
    this.#doors = doors
    this.#executions = executions
    this.#startTrust = startTrust
    this.#settings = settings
  }

  static async create(config: MplpConfig, next: Readonly<Partial<Record<Signal, Consumer>>>, settings: Settings): Promise<MplpReceiver> {
    const { believe, start } = believer(config.trust, settings)
    const guard = guardOf(config.auth, settings)
    const roles = config.auth?.roles
    const permit = permitBy(roles)
    const executions = new Executions({ config, next, settings, believe, permit, ...(guard.audit && { audit: guard.audit }) })
    const budget = new ByteBudget(config.max_in_flight_bytes)
    const door = await createHttpDoor({
      address: listenAddressOf(config.endpoint, 'tcp')!, // the factory has checked it
      budget,
      clock: settings.clock,
      maxBodyBytes: config.max_request_body_size,
      bodyRate: { minBytesPerSecond: config.min_body_rate, graceMs: 10_000, maxMs: 0 },
      readHeaderTimeoutMs: parseDuration(config.read_header_timeout),
      readTimeoutMs: parseDuration(config.read_timeout),
      writeTimeoutMs: parseDuration(config.write_timeout),
      idleTimeoutMs: parseDuration(config.idle_timeout),
      ...(config.cors === undefined ? {} : { cors: config.cors }),
      ...(config.tls === undefined ? {} : { tls: new ServerTls(config.tls, settings.clock, settings.log) }),
      ...guard,
      ...(config.max_connections === undefined ? {} : { maxConnections: config.max_connections }),
    })
    door.post(MESSAGES_PATH, (body, exchange) => takeMessages(executions, body, exchange, config.max_messages), SPEECH)
    openPages(door, executions, { clock: settings.clock, roles, audit: guard.audit })
    const doors = new Map<Protocol, Door>([['http', door]])
    const tools = { executions, budget, guard, settings }
    if (config.websocket !== undefined) doors.set('websocket', await openWebSocket(config.websocket, config, tools))
    if (config.grpc !== undefined) doors.set('grpc', await openGrpc(config.grpc, config, tools))
    return new MplpReceiver(doors, executions, start, settings)
  }

  async start(): Promise<void> {
    this.#startTrust()
    await this.#executions.start()
    for (const [protocol, door] of this.#doors) {
      await door.start()
      this.#settings.log.info({ endpoint: formatListenAddress(door.address) }, `listening for the trace protocol over ${NAMES[protocol]}`)
    }
  }

  get addresses(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#doors].map(([protocol, door]) => [protocol, formatListenAddress(door.address)]))
  }

  async stop(abort: AbortSignal): Promise<void> {
    await Promise.all([...this.#doors.values()].map((door) => door.stop(abort)))
    await this.#executions.stop(abort)
  }
}
