// The WebSocket door of receiver `mplp`: messages and subscriptions, on the executions that the HTTP door has, too.

import { Conversation, type Executions } from '../../core/executions/index.ts'
import type { Settings } from '../../core/index.ts'
import {
  type ByteBudget,
  createWebSocketDoor,
  type Guard,
  listenAddressOf,
  MESSAGE_PATHS,
  messageProtocols,
  ServerTls,
  type WebSocketDoor,
  webSocketLimits,
} from '../../core/server/index.ts'
import type { MplpConfig, WebSocketSection } from './factory.ts'

interface WebSocketTools {
  readonly executions: Executions
  readonly budget: ByteBudget
  readonly guard: Guard
  readonly settings: Settings
}

export async function openWebSocket(section: WebSocketSection, config: MplpConfig, tools: WebSocketTools): Promise<WebSocketDoor> {
  const { executions, budget, guard, settings } = tools
  const door = await createWebSocketDoor({
    address: listenAddressOf(section.endpoint, 'tcp')!, // the factory has checked it
    budget,
    clock: settings.clock,
    ...webSocketLimits(section),
    ...(config.tls === undefined ? {} : { tls: new ServerTls(config.tls, settings.clock, settings.log) }),
    ...guard,
  })
  const { audit } = guard
  const protocols = messageProtocols((origin, line) => new Conversation({ executions, origin, line, roles: config.auth?.roles, audit }))
  for (const path of MESSAGE_PATHS) door.speak(path, protocols)
  settings.meter.gauge('millrace_websocket_connections', '{connection}', 'Clients that are connected.', () => door.connections)
  return door
}
