// Extension `service_account_auth` at work: tells programs by their secrets, alone (Bearer) or beside their names (Basic).

import { hash, timingSafeEqual } from 'node:crypto'
import { type Origin, type ServerAuthenticator, type Settings, UnauthenticatedError } from '../../core/index.ts'
import { SecretFile } from '../../core/client/index.ts'
import { Origins } from '../../core/trust/index.ts'
import { SECRET, type ServiceAccountAuthConfig } from './factory.ts'

const CREDENTIALS = /^(bearer|basic) +([\x21-\x7e]+) *$/i
/** Held against the secret of an unknown name, so that it takes as long as a known one's. */
const NOBODY: readonly Buffer[] = [Buffer.alloc(32)]
const WRONG = 'the service account or its secret is wrong'

interface Account {
  readonly origin: Origin
  /** Of equal length, so that comparing tells nothing. */
  readonly digests: () => readonly Buffer[]
}

export class ServiceAccountAuth implements ServerAuthenticator {
  readonly #accounts = new Map<string, Account>()

  constructor({ accounts }: ServiceAccountAuthConfig, settings: Settings) {
    const origins = new Origins()
    for (const [name, { secret, secret_file: file, tenant = '', roles }] of Object.entries(accounts)) {
      const origin = origins.of({ tenant, subject: name, roles })
      const fixed = secret === undefined ? undefined : [digestOf(secret)]
      const digests = fixed === undefined ? secretsIn(name, file!, settings) : () => fixed
      this.#accounts.set(name, { origin, digests })
    }
  }

  /** A file that is not there, or that holds no secret, ends the start. */
  async start(): Promise<void> {
    const owners = new Map<string, string>()
    for (const [name, { digests }] of this.#accounts) {
      for (const digest of digests()) {
        const owner = owners.get(digest.toString('hex'))
        if (owner !== undefined && owner !== name) throw new Error(`the accounts ${owner} and ${name} have one secret; accepted: one each`)
        owners.set(digest.toString('hex'), name)
      }
    }
  }

  async stop(): Promise<void> {}

  async authenticate(headers: ReadonlyMap<string, string>): Promise<Origin> {
    const header = headers.get('authorization')
    if (header === undefined) throw new UnauthenticatedError('the header authorization is missing; accepted: Bearer or Basic')
    const [, scheme, credentials] = CREDENTIALS.exec(header) ?? []
    if (scheme === undefined) throw new UnauthenticatedError('the header authorization is neither Bearer nor Basic')
    const found = scheme.toLowerCase() === 'bearer' ? this.#bySecret(credentials!) : this.#byName(credentials!)
    if (found === undefined) throw new UnauthenticatedError(WRONG)
    return found
  }

  #bySecret(secret: string): Origin | undefined {
    const presented = digestOf(secret)
    let found: Origin | undefined
    // All of them, so that the time does not tell which one.
    for (const { origin, digests } of this.#accounts.values()) if (isOneOf(presented, digests())) found = origin
    return found
  }

  #byName(encoded: string): Origin | undefined {
    const pair = Buffer.from(encoded, 'base64').toString()
    const colon = pair.indexOf(':')
    const account = this.#accounts.get(pair.slice(0, Math.max(colon, 0)))
    const isRight = isOneOf(digestOf(pair.slice(colon + 1)), account?.digests() ?? NOBODY)
    return isRight && colon > 0 ? account?.origin : undefined
  }
}

function isOneOf(presented: Buffer, digests: readonly Buffer[]): boolean {
  let isRight = false
  for (const digest of digests) isRight = timingSafeEqual(presented, digest) || isRight
  return isRight
}

function digestOf(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

function secretsIn(name: string, path: string, { clock, log }: Settings): () => readonly Buffer[] {
  const file = new SecretFile(`accounts.${name}.secret_file`, path, clock, log)
  let read: string | undefined
  let digests: readonly Buffer[] = []
  return () => {
    const text = file.text()
    if (text === read) return digests
    const secrets = text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
    if (secrets.every((secret) => SECRET.test(secret))) digests = secrets.map(digestOf)
    else {
      const message = `accounts.${name}.secret_file holds no secret; accepted: at least 16 characters of printable ASCII without blanks`
      if (read === undefined) throw new Error(message)
      log.warn({ reason: message }, 'a changed file cannot be used; what it held stays')
    }
    read = text
    return digests
  }
}
