// Options that both protocols of receiver `otlp` have, of ours and of the Collector's, and what a schema cannot say of them.

import {
  type AuthConfig,
  type ConfigFault,
  LISTEN_ACCEPTED,
  listenAddressOf,
  quoted,
  rolesFaults,
  type ServerTlsConfig,
  serverTlsFaults,
} from '../../core/factory.ts'

export const TRANSPORT = {
  type: 'string',
  enum: ['tcp', 'unix'],
  default: 'tcp',
  description: 'With `unix`, `endpoint` is the path of a socket.',
} as const

export const INCLUDE_METADATA = {
  type: 'boolean',
  default: false,
  description: 'Not supported: headers do not travel with the data. Only `false` is accepted.',
} as const

export const TIMEOUT = {
  type: 'string',
  format: 'duration',
  default: '8s',
  description: 'How long the pipelines may take to accept a request; then the sender is told to try again. Below the 10s that SDKs wait.',
} as const

export const READ_TIMEOUT = {
  type: 'string',
  format: 'duration',
  default: '60s',
  description: 'How long a whole request may take to arrive. 0 is without limit.',
} as const

export const MIN_BODY_RATE = {
  type: 'integer',
  format: 'bytes',
  minimum: 0,
  default: 256,
  description: 'How many bytes a second a body must arrive with, on the average, once `min_body_rate_grace` is over. 0 is no minimum.',
} as const

export const MIN_BODY_RATE_GRACE = {
  type: 'string',
  format: 'duration',
  default: '10s',
  description: 'How long a body may take at any rate.',
} as const

export const MAX_CONNECTIONS = {
  type: 'integer',
  minimum: 1,
  description: 'The most connections at once; more are closed. Without it, no limit.',
} as const

interface Common {
  readonly endpoint: string
  readonly auth?: AuthConfig
  readonly transport: 'tcp' | 'unix'
  readonly tls?: ServerTlsConfig
  readonly include_metadata: boolean
}

/** Paths are relative to the protocol's section. */
export function commonFaults({ endpoint, transport, tls, auth, include_metadata }: Common): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  if (listenAddressOf(endpoint, transport) === undefined) {
    const accepted = transport === 'unix' ? 'the path of a socket, of at most 103 bytes' : LISTEN_ACCEPTED
    faults.push({ path: ['endpoint'], message: `found ${quoted(endpoint)}; accepted: ${accepted}` })
  }
  if (include_metadata)
    faults.push({ path: ['include_metadata'], message: 'found true; headers do not travel with the data; accepted: false' })
  for (const { path, message } of rolesFaults(auth?.roles ?? {}, {})) faults.push({ path: ['auth', 'roles', ...path], message })
  if (tls !== undefined) {
    for (const { path, message } of serverTlsFaults(tls)) faults.push({ path: ['tls', ...path], message })
  }
  return faults
}
