// Messages over HTTP: one a line, one request at a time, so that they arrive in order. `createClient` makes it, or imports another one.

import type { Settled } from './options.ts'
import { type Answer, isAnswer, NotNow, TooLarge, type Transport } from './transport.ts'

const ROOT_PATHS: ReadonlySet<string> = new Set(['', '/'])
/** Not the messages' fault, though the server is not overloaded either: timeouts, and what proxies say. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429])

export function endpointOf(url: URL, scheme: 'http' | 'ws'): string {
  const found = new URL(url)
  if (ROOT_PATHS.has(found.pathname)) found.pathname = '/v1/messages'
  // An URL cannot be told to leave a scheme that is special.
  return found.href.replace(/^(?:http|ws)(s?):/, `${scheme}$1:`)
}

/** Rejects where the application has none within the time that an answer may take: it may wait for a server of its own. */
export async function tokenOf({ token, answerTimeoutMs }: Settled): Promise<string | undefined> {
  if (typeof token !== 'function') return token
  const { promise, reject } = Promise.withResolvers<never>()
  const timer: { unref?: () => void } = setTimeout(() => reject(new NotNow(`no token within ${answerTimeoutMs} ms`)), answerTimeoutMs)
  timer.unref?.()
  try {
    return await Promise.race([token(), promise])
  } finally {
    clearTimeout(timer as ReturnType<typeof setTimeout>)
  }
}

export class HttpTransport implements Transport {
  readonly window = 1
  readonly #options: Settled
  readonly #endpoint: string
  #running: AbortController | undefined
  #isLeaving = false

  constructor(options: Settled) {
    this.#options = options
    this.#endpoint = endpointOf(options.url, 'http')
  }

  async send(texts: readonly string[]): Promise<readonly Answer[]> {
    const body = `${texts.join('\n')}\n`
    // One controller for time and closing: joining two signals costs as much as the rest of a small request.
    const running = new AbortController()
    this.#running = running
    const { answerTimeoutMs } = this.#options
    const timer = setTimeout(() => running.abort(new NotNow(`no answer within ${answerTimeoutMs} ms`)), answerTimeoutMs)
    try {
      const headers = await this.#headers()
      const { signal } = running
      const response = await fetch(this.#endpoint, { method: 'POST', headers, body, signal, keepalive: this.#isLeaving })
      return this.#answers(texts.length, response, await response.text())
    } catch (error) {
      throw causeOf(error)
    } finally {
      clearTimeout(timer)
    }
  }

  leaving(isLeaving: boolean): void {
    this.#isLeaving = isLeaving
  }

  close(): void {
    this.#running?.abort(new NotNow('the client is closed'))
  }

  async #headers(): Promise<Record<string, string>> {
    const token = await tokenOf(this.#options)
    const headers = { ...this.#options.headers, 'content-type': 'application/x-ndjson' }
    return token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` }
  }

  #answers(count: number, response: Response, text: string): readonly Answer[] {
    const { status } = response
    const answers = linesOf(text)
    const why = answers?.[0]?.errors?.[0]?.message ?? text.slice(0, 200)
    if (status === 413) throw new TooLarge(`the server answered 413: ${why}`)
    // A token that is made anew may be good the next time.
    if (status === 401 && typeof this.#options.token === 'function') throw new NotNow(`the server answered 401: ${why}`)
    if (answers?.length === count) return answers
    if (status >= 500 || PASSING.has(status)) throw new NotNow(`the server answered ${status}: ${why}`, retryAfterOf(response, answers))
    if (status < 400) throw new NotNow(`the server answered ${status} without an answer for each message: ${why}`)
    const errors = answers?.[0]?.errors ?? [{ path: '', message: `the server answered ${status}: ${why}` }]
    return Array.from({ length: count }, () => ({ status: 'rejected', errors }))
  }
}

/** Undefined where it is something else, such as a page of a proxy's. */
function linesOf(text: string): readonly Answer[] | undefined {
  try {
    const answers: unknown[] = text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line))
    return answers.length > 0 && answers.every(isAnswer) ? answers : undefined
  } catch {
    return undefined
  }
}

function retryAfterOf({ headers }: Response, answers: readonly Answer[] | undefined): number {
  const seconds = Number(headers.get('retry-after'))
  return answers?.[0]?.retry_after_ms ?? (seconds > 0 ? seconds * 1000 : 0)
}

/** `fetch failed` says nothing; what is behind it does. */
function causeOf(error: unknown): unknown {
  return error instanceof TypeError && error.cause instanceof Error ? error.cause : error
}
