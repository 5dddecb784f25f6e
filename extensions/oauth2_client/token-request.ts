// Asks an authorization server for a token: one request, and what its answer means. The extension keeps what comes of it.
//
// RFC 6749: 2.3.1 says how a client names itself, 4.4.2 the request, 5.1 the answer, 5.2 the error.

import { parseDuration, printable, RetryableError, type Settings } from '../../core/index.ts'
import { ClientTls, type HttpAnswer, HttpSender, proxyOf, SecretFile } from '../../core/client/index.ts'
import type { Oauth2ClientConfig } from './factory.ts'

export interface Token {
  /** The whole value of the header. */
  readonly authorization: string
  /** Infinity where the server does not say. */
  readonly livesMs: number
}

/** Where the client names itself. Servers must know the header; some know the body alone. */
type Style = 'header' | 'body'

export class TokenRequest {
  readonly #config: Oauth2ClientConfig
  readonly #settings: Settings
  readonly #url: URL
  readonly #id: () => string
  readonly #secret: () => string
  #sender: HttpSender | undefined
  #style: Style = 'header'

  constructor(config: Oauth2ClientConfig, settings: Settings) {
    this.#config = config
    this.#settings = settings
    this.#url = new URL(config.token_url)
    this.#id = textOf('client_id', config, settings)
    this.#secret = textOf('client_secret', config, settings)
  }

  /** Reads files, so that one which is missing ends the start. */
  open(): void {
    const { clock, log } = this.#settings
    this.#id()
    this.#secret()
    const { origin } = this.#url
    this.#sender ??= new HttpSender({
      origin,
      proxy: proxyOf(this.#url, undefined),
      tls: origin.startsWith('https:') ? new ClientTls(this.#config.tls, clock, log) : undefined,
      maxConnections: 1,
      idleTimeoutMs: 10_000,
      connectTimeoutMs: parseDuration(this.#config.timeout),
      clock,
    })
  }

  async close(): Promise<void> {
    await this.#sender?.destroy()
  }

  /** Rejects with RetryableError, which holds what the server calls the error, and nothing of what we sent. */
  async token(): Promise<Token> {
    const first = await this.#post(this.#style)
    if (first.status === 200) return this.#tokenIn(first)
    // Which style a server knows is not told; Go's library tries both, too.
    if (first.status !== 400 && first.status !== 401) throw this.#refused(first)
    const other: Style = this.#style === 'header' ? 'body' : 'header'
    const second = await this.#post(other)
    if (second.status !== 200) throw this.#refused(first)
    this.#style = other
    return this.#tokenIn(second)
  }

  async #post(style: Style): Promise<HttpAnswer> {
    if (this.#sender === undefined) throw new RetryableError(`${this.#settings.id} has not started`)
    const { timeout, scopes, endpoint_params: params } = this.#config
    const form = new URLSearchParams({ grant_type: 'client_credentials' })
    if (scopes.length > 0) form.set('scope', scopes.join(' '))
    for (const [name, value] of Object.entries(params)) for (const each of [value as string | string[]].flat()) form.append(name, each)
    const headers: Record<string, string> = {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      'user-agent': 'millrace',
    }
    const [id, secret] = [this.#id(), this.#secret()]
    if (style === 'header')
      headers['authorization'] = `Basic ${Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString('base64')}`
    else {
      form.set('client_id', id)
      form.set('client_secret', secret)
    }
    const path = this.#url.pathname + this.#url.search
    return await this.#sender.post(path, headers, [Buffer.from(form.toString())], parseDuration(timeout)).catch((error: Error) => {
      throw new RetryableError(`no token from ${this.#url.href}: ${error.message}`, { cause: error })
    })
  }

  #refused({ status, headers, body }: HttpAnswer): RetryableError {
    const { error } = objectIn(body)
    const name = typeof error === 'string' ? ` ${printable(error, 100)}` : ''
    const where = status >= 300 && status < 400 && headers['location'] !== undefined ? '; redirects are not followed' : ''
    return new RetryableError(`no token from ${this.#url.href}: ${status}${name}${where}`)
  }

  #tokenIn({ body }: HttpAnswer): Token {
    const { access_token: token, token_type: type, expires_in: expires } = objectIn(body)
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
      throw new RetryableError(`no token from ${this.#url.href}: 200 without access_token`)
    const seconds = Number(expires ?? Infinity)
    // Servers write `bearer` and mean `Bearer`; some receivers insist.
    const scheme = typeof type !== 'string' || type.toLowerCase() === 'bearer' || !/^[\w-]+$/.test(type) ? 'Bearer' : type
    return { authorization: `${scheme} ${token}`, livesMs: seconds > 0 ? seconds * 1000 : Infinity }
  }
}

function textOf(key: 'client_id' | 'client_secret', config: Oauth2ClientConfig, { clock, log }: Settings): () => string {
  const found = config[key]
  if (found !== undefined) return () => found
  const file = new SecretFile(`${key}_file`, config[`${key}_file`]!, clock, log)
  return () => file.text()
}

/** RFC 6749, appendix B. */
function formEncoded(text: string): string {
  return new URLSearchParams({ a: text }).toString().slice(2)
}

function objectIn(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const found: unknown = JSON.parse(body.toString())
    return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
