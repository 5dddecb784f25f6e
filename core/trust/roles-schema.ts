// The `roles` section of receivers: what each role may do. Receivers embed the schema in theirs and ask `permits`.

import type { ConfigFault } from '../component.ts'
import type { ConfigOf } from '../config/schema.ts'
import { quoted } from '../printable.ts'

const properties = {
  messages: {
    type: 'array',
    default: [],
    items: { type: 'string', minLength: 1 },
    description: 'Kinds of protocol messages that may be sent: `start`, `update`, `finish`, `metrics`, `anomaly`, or `*`.',
  },
  signals: {
    type: 'array',
    default: [],
    items: { type: 'string', enum: ['traces', 'metrics', 'logs', '*'] },
    description: 'Signals that may be sent as OTLP.',
  },
  acts: {
    type: 'array',
    default: [],
    items: { type: 'string', minLength: 1 },
    description: 'What else may be done, such as `executions:read`; `executions:*` is all that begins so.',
  },
  services: {
    type: 'array',
    default: ['*'],
    items: { type: 'string', minLength: 1 },
    description: 'For which services; with `*` at the end, for all that begin so.',
  },
  tenants: {
    type: 'array',
    default: [],
    items: { type: 'string', minLength: 1 },
    description: "For which tenants beside the sender's own; `*` is all.",
  },
} as const

/** An interface would not do as a schema: it might be added to. */
export type RolesSchema = {
  readonly type: 'object'
  readonly description: string
  readonly folded: true
  readonly additionalProperties: { readonly type: 'object'; readonly properties: typeof properties }
}
export const rolesSchema: RolesSchema = {
  type: 'object',
  description:
    'What senders with these roles may do, by the name of the role. Once it is here, nobody may do what no role of theirs names. docs/trust.md has what can be said of a role.',
  folded: true,
  additionalProperties: { type: 'object', properties },
}
export type RolesConfig = ConfigOf<RolesSchema>

/** Paths are relative to the section. `isKnown` has the words that the receiver would ask for. */
export function rolesFaults(
  roles: RolesConfig,
  known: { readonly messages?: ReadonlySet<string>; readonly acts?: ReadonlySet<string> },
): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  for (const [name, role] of Object.entries(roles)) {
    for (const key of ['messages', 'acts'] as const) {
      const words = known[key]
      for (const [i, pattern] of role[key].entries()) {
        if (words === undefined) faults.push({ path: [name, key, i], message: `there are no ${key} here; leave it out` })
        else if (![...words].some((word) => fits(pattern, word)))
          faults.push({ path: [name, key, i], message: `found ${quoted(pattern)}; accepted: ${[...words].join(', ')}, or *` })
      }
    }
  }
  return faults
}

/** A `*` at the end stands for anything, elsewhere for itself. */
export function fits(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}
