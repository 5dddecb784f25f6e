// What the claims of a token say of its sender. `jwt_auth` calls it for tokens whose signature and time are good.

import type { Principal } from '../../core/trust/index.ts'
import type { JwtAuthConfig } from './factory.ts'

type Claims = Readonly<Record<string, unknown>>

/** Undefined where a claim is missing that the configuration names, or is none of what it may be. */
export function principalOf(claims: Claims, config: JwtAuthConfig): Principal | undefined {
  const subject = claimOf(claims, config.username_claim)
  const { tenant_claim: tenantClaim, groups_claim: groupsClaim } = config
  const tenant = tenantClaim === undefined ? undefined : claimOf(claims, tenantClaim)
  if (!isName(subject) || (tenantClaim !== undefined && !isName(tenant))) return undefined
  return {
    tenant: isName(tenant) ? tenant : '',
    subject,
    ...(groupsClaim === undefined ? {} : { roles: rolesIn(claimOf(claims, groupsClaim)) }),
  }
}

/** Longer ones, or ones that would break lines, name nobody. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 1024 && !/\p{Cc}/u.test(value)
}

/** Names with dots are common (`https://example.org/roles`), so the whole name comes first. */
function claimOf(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  let found: unknown = claims
  for (const step of name.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined
    found = (found as Claims)[step]
  }
  return found
}

function rolesIn(found: unknown): readonly string[] {
  if (typeof found === 'string') return found.split(' ').filter(isName)
  return Array.isArray(found) ? found.filter(isName) : []
}
