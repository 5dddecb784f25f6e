// OTLP bytes as OTLP/JSON, read from the grammar: for people (`debug`), for files, for destinations that take JSON.
//
// Nothing is lost but fields that no version of the grammar has, for JSON has no place for them. Source: the OTLP specification,
// "JSON Protobuf Encoding": ids are hex, other bytes base64, enums integers, 64-bit integers decimal strings.

import type { Signal } from '../batch.ts'
import { indexChunk } from './requests.ts'
import type { Field, Message } from './schema.ts'
import { SHAPES } from './shapes.ts'
import { next, readUint32, skipValue, skipVarint } from './wire.ts'

/** A request as one line of JSON. It must have been admitted, as every chunk of a batch was: bytes that were not are not checked again. */
export function toJson(signal: Signal, chunk: Uint8Array): string {
  const { bytes } = indexChunk(signal, chunk) // canonical where the request is odd: below, a singular field comes once
  return writeMessage(bytes, 0, bytes.length, SHAPES[signal].request)
}

/** The checked message in `[p, end)`; recursion is as deep as the walk's bound. */
function writeMessage(bytes: Buffer, p: number, end: number, shape: Message): string {
  const members: string[] = []
  /** Repeated fields may come interleaved: each collects its elements, by number. */
  let lists: Map<Field, string[]> | undefined
  while (p < end) {
    const tag = readUint32(bytes, p, end)
    p = next
    const after = skipValue(bytes, p, end, tag, 0)
    const field = shape.fields[tag >>> 3]
    if (field !== undefined) {
      const value = (tag & 7) === field.wire ? writeValue(bytes, p, after, field) : writePacked(bytes, p, after, field)
      if (!field.repeated) members.push(`"${field.json}":${value}`)
      else {
        lists ??= new Map()
        const list = lists.get(field)
        if (list === undefined) lists.set(field, value === '' ? [] : [value])
        else if (value !== '') list.push(value)
      }
    }
    p = after
  }
  if (lists !== undefined) for (const [field, list] of lists) members.push(`"${field.json}":[${list.join(',')}]`)
  return `{${members.join(',')}}`
}

/** Repeated numbers in one field, as the elements of a list; empty where there is none. */
function writePacked(bytes: Buffer, p: number, end: number, field: Field): string {
  const elements: string[] = []
  readUint32(bytes, p, end)
  p = next
  while (p < end) {
    const after = field.wire === 0 ? skipVarint(bytes, p, end) : p + (field.wire === 1 ? 8 : 4)
    elements.push(writeValue(bytes, p, after, field))
    p = after
  }
  return elements.join(',')
}

function writeValue(bytes: Buffer, p: number, end: number, field: Field): string {
  if (field.wire === 2) {
    readUint32(bytes, p, end)
    p = next
  }
  switch (field.kind) {
    case 'message':
      return writeMessage(bytes, p, end, field.message!)
    case 'string':
      return JSON.stringify(bytes.toString('utf8', p, end))
    case 'id':
      return `"${bytes.toString('hex', p, end)}"`
    case 'bytes':
      return `"${bytes.toString('base64', p, end)}"`
    case 'fixed64':
      return `"${bytes.readBigUInt64LE(p)}"`
    case 'sfixed64':
      return `"${bytes.readBigInt64LE(p)}"`
    case 'uint64':
      return `"${BigInt.asUintN(64, readVarint(bytes, p, end))}"`
    case 'sint32': {
      const coded = Number(BigInt.asUintN(32, readVarint(bytes, p, end)))
      return String((coded >>> 1) ^ -(coded & 1))
    }
    case 'int64':
      return `"${BigInt.asIntN(64, readVarint(bytes, p, end))}"`
    case 'fixed32':
      return String(bytes.readUInt32LE(p))
    case 'uint32':
      return String(BigInt.asUintN(32, readVarint(bytes, p, end)))
    case 'enum':
      return String(BigInt.asIntN(32, readVarint(bytes, p, end)))
    case 'bool':
      return readVarint(bytes, p, end) === 0n ? 'false' : 'true'
    case 'double':
      return writeDouble(bytes.readDoubleLE(p))
  }
}

function readVarint(bytes: Buffer, p: number, end: number): bigint {
  let wide = 0n
  for (let i = end - 1; i >= p; i--) wide = (wide << 7n) | BigInt(bytes[i]! & 0x7f)
  return wide
}

function writeDouble(value: number): string {
  if (Object.is(value, -0)) return '-0'
  return Number.isFinite(value) ? String(value) : `"${value}"`
}
