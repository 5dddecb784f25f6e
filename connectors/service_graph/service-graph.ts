// Connector `service_graph` at work: pairs the client's span of a request with the server's, and counts it in the series of their edge.
//
// A span of a client (or producer) and that of its server (or consumer) have a trace id in common, and the id of the first is the parent of the second.

import type { Batch, Connector, Consumer, Origin, Settings } from '../../core/index.ts'
import { ANONYMOUS, asConsumeError, otlp } from '../../core/index.ts'
import { parseDuration } from '../../core/factory.ts'
import { column, MetricsRequest, OriginKeys, Periodic, Weight } from '../../core/series/index.ts'
import { END_TIME, lowerTime, START_TIME, statusCodeOf, upperTime } from '../../core/traces/index.ts'
import { Attributes } from './attributes.ts'
import { type Edge, emptyEdge, resetEdge } from './edge.ts'
import { Edges } from './edges.ts'
import type { Config } from './schema.ts'
import { Waiting } from './waiting.ts'

const SERVER = 2
const CLIENT = 3
const PRODUCER = 4
const CONSUMER = 5
const ERROR = 2
/** As the Collector's. */
const SCOPE = 'traces_service_graph'
/** So many edges are kept for the next requests. */
const MOST_SPARE = 10_000

/** What the spans of one resource have in common. */
interface Around {
  readonly index: otlp.RequestIndex
  readonly resource: number
  readonly service: string
  readonly origin: Origin
  readonly originKey: string
  readonly now: number
  readonly unixNano: bigint
}

export class ServiceGraph implements Connector {
  readonly #settings: Settings
  readonly #next: Consumer
  readonly #attributes: Attributes
  readonly #waiting: Waiting
  readonly #edges: Edges
  readonly #weight: Weight
  readonly #periodic: Periodic
  readonly #origins = new OriginKeys()
  /** Whether nodes that send no spans are drawn. */
  readonly #hasVirtualNodes: boolean
  readonly #out = new MetricsRequest(SCOPE)
  readonly #spare: Edge[] = []
  #unpaired = 0
  #dropped = 0
  #skipped = 0

  constructor(config: Config, next: Consumer, settings: Settings, random: () => number = Math.random) {
    const { clock, log } = settings
    this.#settings = settings
    this.#next = next
    this.#attributes = new Attributes(config)
    this.#hasVirtualNodes = config.virtual_node_peer_attributes.length > 0
    this.#waiting = new Waiting(parseDuration(config.store.ttl), config.store.max_items)
    this.#edges = new Edges(config)
    this.#weight = new Weight(random)
    const intervalMs = parseDuration(config.metrics_flush_interval)
    this.#periodic = new Periodic({ intervalMs, clock, log, round: (deadlineMs, isLast) => this.#round(deadlineMs, isLast) })
    this.#measure()
  }

