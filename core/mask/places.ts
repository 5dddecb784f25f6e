// Where text stands in a request: the grammar of OTLP once more, each field with the name of its place. `Masker` walks along it.

import type { Signal } from '../batch.ts'
import { AnyValue, type Field, KeyValue, type Message, Resource, Scope } from '../otlp/schema.ts'
import { SHAPES } from '../otlp/shapes.ts'

/** The names of places, as metrics and `pii test` show them: few, whatever arrives. `key` is the key of an attribute, wherever it stands. */
export const PLACES = [
  'attribute',
  'key',
  'resource',
  'scope',
  'event',
  'link',
  'exemplar',
  'body',
  'name',
  'status',
  'trace_state',
  'schema_url',
  'severity',
  'metric',
  'unknown',
] as const
export type Place = (typeof PLACES)[number]

/** What a field is to the walk. Numbers of fields that the grammar does not have are UNKNOWN. */
export const UNKNOWN = 0
export const SKIPPED = 1
export const TEXT = 2
export const BYTES = 3
export const MESSAGE = 4
export const INTEGER = 5
export const DOUBLE = 6

/**
 * `item`: a span, a log record, a data point. `owner`: anything else that has attributes. `of_resource`: a resource with all that it holds.
 */
export type Role = 'item' | 'owner' | 'of_resource' | 'key_value' | 'any_value' | 'other'

/** A message where it stands: an attribute of an event is another node than one of a span. */
export interface Node {
  readonly role: Role
  readonly place: Place
  /** By field number. */
  readonly kinds: readonly number[]
  readonly places: readonly Place[]
  readonly nodes: readonly (Node | undefined)[]
  /** The number of its attributes; 0 where it has none. */
  readonly attributes: number
}

/** Where what is in a field of this name stands, unless it stays where it is. */
const PLACE_OF: Readonly<Record<string, Place>> = {
  resource: 'resource',
  scope: 'scope',
  events: 'event',
  links: 'link',
  status: 'status',
  exemplars: 'exemplar',
  body: 'body',
  metrics: 'metric',
  dataPoints: 'attribute',
  schemaUrl: 'schema_url',
  traceState: 'trace_state',
  severityText: 'severity',
  eventName: 'name',
}

type Draft = { -readonly [K in keyof Node]: Node[K] extends readonly (infer E)[] ? E[] : Node[K] }

function nodeFor(message: Message, place: Place, signal: Signal, known: Map<string, Node>): Node {
  const name = `${message.name} ${place}`
  const before = known.get(name)
  if (before !== undefined) return before
  const attributes = message.fields.find((field) => field?.message === KeyValue && field.json.toLowerCase().endsWith('attributes'))
  const node: Draft = {
    role: roleOf(message, signal, attributes),
    place,
    kinds: [],
    places: [],
    nodes: [],
    attributes: attributes?.number ?? 0,
  }
  known.set(name, node)
  for (const field of message.fields) {
    const stands = field === undefined ? place : placeOf(field, message, place)
    node.kinds.push(field === undefined ? UNKNOWN : kindOf(field, message))
    node.places.push(stands)
    node.nodes.push(field?.message === undefined ? undefined : nodeFor(field.message, stands, signal, known))
  }
  return node
}

function roleOf(message: Message, signal: Signal, attributes: Field | undefined): Role {
  if (message === KeyValue) return 'key_value'
  if (message === AnyValue) return 'any_value'
  if (message === SHAPES[signal].ofResource) return 'of_resource'
  if (SHAPES[signal].items.has(message)) return 'item'
  return attributes === undefined ? 'other' : 'owner'
}

function placeOf(field: Field, message: Message, place: Place): Place {
  if (message === KeyValue && field.number === 1) return 'key'
  if (message.name === 'Span' && field.json === 'name') return 'name'
  if (message === Resource || message === Scope) return place
  return PLACE_OF[field.json] ?? place
}

/** The integer and double that can be a card are attribute values; what is measured is not looked at, nor are ids. */
function kindOf({ kind }: Field, message: Message): number {
  if (kind === 'message') return MESSAGE
  if (kind === 'string') return TEXT
  if (message !== AnyValue) return SKIPPED
  return kind === 'bytes' ? BYTES : kind === 'int64' ? INTEGER : kind === 'double' ? DOUBLE : SKIPPED
}

function requestNode(signal: Signal): Node {
  return nodeFor(SHAPES[signal].request, 'attribute', signal, new Map())
}
export const REQUESTS: Readonly<Record<Signal, Node>> = {
  traces: requestNode('traces'),
  metrics: requestNode('metrics'),
  logs: requestNode('logs'),
}
