// Receiver `websocket` at work: a door of WebSocket, behind it executions for messages, and the pipelines for OTLP.

import { believer, Conversation, Executions, permitBy } from '../../core/executions/index.ts'
import { type Consumer, parseDuration, type Receiver, type Settings, type Signal } from '../../core/index.ts'
import {
  ByteBudget,
  createWebSocketDoor,
  formatListenAddress,
  type Guard,
  guardOf,
  listenAddressOf,
  MESSAGE_PATHS,
  messageProtocols,
  type Protocols,
  ServerTls,
  type Talker,
  type WebSocketDoor,
  webSocketLimits,
} from '../../core/server/index.ts'
import type { ReceiverConfig } from './factory.ts'
import { OtlpTalk } from './otlp-talk.ts'

const SIGNALS = ['traces', 'metrics', 'logs'] as const

export class WebSocketReceiver implements Receiver {
  readonly #door: WebSocketDoor
  readonly #executions: Executions
  readonly #startTrust: () => void
  readonly #settings: Settings

  private constructor(door: WebSocketDoor, executions: Executions, startTrust: () => void, settings: Settings) {
    this.#door = door
    this.#executions = executions
    this.#startTrust = startTrust
    this.#settings = settings
  }

  static async create(
    config: ReceiverConfig,
    next: Readonly<Partial<Record<Signal, Consumer>>>,
    settings: Settings,
  ): Promise<WebSocketReceiver> {
    const { believe, start } = believer(config.trust, settings)
    const guard = guardOf(config.auth, settings)
    const roles = config.auth?.roles
    const permit = permitBy(roles)
    const executions = new Executions({ config, next, settings, believe, permit, ...(guard.audit && { audit: guard.audit }) })
    const door = await createWebSocketDoor({
      address: listenAddressOf(config.endpoint, 'tcp')!, // the factory has checked it
      budget: new ByteBudget(config.max_in_flight_bytes),
      clock: settings.clock,
      ...webSocketLimits(config),
      ...(config.tls === undefined ? {} : { tls: new ServerTls(config.tls, settings.clock, settings.log) }),
      ...guard,
    })
    const { audit } = guard
    const messages = messageProtocols((origin, line) => new Conversation({ executions, origin, line, roles, audit }))
    for (const path of MESSAGE_PATHS) door.speak(path, messages)
    for (const signal of SIGNALS) door.speak(`/v1/${signal}`, otlpOf(signal, config, next[signal], settings, guard))
    settings.meter.gauge('millrace_websocket_connections', '{connection}', 'Clients that are connected.', () => door.connections)
    return new WebSocketReceiver(door, executions, start, settings)
  }

  async start(): Promise<void> {
    this.#startTrust()
    await this.#executions.start()
    await this.#door.start()
    this.#settings.log.info({ endpoint: formatListenAddress(this.#door.address) }, 'listening for WebSocket')
  }

  get addresses(): Readonly<Record<string, string>> {
    return { websocket: formatListenAddress(this.#door.address) }
  }

  async stop(abort: AbortSignal): Promise<void> {
    await this.#door.stop(abort)
    await this.#executions.stop(abort)
  }
}

function otlpOf(signal: Signal, config: ReceiverConfig, next: Consumer | undefined, settings: Settings, { audit }: Guard): Protocols {
  const timeoutMs = parseDuration(config.timeout)
  const talker =
    (encoding: 'json' | 'protobuf'): Talker =>
    (origin) =>
      new OtlpTalk({ signal, encoding, next, origin, timeoutMs, settings, roles: config.auth?.roles, audit })
  return new Map([
    ['otlp.json', talker('json')],
    ['otlp.proto', talker('protobuf')],
  ])
}
