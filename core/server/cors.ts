// Cross-origin requests: which pages may send, as the browser asks before it lets them. The HTTP door asks for every request.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { badRequest, type Refusal } from './refusal.ts'

/** The Collector's `cors` section. */
export interface CorsOptions {
  readonly allowed_origins: readonly string[]
  readonly allowed_headers: readonly string[]
  readonly exposed_headers: readonly string[]
  /** Seconds; 0 does not say. */
  readonly max_age: number
}

/** What pages may always send: without Content-Type there is no OTLP. */
const ALWAYS = ['accept', 'content-type', 'x-requested-with']

export class Cors {
  readonly #origins: readonly RegExp[]
  readonly #isAnyOrigin: boolean
  readonly #headers: ReadonlySet<string>
  readonly #exposed: string
  readonly #maxAge: string | undefined

  constructor({ allowed_origins, allowed_headers, exposed_headers, max_age }: CorsOptions) {
    const listed = allowed_origins.filter((origin) => origin !== '*')
    this.#origins = listed.map((origin) => originPattern(origin))
    this.#isAnyOrigin = listed.length < allowed_origins.length
    this.#headers = new Set([...ALWAYS, ...allowed_headers.map((name) => name.toLowerCase())])
    this.#exposed = exposed_headers.join(', ')
    this.#maxAge = max_age > 0 ? String(max_age) : undefined
  }

  /** Puts onto the answer what lets the page read it. */
  allow(request: IncomingMessage, response: ServerResponse): void {
    const { origin } = request.headers
    response.setHeader('Vary', 'Origin')
    if (origin === undefined || !this.#setOrigin(origin, response)) return
    if (this.#exposed !== '') response.setHeader('Access-Control-Expose-Headers', this.#exposed)
  }

  /** Answers a browser that asks whether a page may do what the path is for; undefined where it is no such question. */
  preflight(request: IncomingMessage, response: ServerResponse, allowed: 'GET' | 'POST'): Refusal | 'answered' | undefined {
    const { origin, 'access-control-request-method': method, 'access-control-request-headers': wanted = '' } = request.headers
    if (request.method !== 'OPTIONS' || origin === undefined || method === undefined) return undefined
    const names = wanted.split(',').map((name) => name.trim().toLowerCase())
    const stranger = names.find((name) => name !== '' && !this.#headers.has(name) && !this.#headers.has('*'))
    if (method !== allowed) return forbidden(`cors: method ${method} is not allowed; accepted: ${allowed}`)
    if (stranger !== undefined) return forbidden(`cors: header ${stranger} is not in allowed_headers`)
    response.setHeader('Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers')
    if (!this.#setOrigin(origin, response)) return forbidden(`cors: origin ${origin} is not in allowed_origins`)
    response.setHeader('Access-Control-Allow-Methods', allowed)
    if (wanted !== '') response.setHeader('Access-Control-Allow-Headers', wanted)
    if (this.#maxAge !== undefined) response.setHeader('Access-Control-Max-Age', this.#maxAge)
    response.writeHead(204).end()
    return 'answered'
  }

  /** Credentials go with an origin that is listed, never with `*`. */
  #setOrigin(origin: string, response: ServerResponse): boolean {
    const isListed = this.#origins.some((pattern) => pattern.test(origin))
    if (!isListed && !this.#isAnyOrigin) return false
    response.setHeader('Access-Control-Allow-Origin', isListed ? origin : '*')
    if (isListed) response.setHeader('Access-Control-Allow-Credentials', 'true')
    return true
  }
}

function forbidden(message: string): Refusal {
  return { ...badRequest(message), httpStatus: 403 }
}

/** `*` stands for any part of an origin; alone, for every one. */
export function originPattern(origin: string): RegExp {
  // Any, with its slashes, and that of a page that has none: `null`.
  if (origin === '*') return /^/
  return new RegExp(`^${origin.split('*').map(escapePattern).join('[^/]*')}$`, 'i')
}

function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
