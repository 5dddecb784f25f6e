// OTLP on a connection that stays open: each frame is an export request, and its answer says what the response over HTTP would.

import {
  asConsumeError,
  type Consumer,
  MalformedError,
  type Origin,
  otlp,
  PartialError,
  PermanentError,
  type Settings,
  type Signal,
} from '../../core/index.ts'
import { type Audit, encodePartialSuccess, type Talk } from '../../core/server/index.ts'
import { permits, type RolesConfig } from '../../core/trust/index.ts'

export interface OtlpTalkTools {
  readonly signal: Signal
  readonly encoding: 'json' | 'protobuf'
  /** Undefined where no pipeline takes the signal. */
  readonly next: Consumer | undefined
  readonly origin: Origin
  /** How long the pipelines may take. */
  readonly timeoutMs: number
  readonly settings: Settings
  readonly roles: RolesConfig | undefined
  readonly audit: Audit | undefined
}

const DEFAULT_RETRY_MS = 1000

export class OtlpTalk implements Talk {
  readonly binary: boolean
  readonly #tools: OtlpTalkTools
  /** Of frames. */
  #number = 0

  constructor(tools: OtlpTalkTools) {
    this.#tools = tools
    this.binary = tools.encoding === 'protobuf'
  }

  take(frame: Buffer): string | Promise<string> {
    const number = ++this.#number
    const { signal, encoding, next, origin, roles } = this.#tools
    if (next === undefined) return refusal(number, 404, `no pipeline takes ${signal} from this receiver`)
    if (!permits(roles, origin, { signal })) return this.#forbid(number)
    let admitted
    try {
      admitted = admit(signal, encoding, frame)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      return refusal(number, 400, error.message)
    }
    const { chunk, count, refused, reason } = admitted
    const { settings, timeoutMs } = this.#tools
    if (refused > 0) settings.drop(refused, 'malformed')
    if (count === 0) return success(number, signal, refused, reason)
    return next.consume({ signal, chunks: [chunk], count, origin }, settings.clock.monotonicMs() + timeoutMs).then(
      () => success(number, signal, refused, reason),
      (thrown: unknown) => failure(number, signal, thrown, refused, reason),
    )
  }

  #forbid(number: number): string {
    const { signal, origin, audit } = this.#tools
    const { tenant, subject } = origin
    audit?.({ kind: 'refusal', act: `send ${signal}`, tenant, ...(subject === undefined ? {} : { subject }), reason: 'no role allows it' })
    return refusal(number, 403, 'whoever sends this may not')
  }
}

function admit(signal: Signal, encoding: 'json' | 'protobuf', frame: Buffer): ReturnType<typeof otlp.admit> {
  if (encoding === 'protobuf') return otlp.admit(signal, frame)
  const { bytes, refused, reason } = otlp.fromJson(signal, frame)
  const admitted = otlp.admit(signal, bytes)
  // Where the walk found a fault is a place in bytes that the sender has never seen.
  return { ...admitted, refused: admitted.refused + refused, reason: reason === '' ? admitted.reason.replace(/ at byte \d+$/, '') : reason }
}

function success(n: number, signal: Signal, rejected: number, message: string): string {
  if (rejected === 0 && message === '') return `{"n":${n},"status":200}`
  const partial = encodePartialSuccess(signal, 'json', { rejected, message }).toString()
  return `{"n":${n},"status":200,${partial.slice(1)}`
}

function failure(n: number, signal: Signal, thrown: unknown, refused: number, reason: string): string {
  const error = asConsumeError(thrown)
  if (error instanceof PermanentError) return refusal(n, 400, error.message)
  if (error instanceof PartialError)
    return success(n, signal, refused + error.refused, reason === '' ? error.message : `${reason}; ${error.message}`)
  return refusal(n, 503, error.message, error.retryAfterMs ?? DEFAULT_RETRY_MS)
}

function refusal(n: number, status: number, message: string, retryAfterMs?: number): string {
  return JSON.stringify({ n, status, message, ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }) })
}
