// Where `jwt_auth` has its keys from: a file that is followed, or an URL that is asked again when its answer is old, or when a token names a
// key that is not known.

import { parseDuration, type Settings } from '../../core/index.ts'
import { FaultLog, guardedGet, isLoopbackHost, SecretFile } from '../../core/client/index.ts'
import type { JwtAuthConfig } from './factory.ts'
import { keysIn, type PublishedKey } from './key-set.ts'

export interface KeySource {
  /** @throws Error in words where there are no keys. */
  start(): Promise<void>
  /** The same list until there is another. */
  keys(): readonly PublishedKey[]
  /** None of the keys fits a token: waits for newer ones where they may be had now. */
  refresh(): Promise<void>
}

const MAX_DOCUMENT_BYTES = 512 * 1024

export function keySource(config: JwtAuthConfig, settings: Settings): KeySource {
  return config.public_keys_file === undefined ? new UrlKeys(config, settings) : new FileKeys(config.public_keys_file, settings)
}

class FileKeys implements KeySource {
  readonly #file: SecretFile
  readonly #settings: Settings
  #text: string | undefined
  #keys: readonly PublishedKey[] = []

  constructor(file: string, settings: Settings) {
    this.#settings = settings
    this.#file = new SecretFile('public_keys_file', file, settings.clock, settings.log)
  }

  async start(): Promise<void> {
    this.keys()
  }

  keys(): readonly PublishedKey[] {
    const text = this.#file.text()
    if (text === this.#text) return this.#keys
    try {
      this.#keys = keysIn(text)
    } catch (error) {
      const message = `public_keys_file holds ${(error as Error).message}`
      if (this.#text === undefined) throw new Error(message, { cause: error })
      this.#settings.log.warn({ reason: message }, 'a changed file cannot be used; the keys that it held stay')
    }
    this.#text = text
    return this.#keys
  }

  async refresh(): Promise<void> {}
}

class UrlKeys implements KeySource {
  readonly #config: JwtAuthConfig
  readonly #settings: Settings
  readonly #ca: SecretFile | undefined
  readonly #faults: FaultLog
  #keys: readonly PublishedKey[] = []
  #text = ''
  #askedMs = -Infinity
  #asking: Promise<void> | undefined

  constructor(config: JwtAuthConfig, settings: Settings) {
    const { issuer_ca_path: ca } = config
    this.#config = config
    this.#settings = settings
    this.#ca = ca === undefined ? undefined : new SecretFile('issuer_ca_path', ca, settings.clock, settings.log)
    this.#faults = new FaultLog(settings.log, settings.clock)
  }

  async start(): Promise<void> {
    await this.#ask()
  }

  keys(): readonly PublishedKey[] {
    // Nobody waits for newer ones; where they cannot be had, these stay good.
    if (this.#settings.clock.monotonicMs() - this.#askedMs >= parseDuration(this.#config.cache_duration)) void this.#askAgain()
    return this.#keys
  }

  async refresh(): Promise<void> {
    if (this.#settings.clock.monotonicMs() - this.#askedMs >= parseDuration(this.#config.cooldown)) await this.#askAgain()
    else await this.#asking
  }

  #askAgain(): Promise<void> {
    this.#asking ??= this.#ask()
      .then(
        () => this.#faults.worked(),
        (error: unknown) => this.#faults.failed((error as Error).message, 'the keys of the issuer cannot be had; those from before stay'),
      )
      .finally(() => (this.#asking = undefined))
    return this.#asking
  }

  async #ask(): Promise<void> {
    this.#askedMs = this.#settings.clock.monotonicMs()
    const url = await this.#keysUrl()
    const text = (await this.#get(url)).toString()
    if (text === this.#text) return
    try {
      this.#keys = keysIn(text)
    } catch (error) {
      throw new Error(`${url.origin}${url.pathname} holds ${(error as Error).message}`, { cause: error })
    }
    this.#text = text
  }

  /** OpenID Connect Discovery 1.0, 4: what the issuer says of itself must name the issuer. */
  async #keysUrl(): Promise<URL> {
    const { jwks_url: url, issuer_url: issuer } = this.#config
    if (url !== undefined) return new URL(url)
    const document = new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
    const { issuer: named, jwks_uri: found } = objectIn(await this.#get(document))
    if (named !== issuer) throw new Error(`${document.href} is of another issuer than issuer_url says`)
    const keys = typeof found === 'string' ? URL.parse(found) : null
    if (keys === null) throw new Error(`${document.href} has no jwks_uri`)
    return keys
  }

  async #get(url: URL): Promise<Buffer> {
    const { jwks_url: own, issuer_url: issuer, timeout, allow_private_addresses: isPrivateAllowed } = this.#config
    return await guardedGet(url, {
      timeoutMs: parseDuration(timeout),
      maxBytes: MAX_DOCUMENT_BYTES,
      ...(this.#ca === undefined ? {} : { ca: this.#ca.text() }),
      // Only who configures us may point to this machine, not who answers.
      isLoopbackAllowed: isLoopbackHost(new URL(own ?? issuer).hostname),
      isPrivateAllowed,
    })
  }
}

function objectIn(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const found: unknown = JSON.parse(body.toString())
    return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
