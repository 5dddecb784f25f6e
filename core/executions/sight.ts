// Which executions somebody may see, and which messages somebody may send: receivers, their pages, and clients that subscribe ask.

import type { Origin } from '../batch.ts'
import { permits, type RolesConfig } from '../trust/index.ts'
import type { OpenExecution } from './execution.ts'
import type { Permit } from './intake.ts'

/** What a role that may look at executions has among its `acts`. */
export const READ = 'executions:read'

export type Sees = (execution: OpenExecution) => boolean

/** Whoever has no tenant and needs no role sees all; others their own tenant's, and what their roles are for. */
export function seenBy(origin: Origin, roles: RolesConfig | undefined): Sees {
  if (roles === undefined) return origin.tenant === '' ? () => true : (execution) => execution.origin.tenant === origin.tenant
  return ({ origin: { tenant }, service }) => permits(roles, origin, { act: READ, tenant, ...(service === '' ? {} : { service }) })
}

/** Without roles whoever may connect may send everything. */
export function permitBy(roles: RolesConfig | undefined): Permit {
  return ({ kind }, sender, { tenant, service }) =>
    permits(roles, sender, { message: kind, tenant, ...(service === undefined ? {} : { service }) })
}
