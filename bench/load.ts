// The load itself: requests leave on a schedule (open loop) or as soon as a connection is free (closed loop). `generator.ts` runs it.

import { gzipSync } from 'node:zlib'

import { httpHead, type Message } from './body.ts'
import { Connection, type Sender } from './connection.ts'
import { GrpcConnection, grpcMessage } from './grpc-connection.ts'
import { preparer, type Prepared, type Signal } from './prepare.ts'
import { SPANS_PER_TRACE } from './span-numbers.ts'

export interface LoadOptions {
  readonly port: number
  readonly path: string
  /** 32 bits that tell this run's spans from another's. */
  readonly run: number
  readonly spansPerRequest: number
  readonly connections: number
  /** `traces` where it is left out. */
  readonly signal?: Signal
  /** `http` where it is left out. */
  readonly transport?: 'http' | 'grpc'
  readonly tls?: boolean
  /** Compressed requests are made before the phase, so that compressing costs it nothing. */
  readonly gzip: boolean
}
export interface Phase {
  readonly seconds: number
  /** Open loop at this rate; closed loop if it is left out. */
  readonly tracesPerSecond?: number
}
export interface PhaseResult {
  /** When the first request left, in milliseconds since the epoch. */
  readonly beganAt: number
  /** From the first request to the last answer. */
  readonly seconds: number
  /** Requests that the schedule asked for; in a closed loop those that were sent. */
  readonly offeredRequests: number
  readonly sentRequests: number
  readonly acceptedRequests: number
  /** Answers by status; `0` are connections that broke, and answers that did not come in time. */
  readonly statuses: Readonly<Record<string, number>>
  /** Milliseconds from when a request was due to its answer; only of accepted requests. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly p999: number; readonly max: number }
}

/** Requests ready to send before a phase with gzip: the phase ends early where a closed loop uses them up. */
const MOST_COMPRESSED = 40_000
const LAST_ANSWERS_MS = 15_000

export class Load {
  readonly #options: Required<LoadOptions>
  readonly #connections: Sender[] = []
  readonly #messages: Prepared[] = []
  readonly #idle: Sender[] = []
  #compressed: Buffer[] = []
  #requests = 0
  #accepted = new Uint8Array(1 << 16)

  // The phase under way.
  #first = 0
  #began = 0
  #endsAt = 0
  /** Requests a millisecond; infinite in a closed loop. */
  #rate = 0
  #planned = 0
  #inFlight = 0
  #dueAt: Float64Array
  #requestOf: Int32Array
  #latencies: number[] = []
  #statuses = new Map<number, number>()
  #finished: (() => void) | undefined

  constructor(options: LoadOptions) {
    this.#options = { signal: 'traces', transport: 'http', tls: false, ...options }
    this.#dueAt = new Float64Array(options.connections)
    this.#requestOf = new Int32Array(options.connections)
  }

