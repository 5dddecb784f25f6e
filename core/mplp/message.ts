// A message of the trace protocol, recognised and checked: receivers make one of parsed JSON, and everything behind works on it.

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { type Id, spanIdOf, traceIdOf } from './ids.ts'
import type { Fault } from './json.ts'
import { schemaOf, VERSION } from './schema.ts'
import { ACCEPTED_TIME, isTime, parseTime } from './time.ts'

export type Kind = 'start' | 'update' | 'finish' | 'metrics' | 'anomaly'
export type Dialect = 'flat' | 'envelope'
export type JsonObject = Readonly<Record<string, unknown>>

export interface Message {
  readonly kind: Kind
  readonly dialect: Dialect
  /** `message_type`, as written. */
  readonly type: string
  /** The message as it came, and in it what it is about: of a flat message both are one object. */
  readonly whole: JsonObject
  readonly body: JsonObject
  /** JSON pointer from `whole` to `body`. */
  readonly bodyPath: string
  /** `message_id`: envelopes have one, flat messages may. */
  readonly id: string | undefined
  readonly correlationId: string | undefined
  /** `sender.sender_id`. */
  readonly sender: string | undefined
  /** Nanoseconds since 1970: `timestamp`. */
  readonly timestamp: bigint
  /** What it says happened when: the execution's start, update or completion, or else `timestamp`. */
  readonly time: bigint
  /** JSON pointer to where it says so. */
  readonly timePath: string
  readonly traceId: Id
  /** Measurements and anomalies may have none. */
  readonly spanId: Id | undefined
  /** Of the execution: ids in hex, as one string. Undefined without a span id. */
  readonly execution: string | undefined
  /** `context.tenant_id`: a token's tenant goes before it. */
  readonly tenant: string | undefined
  readonly service: string | undefined
  readonly operation: string | undefined
}

/** What an answer repeats of a message, so that its sender can tell which one is meant. Only what could be read of it. */
export interface Echo {
  readonly message_type?: string
  readonly message_id?: string
  readonly correlation_id?: string
  readonly trace_id?: string
  readonly span_id?: string
  readonly timestamp?: string
}

export interface Rejection {
  readonly faults: readonly Fault[]
}

interface Type {
  readonly kind: Kind
  readonly dialect: Dialect
  readonly payloadKey: string
  validate?: ValidateFunction
}

const TYPES: ReadonlyMap<string, Type> = new Map<string, Type>([
  ['start_execution_trace', { kind: 'start', dialect: 'flat', payloadKey: '' }],
  ['update_execution_trace', { kind: 'update', dialect: 'flat', payloadKey: '' }],
  ['finish_execution_trace', { kind: 'finish', dialect: 'flat', payloadKey: '' }],
  ['performance_metrics', { kind: 'metrics', dialect: 'flat', payloadKey: '' }],
  ['anomaly_detection_result', { kind: 'anomaly', dialect: 'flat', payloadKey: '' }],
  ['trace.execution.start', { kind: 'start', dialect: 'envelope', payloadKey: 'trace_start' }],
  ['trace.execution.update', { kind: 'update', dialect: 'envelope', payloadKey: 'trace_update' }],
  ['trace.execution.complete', { kind: 'finish', dialect: 'envelope', payloadKey: 'trace_completion' }],
  ['trace.metrics.collect', { kind: 'metrics', dialect: 'envelope', payloadKey: 'metrics_collection' }],
])
/** All there are, as senders write them. */
export const MESSAGE_TYPES: readonly string[] = [...TYPES.keys()]

/** What messages of a type are, and under which key of `payload` their body is; the key of flat ones is empty. */
export function messageTypeOf(type: string): Pick<Type, 'kind' | 'dialect' | 'payloadKey'> | undefined {
  return TYPES.get(type)
}

/** Which field says when, by kind; the message's own `timestamp` where it is missing. */
export const TIME_FIELDS: Readonly<Record<Kind, string>> = {
  start: 'start_time',
  update: 'update_timestamp',
  finish: 'completion_timestamp',
  metrics: 'collection_timestamp',
  anomaly: 'detection_time',
}

/** `value` is a message's JSON as json.ts read it, exactly, and decrypted. It is kept, and must not change. */
export function readMessage(value: unknown): Message | Rejection {
  if (!isObject(value)) return rejection('', `expected an object, got ${nameOf(value)}`)
  const { message_type: written } = value
  const type = typeof written === 'string' ? TYPES.get(written) : undefined
  if (type === undefined) return rejection('/message_type', `${given(written)}; accepted: ${MESSAGE_TYPES.join(', ')}`)
  type.validate ??= ajv.compile(schemaOf(type.kind, type.dialect, type.payloadKey))
  if (!type.validate(value)) return { faults: (type.validate.errors ?? []).map((error) => faultOf(error, value)) }
  return messageOf(value, type)
}

export function isRejection(message: Message | Rejection): message is Rejection {
  return 'faults' in message
}

