// What a policy asks of a span, read from the columns of the index without a cursor: it is asked of every span that comes in.

import type { AttributeValue } from '../otlp/any-value.ts'
import { readAnyValue } from '../otlp/any-value.ts'
import { findAttribute } from '../otlp/find-attribute.ts'
import { findField } from '../otlp/item-cursor.ts'
import * as column from '../otlp/request-index.ts'
import type { RequestIndex } from '../otlp/request-index.ts'
import { next, readUint32, skipValue } from '../otlp/wire.ts'

/** `Status { string message = 2; StatusCode code = 3; }`: 0, 1 (OK), 2 (ERROR), or what no version has. */
export function statusCodeOf({ items, bytes }: RequestIndex, span: number): number {
  const start = items[span * column.ITEM_STRIDE + column.SPAN_STATUS_START]!
  if (start < 0) return 0
  const end = items[span * column.ITEM_STRIDE + column.SPAN_STATUS_END]!
  const at = end - start === 2 && bytes[start] === 0x18 ? start : findField(bytes, start, end, 0x18)
  return at < 0 ? 0 : readUint32(bytes, at + 1, end)
}

export function isRoot({ items }: RequestIndex, span: number): boolean {
  return items[span * column.ITEM_STRIDE + column.SPAN_PARENT_ID]! < 0
}

/** The upper and the lower 32 bits of a fixed64 whose column is `which`, as signed numbers; 0 where it is absent. */
export function upperTime({ items, view }: RequestIndex, span: number, which: number): number {
  const at = items[span * column.ITEM_STRIDE + which]!
  return at < 0 ? 0 : view.getInt32(at + 4, true)
}
export function lowerTime({ items, view }: RequestIndex, span: number, which: number): number {
  const at = items[span * column.ITEM_STRIDE + which]!
  return at < 0 ? 0 : view.getInt32(at, true)
}
export const START_TIME: number = column.SPAN_START_TIME
export const END_TIME: number = column.SPAN_END_TIME

/** The row of a span's attribute, or of its resource's; -1 where there is none. The first counts where there are several. */
export function spanAttribute(index: RequestIndex, span: number, key: Uint8Array): number {
  const row = span * column.ITEM_STRIDE
  return findAttribute(index, index.items[row + column.ATTRS_FIRST]!, index.items[row + column.ATTRS_END]!, key)
}
export function resourceAttribute(index: RequestIndex, resource: number, key: Uint8Array): number {
  const row = resource * column.ENVELOPE_STRIDE
  return findAttribute(index, index.resources[row + column.ATTRS_FIRST]!, index.resources[row + column.ATTRS_END]!, key)
}

export function attributeValue({ attributes, bytes }: RequestIndex, row: number): AttributeValue {
  return readAnyValue(bytes, attributes[row + column.ATTR_VALUE]!, attributes[row + column.ATTR_VALUE_END]!)
}

/** An int_value, which `attributeValue` gives as a number or a bigint; a double that is whole is none. */
export function isInteger({ attributes, bytes }: RequestIndex, row: number): boolean {
  return (
    bytes[attributes[row + column.ATTR_VALUE]!] === 0x18 && attributes[row + column.ATTR_VALUE_END]! > attributes[row + column.ATTR_VALUE]!
  )
}

/** How many bytes a ResourceSpans and a ScopeSpans have beside their scopes and spans: tag, length and what else is in them. */
export function resourceRest(index: RequestIndex, resource: number): number {
  const { resources, scopes } = index
  const row = resource * column.ENVELOPE_STRIDE
  let rest = resources[row + column.END]! - resources[row + column.TAG]!
  for (let scope = resources[row + column.CHILD_FIRST]!; scope < resources[row + column.CHILD_END]!; scope++)
    rest -= scopes[scope * column.ENVELOPE_STRIDE + column.END]! - scopes[scope * column.ENVELOPE_STRIDE + column.TAG]!
  return rest
}
export function scopeRest(index: RequestIndex, scope: number): number {
  const { scopes, items } = index
  const row = scope * column.ENVELOPE_STRIDE
  let rest = scopes[row + column.END]! - scopes[row + column.TAG]!
  for (let span = scopes[row + column.CHILD_FIRST]!; span < scopes[row + column.CHILD_END]!; span++)
    rest -= items[span * column.ITEM_STRIDE + column.END]! - items[span * column.ITEM_STRIDE + column.TAG]!
  return rest
}

