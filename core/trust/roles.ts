// Decides what a sender may do, by its roles. Receivers ask before they take what was sent, and before they show anything.

import type { Origin, Signal } from '../batch.ts'
import { fits, type RolesConfig } from './roles-schema.ts'

/** What somebody is about to do: one of the first three, and of whose it is. */
export interface Deed {
  /** The kind of a protocol message. */
  readonly message?: string
  readonly signal?: Signal
  readonly act?: string
  /** Where it is known. */
  readonly service?: string
  /** Whose data it is; without it, the sender's own. */
  readonly tenant?: string
}

/**
 * Without `roles` everybody may do everything. With them, one role of the sender must allow the whole deed: what one role allows for one
 * service says nothing of another service. A role that is not configured allows nothing.
 */
export function permits(roles: RolesConfig | undefined, origin: Origin, deed: Deed): boolean {
  if (roles === undefined) return true
  return (origin.roles ?? []).some((name) => Object.hasOwn(roles, name) && allows(roles[name]!, origin, deed))
}

type Role = RolesConfig[string]

function allows(role: Role, origin: Origin, { message, signal, act, service, tenant }: Deed): boolean {
  const asked = [message, signal, act].filter((word) => word !== undefined)
  return (
    asked.length > 0 &&
    isListed(role.messages, message) &&
    isListed(role.signals, signal) &&
    isListed(role.acts, act) &&
    isListed(role.services, service) &&
    (tenant === undefined || tenant === origin.tenant || isListed(role.tenants, tenant))
  )
}

function isListed(patterns: readonly string[], word: string | undefined): boolean {
  return word === undefined || patterns.some((pattern) => fits(pattern, word))
}
