// What a connection tells of the other end, for authenticators: read from TLS only when one asks, and once a connection. Exchanges call it.

import type { X509Certificate } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Peer } from '../component.ts'

const peers = new WeakMap<object, Peer>()

/** `connection`: what lives as long as the connection does, which is not always its socket: HTTP/2 hides that one. */
export function peerOf(connection: object, socket: Duplex | undefined): Peer {
  const known = peers.get(connection)
  if (known !== undefined) return known
  const peer = socket !== undefined && isVerified(socket) ? new CertifiedPeer(socket) : NO_PEER
  peers.set(connection, peer)
  return peer
}

/** Of a connection that shows nothing. */
export const NO_PEER: Peer = {}

class CertifiedPeer implements Peer {
  readonly #socket: TLSSocket
  #certificate: X509Certificate | undefined

  constructor(socket: TLSSocket) {
    this.#socket = socket
  }

  get certificate(): X509Certificate {
    return (this.#certificate ??= this.#socket.getPeerX509Certificate()!)
  }
}

/** Certificates are asked for only where an authority is configured, and then everyone is sent away who has none that it signed. */
function isVerified(socket: Duplex): socket is TLSSocket {
  const { authorized, getPeerX509Certificate: read } = socket as Partial<TLSSocket>
  return authorized === true && typeof read === 'function' && read.call(socket) !== undefined
}