/** The whole field of a span, in bytes. */
export function spanBytes({ items }: RequestIndex, span: number): number {
  return items[span * column.ITEM_STRIDE + column.END]! - items[span * column.ITEM_STRIDE + column.TAG]!
}

/** A number for a service and an operation: two that share one are as one. Never 0. */
export function hashOfOperation(index: RequestIndex, span: number): number {
  const { items, attributes, bytes } = index
  let hash = 0x811c_9dc5
  const service = resourceAttribute(index, index.resourceOf(span), SERVICE_NAME)
  if (service >= 0) hash = hashOf(bytes, attributes[service + column.ATTR_VALUE]!, attributes[service + column.ATTR_VALUE_END]!, hash)
  const row = span * column.ITEM_STRIDE
  hash = hashOf(bytes, items[row + column.SPAN_NAME_START]!, items[row + column.SPAN_NAME_END]!, Math.imul(hash ^ 0xff, 0x0100_0193))
  return hash === 0 ? 1 : hash
}
const SERVICE_NAME = Buffer.from('service.name')

function hashOf(bytes: Uint8Array, from: number, to: number, hash: number): number {
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x0100_0193)
  return hash
}

/** Where an attribute of an event stands, in the bytes of the request: its key, and the body of its AnyValue. */
export interface FoundAttribute {
  readonly key: string
  readonly from: number
  readonly to: number
}

/**
 * The attributes of each event of a span.
 *
 *     Span { repeated Event events = 11; }    Event { repeated KeyValue attributes = 3; }    KeyValue { string key = 1; AnyValue value = 2; }
 */
export function eventsOf({ items, bytes }: RequestIndex, span: number): (readonly FoundAttribute[])[] {
  const row = span * column.ITEM_STRIDE
  const events: FoundAttribute[][] = []
  eachMessage(bytes, items[row + column.START]!, items[row + column.END]!, 0x5a, (start, end) => {
    const attributes: FoundAttribute[] = []
    eachMessage(bytes, start, end, 0x1a, (from, to) => attributes.push(attributeIn(bytes, from, to)))
    events.push(attributes)
  })
  return events
}

function attributeIn(bytes: Buffer, start: number, end: number): FoundAttribute {
  let found: FoundAttribute = { key: '', from: end, to: end }
  eachMessage(bytes, start, end, 0x0a, (from, to) => (found = { ...found, key: bytes.toString('utf8', from, to) }))
  eachMessage(bytes, start, end, 0x12, (from, to) => (found = { ...found, from, to }))
  return found
}

/** Every length-delimited field of that tag. */
function eachMessage(bytes: Buffer, start: number, end: number, wanted: number, run: (from: number, to: number) => void): void {
  for (let p = start; p < end;) {
    const tag = readUint32(bytes, p, end)
    const value = next
    p = skipValue(bytes, value, end, tag, 0)
    if (tag !== wanted) continue
    readUint32(bytes, value, end)
    run(next, p)
  }
}

/** `InstrumentationScope { string name = 1; string version = 2; }`; empty where it does not say. */
export function instrumentationScope({ scopes, bytes }: RequestIndex, scope: number): { readonly name: string; readonly version: string } {
  const row = scope * column.ENVELOPE_STRIDE
  const [start, end] = [scopes[row + column.MESSAGE_START]!, scopes[row + column.MESSAGE_END]!]
  let [name, version] = ['', '']
  eachMessage(bytes, start, end, 0x0a, (from, to) => (name = bytes.toString('utf8', from, to)))
  eachMessage(bytes, start, end, 0x12, (from, to) => (version = bytes.toString('utf8', from, to)))
  return { name, version }
}

/** The trace id as four little-endian words, into `words`. */
export function traceIdWords({ items, view }: RequestIndex, span: number, words: Int32Array): void {
  const at = items[span * column.ITEM_STRIDE + column.SPAN_TRACE_ID]!
  for (let i = 0; i < 4; i++) words[i] = view.getInt32(at + i * 4, true)
}
