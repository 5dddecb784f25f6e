// One execution, as its application sees it: from `start` to `complete` or `fail`, with what it says and measures on the way. Nothing here throws.

import { type Carrier, inject, type TraceContext } from './context.ts'
import { randomHex } from './ids.ts'
import { messageOf } from './json.ts'
import type { Kind } from './letter.ts'
import { type Anchor, anchorNow, microsOf, microsSince, rfc3339 } from './time.ts'

export type Attributes = Readonly<Record<string, unknown>>
export type Time = Date | number

export interface StartOptions {
  /** What it is part of: another execution, or what `extract` found in the headers of a request. */
  readonly parent?: TraceContext | Execution | undefined
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  readonly attributes?: Attributes
  readonly startTime?: Time
  /** Others that it has to do with and is not part of. */
  readonly links?: readonly { readonly context: TraceContext; readonly relationship?: string; readonly attributes?: Attributes }[]
  /** Travels with `inject`, beside what the parent has. */
  readonly baggage?: Readonly<Record<string, string>>
  readonly userId?: string
  readonly sessionId?: string
  readonly tenantId?: string
  /** In every message of this execution and of its children. */
  readonly correlationId?: string
  /** Whatever else the protocol has for a start, under its own names. */
  readonly fields?: Attributes
}

export interface Update {
  readonly status?: string
  readonly message?: string
  /** Percent. */
  readonly progress?: number
  /** What it is doing now. */
  readonly operation?: string
  readonly attributes?: Attributes
  readonly metrics?: Attributes
  readonly fields?: Attributes
}

export interface Outcome {
  /** Such as `cancelled`; otherwise `completed`, or `failed`. */
  readonly status?: string
  readonly message?: string
  readonly result?: unknown
  readonly attributes?: Attributes
  /** What it measured as a whole. */
  readonly metrics?: Attributes
  readonly endTime?: Time
  readonly fields?: Attributes
}

export interface Execution {
  /** For others to be its children, in this process or another. */
  readonly context: TraceContext
  readonly isEnded: boolean
  /** It goes on. */
  update(change: Update): void
  /** Something happened at one moment. */
  event(name: string, attributes?: Attributes, time?: Time): void
  /** A gauge `mplp.custom_metrics.<name>`; the unit is told by how the name ends, as `_ms`, `_bytes` or `_percent`. */
  recordMetric(name: string, value: number): void
  /** An execution that is part of this one. */
  child(name: string, options?: Omit<StartOptions, 'parent'>): Execution
  /** It ended well. Only the first end counts. */
  complete(outcome?: Outcome): void
  /** It ended badly: `error` is whatever was thrown. */
  fail(error: unknown, outcome?: Outcome): void
  /** Writes its context into headers, which it returns. */
  inject<C extends Carrier>(carrier: C): C
}

/** What the client does with a message: `body` is made within, so that what goes wrong there is told and not thrown. */
export type Post = (kind: Kind, time: string, body: () => object, correlationId: string | undefined) => void

/** What all executions of a client say when they start. */
export interface Home {
  readonly service_name: string
  readonly service_version?: string | undefined
  readonly resource_attributes?: Attributes | undefined
}

export class OpenExecution implements Execution {
  readonly context: TraceContext
  readonly #name: string
  readonly #home: Home
  readonly #post: Post
  readonly #anchor: Anchor
  readonly #correlationId: string | undefined
  readonly #ids: { readonly trace_id: string; readonly span_id: string }
  readonly #parentSpanId: string | undefined
  #isEnded = false

