// The endpoint of a gRPC destination in the forms that users of gRPC know: checked at load by factories, and read by GrpcExporter.

import type { ConfigFault } from '../component.ts'
import { quoted } from '../printable.ts'
import { bare, socketPathOf, type Target } from './address.ts'

export interface GrpcAddress {
  readonly target: Target
  /** host:port, as the destination is asked for it. */
  readonly authority: string
}

const DEFAULT_PORT = 443
const ACCEPTED = 'host:port such as 127.0.0.1:4317, dns:///host:port, https://host:port, http://host:port or unix:///path/of/a/socket'

export function grpcAddressFaults(endpoint: string, insecure: boolean): readonly ConfigFault[] {
  const fault = (message: string): readonly ConfigFault[] => [{ path: ['endpoint'], message }]
  const found = grpcAddressOf(endpoint, insecure)
  if (typeof found === 'string') return fault(found)
  // The Collector speaks TLS there, whatever the address says; nobody who wrote it means that.
  if (endpoint.startsWith('http://') && !insecure) return fault('http:// is without TLS; accepted: https://, or tls.insecure: true')
  return []
}

/** What is wrong, where the text is no address. `https://` is TLS even where `insecure` is set, as in the Collector. */
export function grpcAddressOf(endpoint: string, insecure: boolean): GrpcAddress | string {
  const isTls = endpoint.startsWith('https://') || !insecure
  const socketPath = socketPathOf(endpoint)
  if (socketPath === '') return `found ${quoted(endpoint)}; accepted: ${ACCEPTED}`
  if (socketPath !== undefined) return { target: { host: 'localhost', port: 0, isTls, socketPath }, authority: 'localhost' }
  const url = URL.parse(`x://${endpoint.replace(/^(dns:\/\/\/|dns:|https?:\/\/)/, '')}`)
  if (url === null || url.hostname === '' || endpoint.includes('://') !== /^(dns|https?):\/\//.test(endpoint)) {
    return `found ${quoted(endpoint)}; accepted: ${ACCEPTED}`
  }
  // An address is shown in logs and errors; a password is not.
  if (url.username !== '' || url.password !== '') return 'the address holds a password; put it into headers, as Authorization'
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') {
    return `found ${quoted(endpoint)}; gRPC has no paths; accepted: ${ACCEPTED}`
  }
  return { target: { host: bare(url.hostname), port: Number(url.port) || DEFAULT_PORT, isTls }, authority: url.host }
}
