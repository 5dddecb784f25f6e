// Opens a connection to a destination: straight, through a unix socket, or through a proxy's tunnel; with TLS on top where it is spoken.

import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { Target } from './address.ts'
import { proxyHeaders } from './proxy.ts'

export interface DialOptions {
  readonly proxy?: URL | undefined
  /** Of the destination, where it speaks TLS. */
  readonly tls?: ConnectionOptions | undefined
  /** Protocols to offer within TLS. */
  readonly alpn: readonly string[]
  /** Ends the attempt. */
  readonly abort: AbortSignal
}

/** Rejects with what went wrong, in the words of the system. */
export async function dial(target: Target, options: DialOptions): Promise<Socket> {
  const { proxy, abort } = options
  const raw = proxy === undefined ? await direct(target, abort) : await tunnel(target, proxy, abort)
  if (!target.isTls) return raw
  return connected(connectTls({ ...options.tls, ...identity(target, options), socket: raw }), 'secureConnect', abort)
}

/** An address is no name to ask for: the certificate is held against it all the same. */
function identity(target: Target, { tls, alpn }: DialOptions): ConnectionOptions {
  const asked = tls?.servername ?? (isIP(target.host) === 0 ? target.host : undefined)
  return { host: target.host, ALPNProtocols: [...alpn], ...(asked === undefined ? {} : { servername: asked }) }
}

function direct({ host, port, socketPath }: Target, abort: AbortSignal): Promise<Socket> {
  const way = socketPath === undefined ? { host, port } : { path: socketPath }
  return connected(connectTcp({ ...way, noDelay: true, keepAlive: true }), 'connect', abort)
}

async function connected(socket: Socket, when: 'connect' | 'secureConnect', abort: AbortSignal): Promise<Socket> {
  const cut = (): void => void socket.destroy(abort.reason as Error)
  abort.addEventListener('abort', cut, { once: true })
  if (abort.aborted) cut()
  try {
    await once(socket, when)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    abort.removeEventListener('abort', cut)
  }
}

/** RFC 9110, 9.3.6: CONNECT asks a proxy for a tunnel of bytes. */
async function tunnel(target: Target, proxy: URL, abort: AbortSignal): Promise<Socket> {
  const authority = `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`
  const request = proxy.protocol === 'https:' ? httpsRequest : httpRequest
  const asked = request({
    host: proxy.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...proxyHeaders(proxy) },
    agent: false,
    signal: abort,
  })
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  asked.on('error', (error) => reject(new Error(`the proxy ${proxy.host}: ${error.message}`, { cause: error })))
  asked.on('connect', ({ statusCode }, socket, head) => {
    if (statusCode === 200) {
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
      return
    }
    socket.destroy()
    reject(new Error(`the proxy ${proxy.host} answers ${statusCode} to CONNECT ${authority}`))
  })
  // An answer without a tunnel, for whoever listens there is no proxy.
  asked.on('response', ({ statusCode }) => {
    asked.destroy()
    reject(new Error(`the proxy ${proxy.host} answers ${statusCode} to CONNECT ${authority}`))
  })
  asked.end()
  return promise
}
