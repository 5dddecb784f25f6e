// Extension `client_certificate_auth` at work: names the sender by the certificate that TLS has verified, for as long as that is valid.

import type { X509Certificate } from 'node:crypto'
import { type Origin, type Peer, type ServerAuthenticator, type Settings, UnauthenticatedError } from '../../core/index.ts'
import { Origins } from '../../core/trust/index.ts'
import { nameIn } from './certificate-names.ts'
import type { ClientCertificateAuthConfig } from './factory.ts'

type Account = NonNullable<ClientCertificateAuthConfig['accounts']>[string]
const ANY: Account = { roles: [] }

export class ClientCertificateAuth implements ServerAuthenticator {
  readonly #config: ClientCertificateAuthConfig
  readonly #settings: Settings
  readonly #accounts: ReadonlyMap<string, Account> | undefined
  readonly #origins = new Origins()
  /** One entry a connection. */
  readonly #named = new WeakMap<X509Certificate, Origin>()

  constructor(config: ClientCertificateAuthConfig, settings: Settings) {
    this.#config = config
    this.#settings = settings
    this.#accounts = config.accounts && new Map(Object.entries(config.accounts))
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  async authenticate(_headers: ReadonlyMap<string, string>, peer?: Peer): Promise<Origin> {
    const certificate = peer?.certificate
    if (certificate === undefined) throw new UnauthenticatedError('there is no client certificate; accepted: one, over TLS')
    // A connection may live longer than the certificate that began it.
    if (certificate.validToDate < this.#settings.clock.now()) throw new UnauthenticatedError('the client certificate has expired')
    const known = this.#named.get(certificate)
    if (known !== undefined) return known
    const origin = this.#name(certificate)
    this.#named.set(certificate, origin)
    return origin
  }

  #name(certificate: X509Certificate): Origin {
    const { username_from: place, tenant_from: tenantPlace } = this.#config
    const subject = nameIn(certificate, place)
    if (subject === undefined) throw new UnauthenticatedError(`the client certificate does not have exactly one ${place}`)
    const account = this.#accounts === undefined ? ANY : this.#accounts.get(subject)
    if (account === undefined) throw new UnauthenticatedError('whom the client certificate names may not send here')
    const tenant = tenantPlace === undefined ? (account.tenant ?? '') : nameIn(certificate, tenantPlace)
    if (tenant === undefined) throw new UnauthenticatedError(`the client certificate does not have exactly one ${tenantPlace}`)
    return this.#origins.of({ tenant, subject, roles: account.roles })
  }
}
