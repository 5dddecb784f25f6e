// The cipher suites of TLS 1.2 that may be configured, by IANA's names, as the Collector takes them, and what OpenSSL calls them. Forward
// secrecy and authenticated encryption alone; the suites of TLS 1.3 are not to be chosen from, there or here.

export const CIPHER_SUITES: ReadonlyMap<string, string> = new Map([
  ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'],
])

/** Those of TLS 1.3, which OpenSSL takes from the same list and would otherwise leave out. */
const TLS_13: readonly string[] = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']

/** As Node's `ciphers` option; undefined where nothing was chosen. */
export function ciphersOf(suites: readonly string[] | undefined): string | undefined {
  if (suites === undefined || suites.length === 0) return undefined
  return [...TLS_13, ...suites.map((suite) => CIPHER_SUITES.get(suite)!)].join(':') // tlsFaults has checked them
}
