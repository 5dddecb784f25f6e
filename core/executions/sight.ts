// Which executions somebody may see: the pages of receivers ask, and clients that subscribe.

import type { Origin } from '../batch.ts'
import { permits, type RolesConfig } from '../trust/index.ts'
import type { OpenExecution } from './execution.ts'

/** What a role that may look at executions has among its `acts`. */
export const READ = 'executions:read'

export type Sees = (execution: OpenExecution) => boolean

/** Whoever has no tenant and needs no role sees all; others their own tenant's, and what their roles are for. */
export function seenBy(origin: Origin, roles: RolesConfig | undefined): Sees {
  if (roles === undefined) return origin.tenant === '' ? () => true : (execution) => execution.origin.tenant === origin.tenant
  return ({ origin: { tenant }, service }) => permits(roles, origin, { act: READ, tenant, ...(service === '' ? {} : { service }) })
}
