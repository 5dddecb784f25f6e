// The `auth` section of receivers: who may connect, what they may do, and who keeps a record of those who were sent away. Receivers embed the
// schema in theirs; `guardOf` (core/server) does what it says.

import type { ConfigOf } from '../config/schema.ts'
import { rolesSchema } from './roles-schema.ts'

const properties = {
  authenticator: {
    type: 'string',
    extension: 'server_auth',
    description:
      'An extension that tells senders by their headers or certificates. Whom it does not know is answered 401 or UNAUTHENTICATED before the body is read.',
  },
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- it lets declarations be made from this file alone
  roles: rolesSchema as typeof rolesSchema,
  audit: {
    type: 'string',
    extension: 'audit',
    description: 'An extension that keeps a record of who was sent away, such as `audit_log`.',
  },
} as const

/** An interface would not do as a schema: it might be added to. */
export type AuthSchema = {
  readonly type: 'object'
  readonly description: string
  readonly required: readonly ['authenticator']
  readonly properties: typeof properties
}
export const authSchema: AuthSchema = { type: 'object', description: 'Who may send.', required: ['authenticator'], properties }
export type AuthConfig = ConfigOf<AuthSchema>
