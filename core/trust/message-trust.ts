// Decides whether a message of the trace protocol may be believed, as the `trust` section asks: its token, its time, its seal, its signature,
// its encryption. Receivers of every transport hold one, and ask it of each message before they look at what is in it.

import type { Origin } from '../batch.ts'
import type { Clock } from '../clock.ts'
import type { Logger, ServerAuthenticator } from '../component.ts'
import { parseDuration } from '../config/duration.ts'
import { UnauthenticatedError } from '../errors.ts'
import { NotCanonicalError } from './canonical-json.ts'
import { credentialsIn } from './message-credentials.ts'
import { digestIn, isDigest, isIntegrityProof, isSignature, provedText } from './proofs.ts'
import { isSealed, openPayload, sealedPayloadOf } from './sealed-payload.ts'
import { type Sender, SenderKeys } from './sender-keys.ts'
import type { TrustConfig } from './trust-schema.ts'
import { type JsonObject, type Rejection, rejection, type Verdict } from './verdict.ts'

export interface MessageTrustTools {
  readonly clock: Clock
  readonly log: Logger
  /** What `trust.authenticator` names: `settings.extension('server_auth', id)`. */
  readonly authenticator?: ServerAuthenticator
  /** Reads what was sealed; `JSON.parse` where a receiver has no reader of its own. */
  readonly parse?: (text: string) => unknown
}

/** RFC 3339, with the offset that it demands. */
const TIMESTAMP = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/

export class MessageTrust {
  readonly #config: TrustConfig
  readonly #tools: MessageTrustTools
  readonly #keys: SenderKeys
  readonly #maxAgeMs: number
  readonly #maxAheadMs: number

  constructor(config: TrustConfig, tools: MessageTrustTools) {
    this.#config = config
    this.#tools = tools
    this.#keys = new SenderKeys(config, tools)
    this.#maxAgeMs = parseDuration(config.max_age)
    this.#maxAheadMs = parseDuration(config.max_ahead)
  }

  /** @throws Error in words where a key cannot be had: a receiver that could check nothing must not start. */
  start(): void {
    this.#keys.read()
  }

  /**
   * For how long a message may come again and still be in time: a receiver that asks for timestamps must remember at least this long what it
   * accepted. Infinity where it does not ask.
   */
  get replayableMs(): number {
    return this.#config.timestamp === 'required' ? this.#maxAgeMs + this.#maxAheadMs : Infinity
  }

  /**
   * `origin`: whom the connection names. Changes nothing and throws nothing; a promise only where a token had to be checked. With everything
   * `off` it costs nothing.
   */
  check(message: JsonObject, origin: Origin): Verdict | Promise<Verdict> {
    const { authentication } = this.#config
    if (authentication === 'off') return this.#checkRest(message, origin)
    const credentials = credentialsIn(message)
    if (credentials === undefined) {
      const missing = rejection('unauthenticated', '/sender/authentication/token', 'there is no token; one is needed here')
      return authentication === 'required' ? missing : this.#checkRest(message, origin)
    }
    return this.#authenticate(credentials, origin).then((found) => ('ok' in found ? found : this.#checkRest(message, found)))
  }

