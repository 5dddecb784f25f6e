// Extension `oauth2_client` at work: one token for all exporters that name it, replaced before it ends, by one request at a time.

import { asConsumeError, type ClientAuthenticator, parseDuration, type Settings } from '../../core/index.ts'
import type { Oauth2ClientConfig } from './factory.ts'
import { type Token, TokenRequest } from './token-request.ts'

interface Kept extends Token {
  readonly fromMs: number
  /** From here on a newer one is asked for. */
  readonly renewAtMs: number
  readonly endMs: number
}

/** After a refusal by the authorization server it is left alone for this long: senders come back in crowds. */
const FAILURE_REST_MS = 1000
/** Calls that were on their way are refused together; the token that the first of them got anew is not meant. */
const TOO_YOUNG_MS = 1000

export class Oauth2Client implements ClientAuthenticator {
  readonly #settings: Settings
  readonly #bufferMs: number
  readonly #request: TokenRequest
  #kept: Kept | undefined
  #asking: Promise<Kept> | undefined
  #failure: { readonly error: Error; readonly untilMs: number } | undefined

  constructor(config: Oauth2ClientConfig, settings: Settings) {
    this.#settings = settings
    this.#bufferMs = parseDuration(config.expiry_buffer)
    this.#request = new TokenRequest(config, settings)
  }

  /** No token is asked for yet: an authorization server that is down must not keep receivers that do without from starting. */
  async start(): Promise<void> {
    this.#request.open()
  }

  async stop(): Promise<void> {
    await this.#request.close()
  }

  async headers(): Promise<Readonly<Record<string, string>>> {
    const nowMs = this.#settings.clock.monotonicMs()
    const kept = this.#kept
    if (kept === undefined || nowMs >= kept.endMs) return { authorization: (await this.#renewed(nowMs)).authorization }
    // Nobody waits for the next one while this one is good.
    if (nowMs >= kept.renewAtMs) this.#renewed(nowMs).catch(() => {})
    return { authorization: kept.authorization }
  }

  refused(): void {
    const kept = this.#kept
    if (kept === undefined || this.#settings.clock.monotonicMs() - kept.fromMs < TOO_YOUNG_MS) return
    this.#kept = undefined
  }

  async #renewed(nowMs: number): Promise<Kept> {
    if (this.#failure !== undefined && nowMs < this.#failure.untilMs) throw this.#failure.error
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined))
    return this.#asking
  }

  async #ask(): Promise<Kept> {
    const { clock, log } = this.#settings
    try {
      const token = await this.#request.token()
      const fromMs = clock.monotonicMs()
      const goodMs = Math.max(token.livesMs - this.#bufferMs, token.livesMs / 2)
      if (this.#failure !== undefined) log.info({}, 'the authorization server gives tokens again')
      this.#failure = undefined
      return (this.#kept = { ...token, fromMs, renewAtMs: fromMs + goodMs, endMs: fromMs + token.livesMs })
    } catch (thrown) {
      const error = asConsumeError(thrown)
      if (this.#failure === undefined) log.warn({ reason: error.message }, 'there is no new token; exporters that need it wait')
      this.#failure = { error, untilMs: clock.monotonicMs() + FAILURE_REST_MS }
      throw error
    }
  }
}
