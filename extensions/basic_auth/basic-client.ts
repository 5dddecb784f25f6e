// Extension `basic_auth` for exporters: the header that says who we are.

import type { ClientAuthenticator, Settings } from '../../core/index.ts'
import { SecretFile } from '../../core/client/index.ts'
import type { BasicAuthConfig } from './factory.ts'

export class BasicClient implements ClientAuthenticator {
  readonly #username: () => string
  readonly #password: () => string

  constructor(config: NonNullable<BasicAuthConfig['client_auth']>, { clock, log }: Settings) {
    const text = (key: 'username' | 'password'): (() => string) => {
      const found = config[key]
      if (found !== undefined) return () => found
      const file = new SecretFile(`client_auth.${key}_file`, config[`${key}_file`]!, clock, log)
      return () => file.text()
    }
    this.#username = text('username')
    this.#password = text('password')
  }

  /** A file that is not there ends the start. */
  async start(): Promise<void> {
    await this.headers()
  }

  async headers(): Promise<Readonly<Record<string, string>>> {
    const username = this.#username()
    if (username.includes(':')) throw new Error('client_auth.username_file holds a name with a colon, which cannot be sent')
    return { authorization: `Basic ${Buffer.from(`${username}:${this.#password()}`).toString('base64')}` }
  }

  async stop(): Promise<void> {}
}