  /** `parent` goes before that of the options. */
  constructor(name: string, options: StartOptions, parent: OpenExecution | undefined, home: Home, post: Post) {
    const { above, context, parentSpanId, correlationId } = beginningOf(options, parent)
    this.#name = name
    this.#home = home
    this.#post = post
    this.#anchor = above === undefined ? anchorNow() : above.#anchor
    this.#correlationId = correlationId ?? (above === undefined ? undefined : above.#correlationId)
    this.context = context
    this.#ids = { trace_id: context.traceId, span_id: context.spanId }
    this.#parentSpanId = parentSpanId
    this.#send('start', () => this.#startBody(options))
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  update(change: Update): void {
    this.#send('update', () => ({
      ...this.#ids,
      status: statusOf(change.status, change.message),
      progress_percentage: change.progress,
      current_operation: change.operation,
      span_attributes: change.attributes,
      performance_metrics: change.metrics,
      ...change.fields,
    }))
  }

  event(name: string, attributes?: Attributes, time?: Time): void {
    const now = this.#now()
    this.#send(
      'update',
      () => {
        const when = time === undefined ? now : rfc3339(microsOf(time))
        return { ...this.#ids, span_events: [{ event_name: name, event_timestamp: when, event_attributes: attributes }] }
      },
      now,
    )
  }

  recordMetric(name: string, value: number): void {
    this.#send('metrics', () => {
      if (!Number.isFinite(value)) throw new TypeError(`metric ${name}: got ${value}; accepted: a finite number`)
      const { service_name } = this.#home
      return { ...this.#ids, service_name, operation_name: this.#name, custom_metrics: { [name]: value } }
    })
  }

  child(name: string, options?: Omit<StartOptions, 'parent'>): Execution {
    return new OpenExecution(name, options ?? {}, this, this.#home, this.#post)
  }

  complete(outcome?: Outcome): void {
    this.#end('completed', outcome, undefined)
  }

  fail(error: unknown, outcome?: Outcome): void {
    this.#end('failed', outcome, () => faultOf(error))
  }

  inject<C extends Carrier>(carrier: C): C {
    return inject(this.context, carrier)
  }

  #startBody({ kind, attributes, links, startTime, userId, sessionId, tenantId, fields }: StartOptions): object {
    const { sampled, traceState, baggage } = this.context
    const isAbout = userId !== undefined || sessionId !== undefined || tenantId !== undefined
    return {
      ...this.#ids,
      parent_span_id: this.#parentSpanId,
      operation_name: this.#name,
      ...this.#home,
      start_time: startTime === undefined ? undefined : rfc3339(microsOf(startTime)),
      span_kind: kind,
      trace_state: traceState,
      baggage,
      span_attributes: attributes,
      links: links?.map(linkOf),
      context: isAbout ? { user_id: userId, session_id: sessionId, tenant_id: tenantId } : undefined,
      sampling_configuration: sampled ? undefined : { sampling_decision: 'not_sampled' },
      ...fields,
    }
  }

  #end(usually: string, outcome: Outcome | undefined, error: (() => Fault) | undefined): void {
    if (this.#isEnded) return
    this.#isEnded = true
    const now = this.#now()
    const body = (): object => {
      const fault = error?.()
      const { status, message, result, attributes, metrics, endTime, fields } = outcome ?? {}
      return {
        ...this.#ids,
        completion_timestamp: endTime === undefined ? undefined : rfc3339(microsOf(endTime)),
        status: statusOf(status ?? usually, message ?? fault?.message),
        errors: fault === undefined ? undefined : [{ timestamp: now, severity: 'error', ...fault }],
        execution_result: result === undefined || isObject(result) ? result : { value: result },
        span_attributes: attributes,
        final_metrics: metrics,
        ...fields,
      }
    }
    this.#send('finish', body, now)
  }

  #now(): string {
    return rfc3339(microsSince(this.#anchor))
  }

  /** What a message says happened when it was said: fields for other times are there where the application gives them. */
  #send(kind: Kind, body: () => object, time: string = this.#now()): void {
    this.#post(kind, time, body, this.#correlationId)
  }
}

interface Fault {
  readonly message: string
  readonly attributes: Attributes
}

interface Beginning {
  readonly above: OpenExecution | undefined
  readonly context: TraceContext
  readonly parentSpanId: string | undefined
  readonly correlationId: string | undefined
}

/** Options that cannot be read begin a trace of their own: what is wrong with them is told of the start, which reads them once more. */
function beginningOf(options: StartOptions, parent: OpenExecution | undefined): Beginning {
  try {
    const outer = parent ?? options.parent
    const above = outer instanceof OpenExecution ? outer : undefined
    const around = above?.context ?? (outer as TraceContext | undefined)
    const context = contextWithin(around, options.baggage)
    return { above, context, parentSpanId: around?.spanId, correlationId: options.correlationId }
  } catch {
    return {
      above: parent,
      context: contextWithin(parent?.context, undefined),
      parentSpanId: parent?.context.spanId,
      correlationId: undefined,
    }
  }
}

function contextWithin(outer: TraceContext | undefined, own: Readonly<Record<string, string>> | undefined): TraceContext {
  const baggage = own === undefined ? outer?.baggage : { ...outer?.baggage, ...own }
  return {
    traceId: outer?.traceId ?? randomHex(16),
    spanId: randomHex(8),
    sampled: outer?.sampled ?? true,
    ...(outer?.traceState === undefined ? {} : { traceState: outer.traceState }),
    ...(baggage === undefined ? {} : { baggage }),
  }
}

function linkOf({ context, relationship, attributes }: NonNullable<StartOptions['links']>[number]): object {
  return { trace_id: context.traceId, span_id: context.spanId, relationship, attributes }
}

function statusOf(code: string | undefined, message: string | undefined): unknown {
  return message === undefined ? code : { code, message }
}

function faultOf(error: unknown): Fault {
  if (!isError(error)) return { message: messageOf(error), attributes: { 'exception.message': messageOf(error) } }
  const { name, message, stack } = error
  return {
    message: message === '' ? name : message,
    attributes: { 'exception.type': name, 'exception.message': message, 'exception.stacktrace': stack },
  }
}

/** What is thrown may refuse even to be asked. */
function isError(value: unknown): value is Error {
  try {
    return value instanceof Error && typeof value.message === 'string'
  } catch {
    return false
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
