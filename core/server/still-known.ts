// Asks again, once a minute, who is at the other end of what stays open: tokens expire, and accounts are taken back. Doors do so for streams and for
// WebSocket connections.

import type { Peer, ServerAuthenticator } from '../component.ts'
import type { Clock } from '../clock.ts'
import { UnauthenticatedError } from '../errors.ts'
import type { Audit } from './guard.ts'

/** For so long at most a connection outlives what it was opened with. */
const ASK_EVERY_MS = 60_000

export interface Asked {
  readonly authenticator?: ServerAuthenticator | undefined
  readonly audit?: Audit | undefined
  readonly clock: Clock
}

/** Calls `unknown`, once, when the sender whom these headers have told is known no longer; call what it returns when the connection is gone. */
export function whileKnown(
  { authenticator, audit, clock }: Asked,
  headers: ReadonlyMap<string, string>,
  peer: Peer,
  unknown: (message: string) => void,
): () => void {
  if (authenticator === undefined) return () => {}
  let isOver = false
  const askLater = (): { cancel(): void } => clock.after(ASK_EVERY_MS, () => void ask())
  const ask = async (): Promise<void> => {
    try {
      await authenticator.authenticate(headers, peer)
    } catch (error) {
      // Who cannot tell now is asked again.
      if (error instanceof UnauthenticatedError && !isOver) {
        isOver = true
        audit?.({ kind: 'refusal', act: 'authenticate', reason: error.message })
        unknown(error.message)
      }
    }
    if (!isOver) timer = askLater()
  }
  let timer = askLater()
  return () => {
    isOver = true
    timer.cancel()
  }
}
