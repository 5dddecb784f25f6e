// Receiver `mplp` at work: a door of HTTP, and behind it the executions.

import { believer, Executions, type Permit } from '../../core/executions/index.ts'
import { type Consumer, parseDuration, type Receiver, type Settings, type Signal } from '../../core/index.ts'
import {
  ByteBudget,
  createHttpDoor,
  formatListenAddress,
  guardOf,
  type HttpDoor,
  listenAddressOf,
  ServerTls,
} from '../../core/server/index.ts'
import { permits } from '../../core/trust/index.ts'
import type { MplpConfig } from './factory.ts'
import { takeMessages } from './messages.ts'
import { openPages } from './pages.ts'
import { SPEECH } from './speech.ts'

export const MESSAGES_PATH = '/v1/messages'

export class MplpReceiver implements Receiver {
  readonly #door: HttpDoor
  readonly #executions: Executions
  readonly #startTrust: () => void
  readonly #settings: Settings

  private constructor(door: HttpDoor, executions: Executions, startTrust: () => void, settings: Settings) {
    this.#door = door
    this.#executions = executions
    this.#startTrust = startTrust
    this.#settings = settings
  }

  static async create(config: MplpConfig, next: Readonly<Partial<Record<Signal, Consumer>>>, settings: Settings): Promise<MplpReceiver> {
    const { believe, start } = believer(config.trust, settings)
    const guard = guardOf(config.auth, settings)
    const roles = config.auth?.roles
    const permit: Permit = ({ kind }, origin, service) =>
      permits(roles, origin, { message: kind, tenant: origin.tenant, ...(service === undefined ? {} : { service }) })
    const executions = new Executions({ config, next, settings, believe, permit, ...(guard.audit && { audit: guard.audit }) })
    const door = await createHttpDoor({
      address: listenAddressOf(config.endpoint, 'tcp')!, // the factory has checked it
      budget: new ByteBudget(config.max_in_flight_bytes),
      clock: settings.clock,
      maxBodyBytes: config.max_request_body_size,
      bodyRate: { minBytesPerSecond: config.min_body_rate, graceMs: 10_000, maxMs: 0 },
      readHeaderTimeoutMs: parseDuration(config.read_header_timeout),
      readTimeoutMs: parseDuration(config.read_timeout),
      writeTimeoutMs: parseDuration(config.write_timeout),
      idleTimeoutMs: parseDuration(config.idle_timeout),
      ...(config.tls === undefined ? {} : { tls: new ServerTls(config.tls, settings.clock, settings.log) }),
      ...guard,
      ...(config.max_connections === undefined ? {} : { maxConnections: config.max_connections }),
    })
    door.post(MESSAGES_PATH, (body, exchange) => takeMessages(executions, body, exchange, config.max_messages), SPEECH)
    openPages(door, executions, { clock: settings.clock, roles, audit: guard.audit })
    return new MplpReceiver(door, executions, start, settings)
  }

  async start(): Promise<void> {
    this.#startTrust()
    await this.#executions.start()
    await this.#door.start()
    this.#settings.log.info({ endpoint: formatListenAddress(this.#door.address) }, 'listening for the trace protocol over HTTP')
  }

  get addresses(): Readonly<Record<string, string>> {
    return { http: formatListenAddress(this.#door.address) }
  }

  async stop(abort: AbortSignal): Promise<void> {
    await this.#door.stop(abort)
    await this.#executions.stop(abort)
  }
}