  #measure(): void {
    const gauge = (name: string, unit: string, help: string, read: () => number): void =>
      this.#settings.meter.gauge(`millrace_service_graph_${name}`, unit, help, read)
    gauge('waiting', '{span}', 'Number of spans that wait for the other side of their request.', () => this.#waiting.size)
    gauge('edges', '{edge}', 'Number of edges that have series.', () => this.#edges.size)
    gauge('unpaired', '{span}', 'Number of spans whose other side did not come.', () => this.#unpaired)
    gauge('dropped', '{span}', 'Number of spans that found no room to wait.', () => this.#dropped)
    gauge('overflowed', '{request}', 'Number of times that an edge found no room for series of its own.', () => this.#edges.overflowed)
    gauge('skipped', '{span}', 'Number of spans of resources without a service.name, which are left out.', () => this.#skipped)
  }

  async start(): Promise<void> {
    this.#periodic.start()
  }

  stop(abort: AbortSignal): Promise<void> {
    return this.#periodic.stop(abort)
  }

  async consume(batch: Batch): Promise<void> {
    const now = this.#settings.clock.monotonicMs()
    const unixNano = this.#unixNano()
    this.#expire(now, unixNano)
    const originKey = this.#origins.of(batch.origin)
    for (const chunk of batch.chunks) {
      const index = otlp.indexChunk('traces', chunk)
      for (let resource = 0; resource < index.resourceCount; resource++) {
        const service = this.#attributes.service(index, resource)
        this.#addResource({ index, resource, service, origin: batch.origin, originKey, now, unixNano })
      }
    }
  }

  #unixNano(): bigint {
    return BigInt(this.#settings.clock.now().getTime()) * 1_000_000n
  }

  #addResource(around: Around): void {
    const { index, resource, service } = around
    const { scopes, resources, items } = index
    const end = resources[resource * column.ENVELOPE_STRIDE + column.CHILD_END]!
    for (let s = resources[resource * column.ENVELOPE_STRIDE + column.CHILD_FIRST]!; s < end; s++) {
      const last = scopes[s * column.ENVELOPE_STRIDE + column.CHILD_END]!
      for (let span = scopes[s * column.ENVELOPE_STRIDE + column.CHILD_FIRST]!; span < last; span++) {
        if (service === '') {
          this.#skipped++
          continue
        }
        const kind = items[span * column.ITEM_STRIDE + column.SPAN_KIND]!
        if (kind === CLIENT || kind === PRODUCER) this.#addClient(around, span, kind === PRODUCER)
        else if (kind === SERVER || kind === CONSUMER) this.#addServer(around, span, kind === CONSUMER)
      }
    }
  }

  #addClient(around: Around, span: number, isMessage: boolean): void {
    const { index, resource } = around
    const edge = this.#edgeOf(around, span, index.items[span * column.ITEM_STRIDE + column.SPAN_ID]!)
    const attributes = this.#attributes
    if (isMessage) edge.connectionType = 'messaging_system'
    edge.client = around.service
    edge.clientSeconds = secondsOf(index, span)
    edge.clientEnd = nanoOf(index, span, END_TIME)
    edge.failed ||= statusCodeOf(index, span) === ERROR
    edge.weight = this.#weight.of(index, span)
    edge.clientDimensions = attributes.dimensions(index, resource, span)
    edge.peer = attributes.peer(index, span)
    const database = edge.server === '' ? attributes.database(index, resource, span) : ''
    if (database !== '') {
      // A database sends no span.
      edge.connectionType = 'database'
      edge.server = database
      edge.serverSeconds = edge.clientSeconds
    }
    this.#settle(around, edge)
  }

  #addServer(around: Around, span: number, isMessage: boolean): void {
    const { index, resource, now } = around
    const parent = index.items[span * column.ITEM_STRIDE + column.SPAN_PARENT_ID]!
    const edge = parent < 0 ? this.#newEdge(around) : this.#edgeOf(around, span, parent)
    if (isMessage) edge.connectionType = 'messaging_system'
    edge.server = around.service
    edge.serverSeconds = secondsOf(index, span)
    edge.serverStart = nanoOf(index, span, START_TIME)
    edge.failed ||= statusCodeOf(index, span) === ERROR
    edge.weight = this.#weight.of(index, span)
    edge.serverDimensions = this.#attributes.dimensions(index, resource, span)
    if (parent >= 0) return this.#settle(around, edge)
    if (!this.#hasVirtualNodes) return this.#leaveAlone(edge, around.unixNano, now)
    // Nobody that sends spans has called it: a browser, say, or a person.
    edge.client = 'user'
    edge.connectionType = 'virtual_node'
    edge.virtualNode = 'client'
    this.#complete(edge, around.unixNano, now)
  }

  /** That of the client's span with this id, as far as it has come; new where nothing has. Settling it must follow. */
  #edgeOf(around: Around, span: number, spanId: number): Edge {
    const { index, originKey } = around
    const traceId = index.items[span * column.ITEM_STRIDE + column.SPAN_TRACE_ID]!
    return this.#waiting.take(index.view, traceId, spanId, originKey) ?? this.#newEdge(around)
  }

  #settle({ unixNano, now }: Around, edge: Edge): void {
    if (edge.client !== '' && edge.server !== '') return this.#complete(edge, unixNano, now)
    if (this.#waiting.put(edge)) return
    this.#dropped++
    this.#edges.lone(edge, 'dropped', unixNano, now)
    this.#release(edge)
  }

  #expire(now: number, unixNano: bigint): void {
    for (const edge of this.#waiting.due(now)) {
      if (edge.client !== '' && edge.peer !== '') {
        // Whom it called sends no spans, but has a name.
        edge.server = edge.peer
        edge.connectionType = 'virtual_node'
        edge.virtualNode = 'server'
        edge.serverSeconds = 0
        this.#complete(edge, unixNano, now)
      } else {
        this.#leaveAlone(edge, unixNano, now)
      }
    }
  }

  #leaveAlone(edge: Edge, unixNano: bigint, now: number): void {
    this.#unpaired++
    this.#edges.lone(edge, 'unpaired', unixNano, now)
    this.#release(edge)
  }

  #complete(edge: Edge, unixNano: bigint, now: number): void {
    this.#edges.complete(edge, unixNano, now)
    this.#release(edge)
  }

  #newEdge({ origin, originKey, now }: Around): Edge {
    const spare = this.#spare.pop()
    return spare === undefined ? emptyEdge(origin, originKey, now) : resetEdge(spare, origin, originKey, now)
  }

  /** Nobody has it any more. */
  #release(edge: Edge): void {
    if (this.#spare.length < MOST_SPARE) this.#spare.push(resetEdge(edge, ANONYMOUS, '', 0))
  }

  async #round(deadlineMs: number, isLast: boolean): Promise<void> {
    const { clock, log } = this.#settings
    const unixNano = this.#unixNano()
    this.#expire(clock.monotonicMs(), unixNano)
    const isTaken = await this.#edges.write(this.#out, unixNano, isLast, (origin) => this.#send(origin, deadlineMs))
    if (isTaken) this.#edges.forgetStale(clock.monotonicMs())
    else if (isLast) log.error({ edges: this.#edges.size }, 'lost: the last metrics were not taken')
  }

  async #send(origin: Origin, deadlineMs: number): Promise<boolean> {
    if (this.#out.points === 0) return true
    const { bytes, count } = this.#out.take()
    try {
      await this.#next.consume({ signal: 'metrics', chunks: [bytes], count, origin }, deadlineMs)
      return true
    } catch (thrown) {
      const error = asConsumeError(thrown)
      const isForNow = error.name === 'RetryableError'
      const fields = { data_points: count, reason: error.message }
      if (isForNow) this.#settings.log.warn(fields, 'metrics were not taken; the next say it all')
      else this.#settings.log.error(fields, 'metrics were refused')
      return !isForNow
    }
  }
}

function nanoOf(index: otlp.RequestIndex, span: number, which: number): number {
  return (upperTime(index, span, which) >>> 0) * 0x1_0000_0000 + (lowerTime(index, span, which) >>> 0)
}

/** 0 where it ends before it begins. */
function secondsOf(index: otlp.RequestIndex, span: number): number {
  const upper = (upperTime(index, span, END_TIME) >>> 0) - (upperTime(index, span, START_TIME) >>> 0)
  const ns = upper * 0x1_0000_0000 + ((lowerTime(index, span, END_TIME) >>> 0) - (lowerTime(index, span, START_TIME) >>> 0))
  return ns > 0 ? ns / 1e9 : 0
}
