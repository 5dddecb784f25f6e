// The `auth` section of a receiver at work: who is asked for the origin, and who is told of refusals. Receivers hand it to their doors.

import type { AuditEntry, ServerAuthenticator, Settings } from '../component.ts'
import type { AuthConfig } from '../trust/auth-schema.ts'

/** Writes down who was refused, and what else must not be done unseen. It fails nobody: a record that cannot be written is in the log. */
export type Audit = (entry: Omit<AuditEntry, 'component'>) => void

export interface Guard {
  /** Without one, everybody may send, and the origin is anonymous. */
  readonly authenticator?: ServerAuthenticator
  readonly audit?: Audit
}

export function guardOf(auth: AuthConfig | undefined, settings: Settings): Guard {
  if (auth === undefined) return {}
  const authenticator = settings.extension('server_auth', auth.authenticator)
  if (auth.audit === undefined) return { authenticator }
  const auditor = settings.extension('audit', auth.audit)
  return { authenticator, audit: (entry) => void auditor.record({ ...entry, component: settings.id }) }
}
