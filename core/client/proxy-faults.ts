// What is wrong with the address of a proxy, told when the file is loaded.

import type { ConfigFault } from '../component.ts'

export const PROXY_SCHEMES: readonly string[] = ['http:', 'https:']

export function proxyFaults(key: string, text: string): readonly ConfigFault[] {
  const url = URL.parse(text)
  // What was found is not shown: a proxy's address often holds its password.
  if (url !== null && PROXY_SCHEMES.includes(url.protocol)) return []
  return [{ path: [key], message: 'this is no address of a proxy; accepted: one such as http://127.0.0.1:3128' }]
}
