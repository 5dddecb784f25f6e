// Extension `bearer_token_auth` at work, for both directions: exporters show the first token, senders may show any.

import { type ClientAuthenticator, type Origin, type ServerAuthenticator, type Settings, UnauthenticatedError } from '../../core/index.ts'
import { isSameSecret, SecretFile } from '../../core/client/index.ts'
import { type BearerTokenAuthConfig, TOKEN } from './factory.ts'

export class BearerTokenAuth implements ClientAuthenticator, ServerAuthenticator {
  readonly #header: string
  readonly #scheme: string
  readonly #tokens: () => readonly string[]
  /** One object for all: which token was shown says nothing about who showed it. */
  readonly #origin: Origin = { tenant: '', headers: new Map() }

  constructor({ header, scheme, token, tokens, filename }: BearerTokenAuthConfig, { clock, log }: Settings) {
    this.#header = header.toLowerCase()
    this.#scheme = scheme
    if (filename === undefined) {
      const fixed = tokens ?? [token!]
      this.#tokens = () => fixed
    } else {
      const file = new SecretFile('filename', filename, clock, log)
      this.#tokens = () => tokensIn(file.text())
    }
  }

  /** A file that is not there, or that holds no token, ends the start. */
  async start(): Promise<void> {
    this.#tokens()
  }

  async stop(): Promise<void> {}

  async headers(): Promise<Readonly<Record<string, string>>> {
    const [token] = this.#tokens()
    return { [this.#header]: this.#scheme === '' ? token! : `${this.#scheme} ${token}` }
  }

  async authenticate(headers: ReadonlyMap<string, string>): Promise<Origin> {
    const value = headers.get(this.#header)
    if (value === undefined) throw new UnauthenticatedError(`the header ${this.#header} is missing`)
    const presented = this.#withoutScheme(value.trim())
    if (presented === undefined) throw new UnauthenticatedError(`the header ${this.#header} does not begin with ${this.#scheme}`)
    let isRight = false
    // All of them, so that the time does not tell which one.
    for (const token of this.#tokens()) isRight = isSameSecret(presented, token) || isRight
    if (!isRight) throw new UnauthenticatedError('the token is wrong')
    return this.#origin
  }

  #withoutScheme(value: string): string | undefined {
    if (this.#scheme === '') return value
    const space = value.indexOf(' ')
    return value.slice(0, Math.max(space, 0)).toLowerCase() === this.#scheme.toLowerCase() ? value.slice(space).trim() : undefined
  }
}

function tokensIn(text: string): readonly string[] {
  const tokens = text.split('\n').map((line) => line.trim())
  const found = tokens.filter((token) => token !== '')
  if (found.some((token) => !TOKEN.test(token))) {
    throw new Error('filename holds a token that a header cannot carry; accepted: printable ASCII without blanks, one in each line')
  }
  return found
}