  async #authenticate(authorization: string, connection: Origin): Promise<Origin | Rejection> {
    const path = '/sender/authentication/token'
    try {
      const named = await this.#tools.authenticator!.authenticate(new Map([['authorization', authorization]]))
      if (connection.tenant !== '' && named.tenant !== connection.tenant)
        return rejection('unauthenticated', path, 'it names another tenant than the connection does')
      return named
    } catch (error) {
      if (error instanceof UnauthenticatedError) return rejection('unauthenticated', path, 'it is not good here')
      this.#tools.log.warn({ reason: String(error) }, 'the tokens of messages cannot be checked now; their senders are told to try again')
      return rejection('unavailable', path, 'it cannot be checked now')
    }
  }

  #checkRest(message: JsonObject, origin: Origin): Verdict {
    const sender = this.#keys.of(senderIdIn(message) ?? origin.subject)
    return this.#stranger(sender, origin) ?? this.#untimely(message) ?? this.#proved(message, sender, origin)
  }

  #stranger({ subjects }: Sender, { subject }: Origin): Rejection | undefined {
    if (subjects === undefined || (subject !== undefined && subjects.has(subject))) return undefined
    return rejection('untrusted', '/sender/sender_id', 'whoever sends this may not send under this name')
  }

  #untimely({ timestamp }: JsonObject): Rejection | undefined {
    const { timestamp: mode } = this.#config
    if (mode === 'off' || (mode === 'optional' && timestamp === undefined)) return undefined
    if (typeof timestamp !== 'string' || !TIMESTAMP.test(timestamp))
      return rejection('malformed', '/timestamp', 'accepted: a time such as 2026-01-31T12:00:00.000Z')
    const aheadMs = Date.parse(timestamp) - this.#tools.clock.now().getTime()
    // Written so that a day which is none, such as the 31st of February, whose time is NaN, is refused too.
    if (aheadMs <= this.#maxAheadMs && aheadMs >= -this.#maxAgeMs) return undefined
    return rejection('untrusted', '/timestamp', 'it is too far from now')
  }

  #proved(message: JsonObject, sender: Sender, origin: Origin): Verdict {
    const { integrity, signature } = this.#config
    if (integrity === 'off' && signature === 'off') return this.#opened(message, origin)
    const { security } = message
    if (security !== undefined && !isObject(security)) return rejection('malformed', '/security', 'accepted: an object')
    const { integrity_check: seal, message_signature: signed } = security ?? {}
    if (!isAsked(integrity, seal) && !isAsked(signature, signed)) return this.#opened(message, origin)
    try {
      const text = provedText(message)
      const refused = this.#unsealed(seal, text, sender) ?? this.#unsigned(signed, text, sender)
      if (refused !== undefined) return refused
      const opened = this.#opened(message, origin, text)
      const isProved = isAsked(integrity, seal) || (isAsked(signature, signed) && digestIn(signed) === undefined)
      return opened.ok && isProved ? { ...opened, proved: true } : opened
    } catch (error) {
      if (!(error instanceof NotCanonicalError)) throw error
      return rejection('malformed', error.path, `it has no canonical form: ${error.message}`)
    }
  }

  #unsealed(found: unknown, text: string, { integrity: key }: Sender): Rejection | undefined {
    if (!isAsked(this.#config.integrity, found)) return undefined
    const path = '/security/integrity_check'
    if (found === undefined) return rejection('untrusted', path, 'it is missing, and needed here')
    const isGood = key !== undefined && isIntegrityProof(found, text, key.get())
    return isGood ? undefined : rejection('untrusted', path, 'it does not fit the message')
  }

  #unsigned(found: unknown, text: string, { signature: key }: Sender): Rejection | undefined {
    const { signature: mode } = this.#config
    if (!isAsked(mode, found)) return undefined
    const path = '/security/message_signature'
    if (found === undefined) return rejection('untrusted', path, 'it is missing, and needed here')
    const hex = digestIn(found)
    if (hex !== undefined && mode === 'required') return rejection('untrusted', path, 'a digest signs nothing; accepted: ed25519 or rs256')
    const isGood = hex === undefined ? key !== undefined && isSignature(found, text, key.get()) : isDigest(hex, text)
    return isGood ? undefined : rejection('untrusted', path, 'it does not fit the message')
  }

  #opened(message: JsonObject, origin: Origin, text?: string): Verdict {
    const { encryption } = this.#config
    const { payload } = message
    if (!isSealed(payload)) {
      if (encryption !== 'required') return text === undefined ? { ok: true, message, origin } : { ok: true, message, origin, text }
      return rejection('untrusted', '/payload', 'it is readable; a sealed one is needed here')
    }
    if (encryption === 'off') return rejection('untrusted', '/payload', 'it is sealed, and nothing sealed is taken here')
    const sealed = sealedPayloadOf(payload)
    if (sealed === undefined)
      return rejection(
        'malformed',
        '/payload',
        'accepted: key_id, iv (12 bytes), ciphertext and tag (16 bytes) in base64, and nothing else',
      )
    try {
      const key = this.#keys.sealing(sealed.key_id)
      const opened = key && openPayload(message, sealed, key.get(), this.#tools.parse)
      if (opened === undefined) return rejection('untrusted', '/payload', 'it does not open')
      return { ok: true, message: { ...message, payload: opened }, origin }
    } catch (error) {
      if (!(error instanceof NotCanonicalError)) throw error
      return rejection('malformed', error.path, `it has no canonical form: ${error.message}`)
    }
  }
}

function isAsked(mode: 'off' | 'optional' | 'required', found: unknown): boolean {
  return mode === 'required' || (mode === 'optional' && found !== undefined)
}

function senderIdIn({ sender }: JsonObject): string | undefined {
  const id = isObject(sender) && Object.hasOwn(sender, 'sender_id') ? sender['sender_id'] : undefined
  return typeof id === 'string' ? id : undefined
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
