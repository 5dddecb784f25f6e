// Where a door listens: host and port, or a unix socket. Factories check it, doors listen there.

import { type Endpoint, ENDPOINT_ACCEPTED, endpointOf, formatEndpoint } from '../endpoint.ts'

export interface SocketPath {
  readonly path: string
}
export type ListenAddress = Endpoint | SocketPath

/** What an error says would have been accepted. */
export const LISTEN_ACCEPTED: string = `${ENDPOINT_ACCEPTED}, or unix:///path/of/a.sock`

const UNIX = /^unix:(?:\/\/)?(?=[^/]|\/(?!\/))/
/** sockaddr_un has room for 108 bytes, the last of them zero; macOS for four less. */
const MAX_PATH_BYTES = 103

/** Undefined for anything else. With transport `unix` the text is the path itself, as in the Collector, or begins with `unix:`. */
export function listenAddressOf(text: string, transport: 'tcp' | 'unix'): ListenAddress | undefined {
  const isUnix = UNIX.test(text)
  if (transport === 'tcp' && !isUnix) return endpointOf(text)
  const path = text.replace(UNIX, '')
  return path === '' || path.includes('\0') || Buffer.byteLength(path) > MAX_PATH_BYTES ? undefined : { path }
}

export function formatListenAddress(address: ListenAddress): string {
  return 'path' in address ? `unix://${address.path}` : formatEndpoint(address)
}
