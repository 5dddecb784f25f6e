// Gets a small document from an address that somebody else may have a say in: keys of an issuer, named by its own configuration. Nothing
// inside of the network can be reached that way, whatever a name resolves to. Extensions that need documents call it.

import { lookup } from 'node:dns'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net'
import { bare } from './address.ts'

export interface GuardedGetOptions {
  readonly timeoutMs: number
  readonly maxBytes: number
  /** Authorities in PEM, instead of those that Node knows. */
  readonly ca?: string
  /** Whether 127.0.0.1, ::1 and localhost may be asked, then also without TLS. */
  readonly isLoopbackAllowed: boolean
  /** Whether addresses of private networks may be asked. Link-local ones, where clouds keep credentials, never. */
  readonly isPrivateAllowed: boolean
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')
const PRIVATE = new BlockList()
for (const [net, prefix] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  PRIVATE.addSubnet(net, prefix, 'ipv4')
PRIVATE.addSubnet('fc00::', 7, 'ipv6')
/** Link-local, unspecified, reserved, multicast: nobody publishes keys there. */
const NEVER = new BlockList()
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['192.0.0.0', 24],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  NEVER.addSubnet(net, prefix, 'ipv4')
for (const [net, prefix] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['2002::', 16],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  NEVER.addSubnet(net, prefix, 'ipv6')

export function isLoopbackHost(hostname: string): boolean {
  const host = bare(hostname)
  return host === 'localhost' || isIn(LOOPBACK, host)
}

/**
 * The body of a 200. Redirects are not followed.
 * @throws Error in words, which say where and why, and nothing of what came.
 */
export async function guardedGet(url: URL, options: GuardedGetOptions): Promise<Buffer> {
  try {
    return await get(url, options)
  } catch (error) {
    throw new Error(`nothing came from ${url.origin}${url.pathname}: ${(error as Error).message}`, { cause: error })
  }
}

async function get(url: URL, options: GuardedGetOptions): Promise<Buffer> {
  const { ca, timeoutMs } = options
  const host = bare(url.hostname)
  const isTls = url.protocol === 'https:'
  if (!isTls && (url.protocol !== 'http:' || !options.isLoopbackAllowed || !isLoopbackHost(host)))
    throw new Error('without TLS only this machine may be asked; accepted: https, or http to 127.0.0.1')
  const refused = (address: string): Error | undefined => refusedAddress(address, isLoopbackHost(host), options)
  const literal = isIP(host) === 0 ? undefined : refused(host)
  if (literal !== undefined) throw literal
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const signal = AbortSignal.timeout(timeoutMs)
  const how = { agent: false, headers: { accept: 'application/json' }, lookup: guardedLookup(refused), signal } as const
  const request = isTls ? httpsRequest(url, { ...how, ...(ca === undefined ? {} : { ca }) }) : httpRequest(url, how)
  request.on('error', (error) => reject(signal.aborted ? new Error(`no whole answer within ${Math.round(timeoutMs)} ms`) : error))
  request.on('response', (response) => {
    const { statusCode: status = 0 } = response
    const where = status >= 300 && status < 400 ? '; redirects are not followed' : ''
    if (status !== 200) reject(new Error(`${status}${where}`))
    const pieces: Buffer[] = []
    let length = 0
    response.on('data', (piece: Buffer) => {
      length += piece.length
      if (length > options.maxBytes) reject(new Error(`more than ${options.maxBytes} bytes`))
      else pieces.push(piece)
    })
    response.on('end', () => resolve(Buffer.concat(pieces)))
    response.on('error', reject)
    response.on('close', () => reject(new Error('the answer ends before its end')))
  })
  request.end()
  return await promise.finally(() => request.destroy())
}

/** Looks at what is connected to, not at what was resolved before: a name may have another address by then. */
function guardedLookup(refused: (address: string) => Error | undefined): LookupFunction {
  return (hostname, options, done) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      const [first] = found ?? []
      if (error !== null || first === undefined) return done(error ?? new Error('no address'), '', 0)
      for (const { address } of found) {
        const fault = refused(address)
        if (fault !== undefined) return done(fault, '', 0)
      }
      if (options.all === true) done(null, found)
      else done(null, first.address, first.family)
    })
  }
}

function refusedAddress(address: string, isLoopbackMeant: boolean, options: GuardedGetOptions): Error | undefined {
  if (isIn(LOOPBACK, address)) {
    if (isLoopbackMeant && options.isLoopbackAllowed) return undefined
    return new Error('its address is this machine')
  }
  if (isLoopbackMeant) return new Error('its address is not this machine')
  if (isIn(NEVER, address)) return new Error('its address is one that nobody publishes at')
  if (isIn(PRIVATE, address) && !options.isPrivateAllowed) return new Error('its address is in a private network')
  return undefined
}

function isIn(list: BlockList, address: string): boolean {
  return isIP(address) !== 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
