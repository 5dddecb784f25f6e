// What a schema cannot say of the sections that receivers of the trace protocol have alike, whatever they listen for.

import type { ConfigFault } from '../component.ts'
import { parseDuration } from '../config/duration.ts'
import { quoted } from '../printable.ts'
import { LISTEN_ACCEPTED, listenAddressOf } from '../server/listen-address.ts'
import { type ServerTlsConfig, serverTlsFaults } from '../tls/schema.ts'
import type { AuthConfig } from '../trust/auth-schema.ts'
import { rolesFaults } from '../trust/roles-schema.ts'
import { type TrustConfig, trustFaults } from '../trust/trust-schema.ts'
import type { ExecutionsConfig } from './options.ts'

/** What roles may be for, beside signals. */
const ACTS: ReadonlySet<string> = new Set(['executions:read'])
const MESSAGES: ReadonlySet<string> = new Set(['start', 'update', 'finish', 'metrics', 'anomaly'])

interface Sections extends Pick<ExecutionsConfig, 'remember'> {
  readonly endpoint: string
  readonly tls?: ServerTlsConfig
  readonly auth?: AuthConfig
  readonly trust?: TrustConfig
}

export function protocolFaults({ endpoint, tls, auth, trust, remember }: Sections): readonly ConfigFault[] {
  const faults = [...addressFaults(endpoint)]
  if (tls !== undefined) faults.push(...faultsUnder(['tls'], serverTlsFaults(tls)))
  if (auth?.roles !== undefined) faults.push(...faultsUnder(['auth', 'roles'], rolesFaults(auth.roles, { messages: MESSAGES, acts: ACTS })))
  if (trust === undefined) return faults
  faults.push(...faultsUnder(['trust'], trustFaults(trust)))
  if (trust.timestamp === 'required' && parseDuration(remember.for) < parseDuration(trust.max_age) + parseDuration(trust.max_ahead)) {
    const message = `found ${quoted(remember.for)}; accepted: at least trust.max_age and trust.max_ahead together, or a message can be replayed`
    faults.push({ path: ['remember', 'for'], message })
  }
  return faults
}

/** Of an `endpoint`, in the section that has it. */
export function addressFaults(endpoint: string): readonly ConfigFault[] {
  if (listenAddressOf(endpoint, 'tcp') !== undefined) return []
  return [{ path: ['endpoint'], message: `found ${quoted(endpoint)}; accepted: ${LISTEN_ACCEPTED}` }]
}

export function faultsUnder(keys: readonly string[], faults: readonly ConfigFault[]): readonly ConfigFault[] {
  return faults.map(({ path, message }) => ({ path: [...keys, ...path], message }))
}
