// One request between two services, as far as its spans have come.

import type { Origin } from '../../core/index.ts'

/** As Tempo names them; empty for a plain call. */
export type ConnectionType = '' | 'messaging_system' | 'database' | 'virtual_node'

export interface Edge {
  origin: Origin
  /** Of equal origins the same. */
  originKey: string
  connectionType: ConnectionType
  /** Names of services; empty as long as that side has sent no span. */
  client: string
  server: string
  clientSeconds: number
  serverSeconds: number
  failed: boolean
  /** Values of the configured dimensions, in their order; empty where a side does not have it. */
  clientDimensions: readonly string[]
  serverDimensions: readonly string[]
  /** Whom the client called, as it says itself. */
  peer: string
  virtualNode: '' | 'client' | 'server'
  /** How many requests it stands for. */
  weight: number
  /** Nanoseconds since 1970, as doubles: what lies between them is in microseconds at best. */
  clientEnd: number
  serverStart: number
  /** When the first span came, on the monotonic clock. */
  sinceMs: number
}

const NONE: readonly string[] = []

export function emptyEdge(origin: Origin, originKey: string, sinceMs: number): Edge {
  return {
    origin,
    originKey,
    connectionType: '',
    client: '',
    server: '',
    clientSeconds: 0,
    serverSeconds: 0,
    failed: false,
    clientDimensions: NONE,
    serverDimensions: NONE,
    peer: '',
    virtualNode: '',
    weight: 1,
    clientEnd: 0,
    serverStart: 0,
    sinceMs,
  }
}

/** As new, for another request: what has been looked at so often lies where it is not copied any more. */
export function resetEdge(edge: Edge, origin: Origin, originKey: string, sinceMs: number): Edge {
  edge.origin = origin
  edge.originKey = originKey
  edge.connectionType = edge.client = edge.server = edge.peer = edge.virtualNode = ''
  edge.clientSeconds = edge.serverSeconds = edge.clientEnd = edge.serverStart = 0
  edge.failed = false
  edge.clientDimensions = edge.serverDimensions = NONE
  edge.weight = 1
  edge.sinceMs = sinceMs
  return edge
}

/** The memory that its texts take, about. */
export function sizeOf({ client, server, peer, clientDimensions, serverDimensions }: Edge): number {
  let size = 300 + client.length + server.length + peer.length
  for (const text of clientDimensions) size += text.length
  for (const text of serverDimensions) size += text.length
  return size
}
