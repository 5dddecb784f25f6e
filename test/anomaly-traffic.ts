// Made-up traffic of a shop in five services, with faults on demand: the same for the same seed. The story of anomalies and the figures of
// docs/anomaly.md are told with it.

import { Random } from '../core/anomaly/forest/index.ts'
import { encodeTraces, type PlainResource, type PlainSpan } from '../core/testing/index.ts'

export const FAULTS = ['slow dependency', 'error burst', 'retry storm', 'missing call', 'new route'] as const
export type Fault = (typeof FAULTS)[number]

/** One span before it has times: how long it works itself in milliseconds, whom it calls, one after another or side by side. */
interface Call {
  readonly service: string
  readonly name: string
  readonly ownMs: number
  readonly calls: readonly Call[]
  readonly isParallel?: boolean
  readonly hasFailed?: boolean
}

export interface MadeTrace {
  readonly id: string
  /** The fault that is in it. */
  readonly fault: Fault | undefined
  readonly rootName: string
  readonly durationMs: number
  readonly resources: readonly PlainResource[]
}

const ROUTES = [
  ['GET /', 35],
  ['GET /products/{id}', 30],
  ['GET /cart', 15],
  ['POST /cart', 12],
  ['POST /checkout', 8],
] as const
/** Of a thousand traces so many have an error without a fault being injected. */
const STRAY_ERRORS = 3

export class Traffic {
  readonly #random: Random
  #traces = 0
  #spans = 0
  readonly #seed: number
  #strength: number | undefined

  constructor(seed: number) {
    this.#seed = seed
    this.#random = new Random(seed)
  }

  /** How many traces were made. */
  get count(): number {
    return this.#traces
  }

  /**
   * The next trace; with a fault, one of the traces that can have it. `strength` is how many times as long a slow dependency takes (a hundred), or how often a
   * storm tries again (three to six times).
   */
  next(fault?: Fault, strength?: number): MadeTrace {
    this.#strength = strength
    const call = this.#root(fault)
    const id = `${this.#seed.toString(16).padStart(8, '0')}${(++this.#traces).toString(16).padStart(24, '0')}`
    const byService = new Map<string, PlainSpan[]>()
    const startNs = START + BigInt(this.#traces) * 10_000_000n
    const durationMs = this.#place(call, id, '', startNs, 0, byService)
    const resources = Array.from(byService, ([service, spans]) => ({ resource: { 'service.name': service }, scopeName: 'shop', spans }))
    return { id, fault, rootName: call.name, durationMs, resources }
  }

  /** A time around that many milliseconds: most within a factor of two, one in a hundred three times as long. */
  #ms(usual: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.#random.unit())) * Math.cos(2 * Math.PI * this.#random.unit())
    return usual * Math.exp(0.3 * normal) * (this.#random.below(100) === 0 ? 3 : 1)
  }

  #root(fault: Fault | undefined): Call {
    if (fault === 'new route') return this.#call('frontend', 'GET /export', 4, [this.#products(), this.#product()])
    const route = fault === undefined ? this.#route() : fault === 'error burst' ? 'GET /products/{id}' : 'POST /checkout'
    const isStray = fault === undefined && this.#random.below(1000) < STRAY_ERRORS
    return failed(this.#of(route, fault), isStray)
  }

  #route(): string {
    let at = this.#random.below(100)
    for (const [route, share] of ROUTES) if ((at -= share) < 0) return route
    return 'GET /'
  }

  #of(route: string, fault: Fault | undefined): Call {
    switch (route) {
      case 'GET /products/{id}': {
        const product = this.#product()
        const call = fault === 'error burst' ? { ...product, hasFailed: true, ownMs: product.ownMs / 4, calls: [] } : product
        return { ...this.#call('frontend', route, 3, [call, this.#cart()], true), hasFailed: fault === 'error burst' }
      }
      case 'GET /cart': {
        const items = Array.from({ length: 1 + this.#random.below(4) }, () => this.#product())
        return this.#call('frontend', route, 3, [this.#cart(), ...items])
      }
      case 'POST /cart':
        return this.#call('frontend', route, 2, [this.#call('cart', 'POST /items', 1, [this.#call('cart', 'redis SET', 1)])])
      case 'POST /checkout':
        return this.#call('frontend', route, 5, [this.#order(fault)])
      default:
        return this.#call('frontend', route, 3, [this.#products()])
    }
  }

  #order(fault: Fault | undefined): Call {
    const insert = this.#call('payments', 'INSERT payment', 12 * (fault === 'slow dependency' ? (this.#strength ?? 100) : 1))
    const charge = this.#call('payments', 'POST /charge', 20, [insert])
    const tries = fault === 'retry storm' ? 1 + (this.#strength ?? 3 + this.#random.below(4)) : 1
    const charges = Array.from({ length: tries }, (_, i) =>
      i < tries - 1 ? { ...this.#call('payments', 'POST /charge', 6), hasFailed: true } : charge,
    )
    const paid = fault === 'missing call' ? [] : charges
    return this.#call('orders', 'POST /orders', 6, [
      this.#cart(),
      ...paid,
      this.#call('orders', 'INSERT order', 8),
      this.#call('cart', 'DELETE /items', 1, [this.#call('cart', 'redis DEL', 1)]),
    ])
  }

  #cart(): Call {
    return this.#call('cart', 'GET /items', 1, [this.#call('cart', 'redis GET', 1)])
  }
  #product(): Call {
    return this.#call('catalog', 'GET /products/{id}', 2, [this.#call('catalog', 'SELECT product', 4)])
  }
  #products(): Call {
    return this.#call('catalog', 'GET /products', 4, [this.#call('catalog', 'SELECT products', 15)])
  }

  #call(service: string, name: string, usualMs: number, calls: readonly Call[] = [], isParallel = false): Call {
    return { service, name, ownMs: this.#ms(usualMs), calls, isParallel }
  }

  /** Gives the call its times and its place; returns how long it took. */
  #place(call: Call, traceId: string, parentSpanId: string, startNs: bigint, afterMs: number, all: Map<string, PlainSpan[]>): number {
    const spanId = (++this.#spans).toString(16).padStart(16, '0')
    let at = afterMs + call.ownMs / 2
    let end = at
    for (const child of call.calls) {
      const took = this.#place(child, traceId, spanId, startNs, at, all)
      end = Math.max(end, at + took)
      if (call.isParallel !== true) at = end
    }
    const ms = end + call.ownMs / 2 - afterMs
    const time = (offsetMs: number): bigint => startNs + BigInt(Math.round(offsetMs * 1e6))
    const spans = all.get(call.service) ?? []
    all.set(call.service, spans)
    spans.push({
      traceId,
      spanId,
      parentSpanId,
      name: call.name,
      startTimeUnixNano: time(afterMs),
      endTimeUnixNano: time(afterMs + ms),
      statusCode: call.hasFailed === true ? 2 : 0,
    })
    return ms
  }
}

const START = 1_767_225_600_000_000_000n

/** The request of several traces, as a gateway would see them. */
export function requestOf(traces: readonly MadeTrace[]): Buffer {
  return encodeTraces(traces.flatMap(({ resources }) => resources))
}

/** An error in the last span of the first branch, and in those that waited for it. */
function failed(call: Call, isStray: boolean): Call {
  if (!isStray) return call
  const [first, ...rest] = call.calls
  return { ...call, hasFailed: true, calls: first === undefined ? [] : [failed(first, true), ...rest] }
}