/** Of anything that was sent, message or not. */
export function echoOf(value: unknown): Echo {
  if (!isObject(value)) return {}
  const inner = isObject(value['payload']) ? Object.values(value['payload'])[0] : undefined
  const body = isObject(inner) ? inner : value
  const found: Record<string, string> = {}
  for (const key of ['message_type', 'message_id', 'correlation_id', 'timestamp'] as const) echo(found, key, value[key])
  for (const key of ['trace_id', 'span_id'] as const) echo(found, key, body[key])
  return found
}

function echo(found: Record<string, string>, key: string, value: unknown): void {
  if (typeof value === 'string' && value.length <= 1024) found[key] = value
}

function messageOf(whole: JsonObject, { kind, dialect, payloadKey }: Type): Message | Rejection {
  const body = dialect === 'flat' ? whole : ((whole['payload'] as JsonObject)[payloadKey] as JsonObject)
  const context = objectIn(body, 'context')
  const timestamp = parseTime(whole['timestamp'] as string)!
  const bodyPath = dialect === 'flat' ? '' : `/payload/${payloadKey}`
  const when = timeIn(body, TIME_FIELDS[kind])
  const started = kind === 'finish' ? timeIn(body, 'start_time') : undefined
  if (started !== undefined && (when ?? timestamp) < started)
    return rejection(`${bodyPath}/start_time`, 'is after the end of the execution')
  const traceId = traceIdOf(body['trace_id'] as string)
  const spanId = typeof body['span_id'] === 'string' ? spanIdOf(body['span_id']) : undefined
  return {
    kind,
    dialect,
    type: whole['message_type'] as string,
    whole,
    body,
    bodyPath,
    id: stringIn(whole, 'message_id'),
    correlationId: stringIn(whole, 'correlation_id'),
    sender: stringIn(objectIn(whole, 'sender'), 'sender_id'),
    timestamp,
    time: when ?? timestamp,
    timePath: when === undefined ? '/timestamp' : `${bodyPath}/${TIME_FIELDS[kind]}`,
    traceId,
    spanId,
    execution: spanId === undefined ? undefined : traceId.hex + spanId.hex,
    tenant: stringIn(context, 'tenant_id'),
    service: stringIn(body, 'service_name') ?? stringIn(context, 'service_name'),
    operation: stringIn(body, 'operation_name') ?? stringIn(context, 'operation_name'),
  }
}

function timeIn(body: JsonObject, key: string): bigint | undefined {
  const text = body[key]
  return typeof text === 'string' ? parseTime(text) : undefined
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The member where it is an object. */
export function objectIn(object: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = object?.[key]
  return isObject(value) ? value : undefined
}

/** The member where it is a string that says something. */
export function stringIn(object: JsonObject | undefined, key: string): string | undefined {
  const value = object?.[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** No name that a schema speaks of is one that objects inherit, so `ownProperties`, which costs much, is not needed: a test holds them to it. */
const ajv = new Ajv({
  strict: true,
  allowUnionTypes: true,

  messages: false,
  logger: false,
  meta: false,
  validateSchema: false,
})
ajv.addFormat('time', { type: 'string', validate: isTime })

/** Where, what was received, what would be accepted. */
function faultOf({ instancePath, keyword, params, data }: ErrorObject, whole: JsonObject): Fault {
  const at = (path: string): unknown =>
    path
      .split('/')
      .slice(1)
      .reduce<unknown>((inner, step) => memberOf(inner, step), whole)
  const received = data === undefined ? at(instancePath) : data
  switch (keyword) {
    case 'required':
      return { path: `${instancePath}/${params['missingProperty'] as string}`, message: 'is missing' }
    case 'type':
      return { path: instancePath, message: `expected ${typesOf(params['type'])}, got ${nameOf(received)}` }
    case 'const':
      return { path: instancePath, message: `${given(received)}; accepted: ${VERSION}` }
    case 'format':
      return { path: instancePath, message: `${given(received)}; accepted: ${ACCEPTED_TIME}` }
    case 'minLength':
      return { path: instancePath, message: 'is empty' }
    case 'maxLength':
      return { path: instancePath, message: `is longer than ${params['limit'] as number} characters` }
    default:
      return { path: instancePath, message: `${given(received)}; accepted: ${params['comparison'] as string} ${params['limit'] as number}` }
  }
}

function memberOf(value: unknown, step: string): unknown {
  const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as JsonObject)[key] : undefined
}

function typesOf(types: unknown): string {
  return (Array.isArray(types) ? types : [types]).filter((type) => type !== 'null').join(' or ')
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  return Array.isArray(value)
    ? 'a list'
    : typeof value === 'object'
      ? 'an object'
      : `a ${typeof value === 'bigint' ? 'number' : typeof value}`
}

/** Short: answers must not repeat what a stranger wrote at length. */
function given(value: unknown): string {
  if (value === undefined) return 'is missing'
  return typeof value === 'string' ? `got ${JSON.stringify(value.slice(0, 60))}` : `got ${nameOf(value)}`
}

function rejection(path: string, message: string): Rejection {
  return { faults: [{ path, message }] }
}
