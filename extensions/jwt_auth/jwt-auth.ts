// Extension `jwt_auth` at work: holds the token of a sender against the issuer's keys and what is asked of its claims, and remembers what it
// found for as long as the token lives.

import { hash, type KeyObject } from 'node:crypto'
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify, type JWTVerifyOptions } from 'jose'
import { LRUCache } from 'lru-cache'
import { type Origin, parseDuration, type ServerAuthenticator, type Settings, UnauthenticatedError } from '../../core/index.ts'
import { Origins } from '../../core/trust/index.ts'
import { principalOf } from './claims.ts'
import type { JwtAuthConfig } from './factory.ts'
import { candidates, type PublishedKey } from './key-set.ts'
import { type KeySource, keySource } from './key-source.ts'

const CREDENTIALS = /^bearer +([\w.~+/-]+=*) *$/i
/** More than any token that identity providers give, and more than a header may have in Node. */
const MAX_TOKEN_CHARACTERS = 16 * 1024
const MAX_REMEMBERED = 10_000
const WRONG = 'the token is not good here'

interface Remembered {
  readonly origin: Origin
  readonly endMs: number
}

export class JwtAuth implements ServerAuthenticator {
  readonly #config: JwtAuthConfig
  readonly #settings: Settings
  readonly #source: KeySource
  readonly #header: string
  readonly #skewMs: number
  readonly #origins = new Origins()
  /** By the digest of the token: whoever reads our memory finds none. Checking a signature costs a hundred times the digest. */
  readonly #remembered = new LRUCache<string, Remembered>({ max: MAX_REMEMBERED })
  #rememberedWith: readonly PublishedKey[] | undefined

  constructor(config: JwtAuthConfig, settings: Settings) {
    this.#config = config
    this.#settings = settings
    this.#source = keySource(config, settings)
    this.#header = config.attribute.toLowerCase()
    this.#skewMs = parseDuration(config.clock_skew)
  }

  /** Keys that cannot be had end the start: nobody could be let in. */
  async start(): Promise<void> {
    await this.#source.start()
  }

  async stop(): Promise<void> {}

  async authenticate(headers: ReadonlyMap<string, string>): Promise<Origin> {
    const header = headers.get(this.#header)
    if (header === undefined) throw new UnauthenticatedError(`the header ${this.#header} is missing; accepted: Bearer and a token`)
    const token = header.length > MAX_TOKEN_CHARACTERS ? undefined : CREDENTIALS.exec(header)?.[1]
    if (token === undefined) throw new UnauthenticatedError(`the header ${this.#header} is not Bearer and a token`)
    const keys = this.#source.keys()
    // A key that is gone takes along what was let in by it.
    if (keys !== this.#rememberedWith) this.#remembered.clear()
    this.#rememberedWith = keys
    const digest = hash('sha256', token)
    const known = this.#remembered.get(digest)
    if (known !== undefined && this.#settings.clock.now().getTime() < known.endMs) return known.origin
    return this.#remember(digest, await this.#verified(token, keys))
  }

  #remember(digest: string, claims: JWTPayload): Origin {
    const principal = principalOf(claims, this.#config)
    if (principal === undefined) throw this.#refusal('a claim is missing')
    const origin = this.#origins.of(principal)
    this.#remembered.set(digest, { origin, endMs: claims.exp! * 1000 + this.#skewMs })
    return origin
  }

  async #verified(token: string, keys: readonly PublishedKey[]): Promise<JWTPayload> {
    const { alg, kid } = headerOf(token)
    if (!(this.#config.algorithms as readonly unknown[]).includes(alg)) throw this.#refusal('its algorithm is not accepted')
    let fitting = candidates(keys, alg, kid)
    if (fitting.length === 0) {
      await this.#source.refresh()
      fitting = candidates(this.#source.keys(), alg, kid)
    }
    for (const key of fitting) {
      const claims = await this.#signedBy(key, token)
      if (claims !== undefined) return claims
    }
    throw this.#refusal('none of the keys has signed it')
  }

  /** Undefined where another key may have. */
  async #signedBy(key: KeyObject, token: string): Promise<JWTPayload | undefined> {
    const { issuer_url: issuer, audience, algorithms } = this.#config
    const options: JWTVerifyOptions = {
      issuer,
      algorithms: [...algorithms],
      clockTolerance: this.#skewMs / 1000,
      currentDate: this.#settings.clock.now(),
      requiredClaims: ['exp'],
      ...(audience === undefined ? {} : { audience }),
    }
    try {
      return (await jwtVerify(token, key, options)).payload
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined
      if (error instanceof errors.JWTExpired) throw this.#refusal('it has ended', 'the token has ended')
      throw this.#refusal(error instanceof errors.JWTClaimValidationFailed ? `its claim ${error.claim} is not accepted` : 'it is malformed')
    }
  }

  /** The sender is told no more than it must know to come again; whoever runs the program may need the reason. */
  #refusal(reason: string, told: string = WRONG): UnauthenticatedError {
    this.#settings.log.debug({ reason }, 'a token was refused')
    return new UnauthenticatedError(told)
  }
}

function headerOf(token: string): { readonly alg?: string; readonly kid?: unknown } {
  try {
    const { alg, kid } = decodeProtectedHeader(token)
    return { ...(alg === undefined ? {} : { alg }), kid }
  } catch {
    return {}
  }
}
