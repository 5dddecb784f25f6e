// Where a destination listens, as users write it: a URL, a unix socket. Factories check it at load, senders connect to it.

import type { ConfigFault } from '../component.ts'
import { quoted } from '../printable.ts'

/** What an error says would have been accepted. */
export const URL_ACCEPTED = 'an address such as http://127.0.0.1:4318'

/** Where connections go. */
export interface Target {
  readonly host: string
  readonly port: number
  /** Whether TLS is spoken there. */
  readonly isTls: boolean
  /** A unix socket instead of host and port. */
  readonly socketPath?: string
}

/** `unix:///run/otlp.sock` and `unix:/run/otlp.sock`; undefined for anything else. A path that does not begin with `/` is relative. */
export function socketPathOf(text: string): string | undefined {
  if (!text.startsWith('unix:')) return undefined
  return text.startsWith('unix://') ? text.slice('unix://'.length) : text.slice('unix:'.length)
}

export function targetOf(url: URL): Target {
  const isTls = url.protocol === 'https:'
  return { host: bare(url.hostname), port: Number(url.port) || (isTls ? 443 : 80), isTls }
}

/** An address of IPv6 without the brackets that a URL needs around it. */
export function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

/** What is wrong with the address of an HTTP destination in `key`. `hasQuery`: whether a query may be a part of it. */
export function urlFaults(key: string, text: string, hasQuery: boolean): readonly ConfigFault[] {
  const fault = (message: string): readonly ConfigFault[] => [{ path: [key], message }]
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return fault(`found ${quoted(text)}; accepted: ${URL_ACCEPTED}`)
  // An address is shown in logs and errors; a password is not.
  if (url.username !== '' || url.password !== '') return fault('the address holds a password; put it into headers, as Authorization')
  if (url.hash !== '') return fault(`the address ends in ${quoted(url.hash)}, which is never sent; leave it out`)
  if (!hasQuery && url.search !== '') return fault('the address has a query; give the whole address for each signal, as traces_endpoint')
  return []
}