  /** All requests so far, and which of them were accepted, a bit each. */
  get answers(): { readonly accepted: Uint8Array; readonly requests: number; readonly spansPerRequest: number } {
    return { accepted: this.#accepted, requests: this.#requests, spansPerRequest: this.#options.spansPerRequest }
  }

  /** Resolves when every connection stands. */
  async connect(): Promise<void> {
    const { connections } = this.#options
    const prepare = preparer(this.#options)
    const all = new Promise<void>((resolve) => {
      const onIdle = (connection: Sender): void => {
        this.#idle.push(connection)
        if (this.#idle.length === connections) resolve()
        this.#pump()
      }
      for (let number = 0; number < connections; number++) {
        this.#messages.push(prepare(number))
        this.#connections.push(this.#connection(number, onIdle))
      }
    })
    await all
  }

  #connection(number: number, onIdle: (connection: Sender) => void): Sender {
    const onAnswer = (connection: Sender, status: number): void => this.#answered(connection, status)
    const { transport } = this.#options
    return transport === 'grpc'
      ? new GrpcConnection(number, this.#options, onAnswer, onIdle)
      : new Connection(number, this.#options, onAnswer, onIdle)
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
  }

  async run(phase: Phase): Promise<PhaseResult> {
    this.#first = this.#requests
    this.#rate = phase.tracesPerSecond === undefined ? Infinity : this.#requestsPerMs(phase.tracesPerSecond)
    this.#planned = this.#rate === Infinity ? Number.MAX_SAFE_INTEGER : Math.round(this.#rate * phase.seconds * 1000)
    if (this.#options.gzip) this.#compress()
    this.#latencies = []
    this.#statuses = new Map()
    this.#began = performance.now()
    this.#endsAt = this.#began + phase.seconds * 1000
    const finished = new Promise<void>((resolve) => (this.#finished = resolve))
    const ticking = setInterval(() => this.#pump(), 1)
    const giveUp = setTimeout(() => this.#finish(), phase.seconds * 1000 + LAST_ANSWERS_MS)
    this.#pump()
    await finished
    clearInterval(ticking)
    clearTimeout(giveUp)
    return this.#result()
  }

  #requestsPerMs(tracesPerSecond: number): number {
    return (tracesPerSecond * SPANS_PER_TRACE) / this.#options.spansPerRequest / 1000
  }

  #compress(): void {
    const { spansPerRequest, port, path, transport } = this.#options
    const { messages, patch } = this.#messages[0] as Prepared
    const count = Math.min(this.#planned, MOST_COMPRESSED)
    this.#planned = count
    this.#compressed = Array.from({ length: count }, (_, index) => {
      const request = this.#first + index
      const message = messages[request % messages.length] as Message
      patch(message, request * spansPerRequest)
      const body = gzipSync(message.bytes.subarray(message.bodyAt))
      return transport === 'grpc'
        ? grpcMessage(body, true)
        : Buffer.concat([httpHead({ host: `127.0.0.1:${port}`, path }, body.length, 'gzip'), body])
    })
  }

  /** Sends whatever is due on whatever is free. */
  #pump(): void {
    if (!this.#finished) return
    const now = performance.now()
    const over = now >= this.#endsAt
    const due = over ? 0 : Math.min(this.#planned, Math.floor((now - this.#began) * this.#rate) + 1)
    while (this.#idle.length > 0 && this.#requests - this.#first < due) this.#send(this.#idle.pop() as Sender, now)
    if ((over || this.#requests - this.#first >= this.#planned) && this.#inFlight === 0) this.#finish()
  }

  #send(connection: Sender, now: number): void {
    const request = this.#requests++
    const index = request - this.#first
    this.#requestOf[connection.number] = request
    this.#dueAt[connection.number] = this.#rate === Infinity ? now : this.#began + index / this.#rate
    this.#inFlight++
    if (this.#options.gzip) return connection.send(this.#compressed[index] as Buffer)
    const { messages, patch } = this.#messages[connection.number] as Prepared
    const message = messages[request % messages.length] as Message
    patch(message, request * this.#options.spansPerRequest)
    connection.send(message.bytes)
  }

  #answered(connection: Sender, status: number): void {
    this.#inFlight--
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1)
    if (status === 200 || status === 202) {
      this.#accept(this.#requestOf[connection.number] as number)
      this.#latencies.push(performance.now() - (this.#dueAt[connection.number] as number))
    }
  }

  #accept(request: number): void {
    const byte = request >>> 3
    if (byte >= this.#accepted.length) {
      const larger = new Uint8Array(Math.max(byte + 1, this.#accepted.length * 2))
      larger.set(this.#accepted)
      this.#accepted = larger
    }
    this.#accepted[byte] = (this.#accepted[byte] as number) | (1 << (request & 7))
  }

  #finish(): void {
    this.#finished?.()
    this.#finished = undefined
  }

  #result(): PhaseResult {
    const sentRequests = this.#requests - this.#first
    if (this.#inFlight > 0) this.#statuses.set(0, (this.#statuses.get(0) ?? 0) + this.#inFlight)
    this.#inFlight = 0
    const sorted = Float64Array.from(this.#latencies).toSorted()
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
    return {
      beganAt: performance.timeOrigin + this.#began,
      seconds: (performance.now() - this.#began) / 1000,
      offeredRequests: this.#rate === Infinity ? sentRequests : this.#planned,
      sentRequests,
      acceptedRequests: sorted.length,
      statuses: Object.fromEntries(this.#statuses),
      latency: { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) },
    }
  }
}
