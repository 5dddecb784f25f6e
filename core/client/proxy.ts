// Which proxy a destination is reached through: the one that is configured, or the one that the environment names. Senders ask once.
//
// HTTP_PROXY, HTTPS_PROXY and NO_PROXY mean what they mean to curl and to Go: NO_PROXY lists hosts, domains, addresses, blocks of
// addresses (CIDR), each with a port if need be, or `*`; the machine itself is never reached through a proxy of the environment.

import { BlockList, isIP } from 'node:net'
import { bare } from './address.ts'
import { PROXY_SCHEMES } from './proxy-faults.ts'

/** @throws Error where the environment names something that is no address. */
export function proxyOf(target: URL, configured: string | undefined, environment: NodeJS.ProcessEnv = process.env): URL | undefined {
  if (configured !== undefined && configured !== '') return new URL(configured)
  const name = target.protocol === 'https:' ? 'https_proxy' : 'http_proxy'
  const found = either(environment, name)
  if (found === undefined || isExcepted(target, either(environment, 'no_proxy') ?? '')) return undefined
  const url = URL.parse(found.includes('://') ? found : `http://${found}`)
  if (url === null || !PROXY_SCHEMES.includes(url.protocol)) {
    throw new Error(`the environment variable ${name.toUpperCase()} holds no address of a proxy (not shown); accepted: http://host:port`)
  }
  return url
}

/** Both spellings are in use. */
function either(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  return environment[name.toUpperCase()] || environment[name] || undefined
}

function isExcepted(target: URL, list: string): boolean {
  const host = withoutDot(bare(target.hostname).toLowerCase())
  const port = target.port || (target.protocol === 'https:' ? '443' : '80')
  if (host === 'localhost' || (isIP(host) !== 0 && LOOPBACK.check(host, family(host)))) return true
  return list.split(/[,\s]+/).some((entry) => entry !== '' && matches(entry.toLowerCase(), host, port))
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  const [, name = entry, wantedPort] = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(entry) ?? []
  if (wantedPort !== undefined && wantedPort !== port) return false
  const wanted = bare(name)
  if (isIP(host) !== 0) return matchesAddress(wanted, host)
  if (wanted.startsWith('*.') || wanted.startsWith('.')) return host.endsWith(wanted.replace(/^\*/, ''))
  return host === withoutDot(wanted) || host.endsWith(`.${withoutDot(wanted)}`)
}

function matchesAddress(wanted: string, host: string): boolean {
  const [address = '', bits] = wanted.split('/')
  if (isIP(address) === 0 || isIP(address) !== isIP(host)) return false
  const list = new BlockList()
  try {
    list.addSubnet(address, bits === undefined ? (isIP(address) === 4 ? 32 : 128) : Number(bits), family(address))
  } catch {
    return false // no number of bits that there is
  }
  return list.check(host, family(host))
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6'
}

function withoutDot(name: string): string {
  return name.length > 1 && name.endsWith('.') ? name.slice(0, -1) : name
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** What a proxy is told about who we are: nothing, where its address names nobody. */
export function proxyHeaders(proxy: URL): Record<string, string> {
  if (proxy.username === '' && proxy.password === '') return {}
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` }
}
