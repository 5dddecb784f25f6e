// The credentials that a message itself carries, in `sender.authentication`, as the header that authenticators read. `MessageTrust` asks.

import type { JsonObject } from './verdict.ts'

/** More than any token that identity providers give. */
const MAX_TOKEN_CHARACTERS = 16 * 1024

/**
 * `method: service_account` is a name (`service_account`) and its secret (`token`), as Basic; everything else is a token, as Bearer. Undefined
 * where there is no token. What no header could carry comes out as credentials that nobody knows.
 */
export function credentialsIn({ sender }: JsonObject): string | undefined {
  const { authentication } = (sender ?? {}) as JsonObject
  const { method, token, service_account: account } = (authentication ?? {}) as JsonObject
  if (token === undefined || token === null) return undefined
  if (typeof token !== 'string' || token.length > MAX_TOKEN_CHARACTERS) return 'Bearer'
  if (method !== 'service_account') return `Bearer ${token}`
  return typeof account === 'string' ? `Basic ${Buffer.from(`${account}:${token}`).toString('base64')}` : 'Bearer'
}
