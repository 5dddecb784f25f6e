// The grammar of OTLP as tables: field numbers, JSON names and kinds. The strict check, canonical re-encoding and JSON all read these.
// Here is what all signals share, and the span; schema-logs.ts and schema-metrics.ts have the other items, shapes.ts the requests.
// Source: opentelemetry-proto 1.9 (common/v1, resource/v1, trace/v1).

/** How a field's value is written, in protobuf and in OTLP/JSON. `id` is bytes on the wire and hex in JSON; other bytes are base64. */
export type Kind =
  | 'string'
  | 'bytes'
  | 'id'
  | 'fixed64'
  | 'sfixed64'
  | 'fixed32'
  | 'uint32'
  | 'uint64'
  | 'sint32'
  | 'int64'
  | 'enum'
  | 'bool'
  | 'double'
  | 'message'

export interface Field {
  readonly number: number
  /** lowerCamelCase, as in OTLP/JSON. */
  readonly json: string
  readonly kind: Kind
  /** The wire type in which it must arrive; repeated numbers may also come packed. */
  readonly wire: number
  readonly repeated: boolean
  /** Presence is explicit: zero is something else than nothing. */
  readonly optional?: boolean
  /** Fields of one oneof share its name: the last one on the wire wins, and presence is explicit. */
  readonly oneof?: string
  /** Length in bytes of an `id`. */
  readonly size?: number
  /** An `id` of another length is no fault: what holds it goes on without it. */
  readonly loose?: boolean
  /** What a `message` field holds. */
  readonly message?: Message
}

export interface Message {
  readonly name: string
  /** Sparse, by field number. */
  readonly fields: readonly (Field | undefined)[]
  readonly byJson: ReadonlyMap<string, Field>
}

export const WIRE_VARINT = 0
export const WIRE_FIXED64 = 1
export const WIRE_LEN = 2
export const WIRE_GROUP = 3
export const WIRE_END_GROUP = 4
export const WIRE_FIXED32 = 5

function wireTypeOf(kind: Kind): number {
  switch (kind) {
    case 'fixed64':
    case 'sfixed64':
    case 'double':
      return WIRE_FIXED64
    case 'fixed32':
      return WIRE_FIXED32
    case 'string':
    case 'bytes':
    case 'id':
    case 'message':
      return WIRE_LEN
    default:
      return WIRE_VARINT
  }
}

export class Table implements Message {
  readonly name: string
  readonly fields: (Field | undefined)[] = []
  readonly byJson: Map<string, Field> = new Map<string, Field>()

  constructor(name: string) {
    this.name = name
  }

  add(
    number: number,
    json: string,
    kind: Kind,
    more: Partial<Pick<Field, 'repeated' | 'optional' | 'oneof' | 'size' | 'loose' | 'message'>> = {},
  ): this {
    const field: Field = { number, json, kind, wire: wireTypeOf(kind), repeated: false, ...more }
    while (this.fields.length <= number) this.fields.push(undefined) // holes would make the array slow
    this.fields[number] = field
    this.byJson.set(json, field)
    return this
  }

  scalar(number: number, json: string, kind: Kind): this {
    return this.add(number, json, kind)
  }

  one(number: number, json: string, message: Message): this {
    return this.add(number, json, 'message', { message })
  }

  many(number: number, json: string, message: Message): this {
    return this.add(number, json, 'message', { message, repeated: true })
  }
}

// AnyValue holds lists of itself, so the three are made first and filled after.
const anyValue = new Table('AnyValue')
const keyValue = new Table('KeyValue').scalar(1, 'key', 'string').one(2, 'value', anyValue)
const arrayValue = new Table('ArrayValue').many(1, 'values', anyValue)
const keyValueList = new Table('KeyValueList').many(1, 'values', keyValue)
anyValue
  .add(1, 'stringValue', 'string', { oneof: 'value' })
  .add(2, 'boolValue', 'bool', { oneof: 'value' })
  .add(3, 'intValue', 'int64', { oneof: 'value' })
  .add(4, 'doubleValue', 'double', { oneof: 'value' })
  .add(5, 'arrayValue', 'message', { oneof: 'value', message: arrayValue })
  .add(6, 'kvlistValue', 'message', { oneof: 'value', message: keyValueList })
  .add(7, 'bytesValue', 'bytes', { oneof: 'value' })

const entityRef = new Table('EntityRef')
  .scalar(1, 'schemaUrl', 'string')
  .scalar(2, 'type', 'string')
  .add(3, 'idKeys', 'string', { repeated: true })
  .add(4, 'descriptionKeys', 'string', { repeated: true })
const resource = new Table('Resource')
  .many(1, 'attributes', keyValue)
  .scalar(2, 'droppedAttributesCount', 'uint32')
  .many(3, 'entityRefs', entityRef)
const scope = new Table('InstrumentationScope')
  .scalar(1, 'name', 'string')
  .scalar(2, 'version', 'string')
  .many(3, 'attributes', keyValue)
  .scalar(4, 'droppedAttributesCount', 'uint32')

const spanEvent = new Table('Span.Event')
  .scalar(1, 'timeUnixNano', 'fixed64')
  .scalar(2, 'name', 'string')
  .many(3, 'attributes', keyValue)
  .scalar(4, 'droppedAttributesCount', 'uint32')
const spanLink = new Table('Span.Link')
  .add(1, 'traceId', 'id', { size: 16 })
  .add(2, 'spanId', 'id', { size: 8 })
  .scalar(3, 'traceState', 'string')
  .many(4, 'attributes', keyValue)
  .scalar(5, 'droppedAttributesCount', 'uint32')
  .scalar(6, 'flags', 'fixed32')
const status = new Table('Status').scalar(2, 'message', 'string').scalar(3, 'code', 'enum')
const span = new Table('Span')
  .add(1, 'traceId', 'id', { size: 16 })
  .add(2, 'spanId', 'id', { size: 8 })
  .scalar(3, 'traceState', 'string')
  .add(4, 'parentSpanId', 'id', { size: 8 })
  .scalar(5, 'name', 'string')
  .scalar(6, 'kind', 'enum')
  .scalar(7, 'startTimeUnixNano', 'fixed64')
  .scalar(8, 'endTimeUnixNano', 'fixed64')
  .many(9, 'attributes', keyValue)
  .scalar(10, 'droppedAttributesCount', 'uint32')
  .many(11, 'events', spanEvent)
  .scalar(12, 'droppedEventsCount', 'uint32')
  .many(13, 'links', spanLink)
  .scalar(14, 'droppedLinksCount', 'uint32')
  .one(15, 'status', status)
  .scalar(16, 'flags', 'fixed32')

export const AnyValue: Message = anyValue
export const KeyValue: Message = keyValue
export const Resource: Message = resource
export const Scope: Message = scope
export const Span: Message = span
export const SpanEvent: Message = spanEvent
export const SpanLink: Message = spanLink
export const SpanStatus: Message = status
