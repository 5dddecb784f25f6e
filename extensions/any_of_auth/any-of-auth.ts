// Extension `any_of_auth` at work: the first authenticator that knows the sender says who it is.

import { type Origin, type Peer, type ServerAuthenticator, UnauthenticatedError } from '../../core/index.ts'

export class AnyOfAuth implements ServerAuthenticator {
  readonly #asked: readonly ServerAuthenticator[]

  constructor(asked: readonly ServerAuthenticator[]) {
    this.#asked = asked
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  async authenticate(headers: ReadonlyMap<string, string>, peer?: Peer): Promise<Origin> {
    const refusals = new Set<string>()
    let fault: unknown
    for (const authenticator of this.#asked) {
      try {
        return await authenticator.authenticate(headers, peer)
      } catch (error) {
        if (error instanceof UnauthenticatedError) refusals.add(error.message)
        else fault ??= error
      }
    }
    // Whoever could not be asked might have known the sender, who may come again.
    if (fault !== undefined) throw fault
    throw new UnauthenticatedError([...refusals].join('; '))
  }
}
