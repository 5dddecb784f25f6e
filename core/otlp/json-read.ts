// OTLP/JSON to OTLP bytes, driven by the grammar: receivers turn a JSON request into what everyone else works on. What the bytes say is
// for the walk to judge; here an item is refused that cannot be said in bytes.
//
// Source: the OTLP specification, "JSON Protobuf Encoding", and protobuf's own for what it leaves open: ids are hex, other bytes base64,
// enums integers, 64-bit integers decimal strings or numbers, names lowerCamelCase; unknown members are ignored, null is absence.
//
// It is longer than other files: values hold messages and messages values, so its steps call each other in a circle.

import type { Signal } from '../batch.ts'
import { ByteWriter } from './byte-writer.ts'
import { writeBase64, writeHex } from './json-bytes.ts'
import { type Member, namesOf } from './json-names.ts'
import { high, isInRange, low, readInteger, toDouble } from './json-numbers.ts'
import { CLOSE_LIST, CLOSE_OBJECT, isDigit, JsonScanner, MINUS, OPEN_LIST, OPEN_OBJECT, QUOTE } from './json-scanner.ts'
import { Metric } from './schema-metrics.ts'
import type { Kind, Message } from './schema.ts'
import { SHAPES, type Shapes } from './shapes.ts'
import { MalformedError, MAX_DEPTH, next, readUint32, skipValue } from './wire.ts'

export interface FromJson {
  /** A request without the refused items. It has yet to be admitted. */
  readonly bytes: Buffer
  readonly refused: number
  /** Why the first refused item was; empty where none was. */
  readonly reason: string
}

/** @throws MalformedError where the body is not JSON, or is wrong outside of any item. */
export function fromJson(signal: Signal, body: Uint8Array): FromJson {
  return new JsonReader(body, SHAPES[signal]).read()
}

/** Thrown to leave an item. One object for all, because a sender can cause it as often as it likes; the reason stands in the reader. */
const FAULT = new Error('an item is refused')
const NULL = 0x6e
const TRUE = 0x74
const FALSE = 0x66
/** Below this a copy in a loop is faster than a call. */
const SHORT = 40

class JsonReader {
  readonly #json: JsonScanner
  readonly #out: ByteWriter
  readonly #shapes: Shapes
  #refused = 0
  #firstReason = ''
  #reason = ''
  #reasonAt = 0
  /** How many bytes removing shadowed members may still look through: repeating one for ever must not cost more than reading it. */
  #removalBytes: number

  constructor(body: Uint8Array, shapes: Shapes) {
    this.#json = new JsonScanner(Buffer.from(body.buffer, body.byteOffset, body.length))
    // Rarely is a value longer in protobuf than its name and itself in JSON.
    this.#out = new ByteWriter(body.length + 64)
    this.#shapes = shapes
    this.#removalBytes = 4 * body.length + 65_536
  }

  read(): FromJson {
    try {
      if (this.#json.peek() !== OPEN_OBJECT) this.#json.fail('expected {')
      this.#message(this.#shapes.request, 0)
    } catch (error) {
      if (error === FAULT) throw new MalformedError(this.#reasonAt, this.#reason)
      throw error
    }
    if (this.#json.peek() !== -1) this.#json.fail('something follows the request')
    return { bytes: this.#out.bytes.subarray(0, this.#out.at), refused: this.#refused, reason: this.#firstReason }
  }

  /** The object at `p`, `depth` messages below the request; recursion is as deep as the walk's bound. */
  #message(shape: Message, depth: number): void {
    const json = this.#json
    const names = namesOf(shape)
    const begin = this.#out.at
    let seen = 0
    json.p++
    if (json.empty(CLOSE_OBJECT)) return
    do {
      json.name()
      const member = names.find(json.text, json.start, json.stop)
      const first = json.peek()
      if (member === undefined) json.skip()
      else if (first === NULL) {
        json.literal(first)
        if ((seen & member.bit) !== 0) this.#remove(begin, member.bit)
      } else {
        // The last one wins, as in every other reader of JSON: what it shadows must not reach one that lets the first win.
        if ((seen & member.rivals) !== 0) this.#remove(begin, member.rivals)
        seen |= member.bit
        this.#value(shape, member, first, depth)
      }
    } while (json.more(CLOSE_OBJECT))
  }

  #value(shape: Message, member: Member, first: number, depth: number): void {
    if (!member.field.repeated) return this.#element(shape, member, first, depth)
    if (first !== OPEN_LIST) this.#wrong(shape, member, 'a list')
    const packed = member.packed ? this.#out.begin(member.tag) : 0
    this.#json.p++
    if (!this.#json.empty(CLOSE_LIST)) {
      do {
        const first = this.#json.peek()
        if (this.#isAlone(member.field.message)) this.#alone(shape, member, first, depth)
        else this.#element(shape, member, first, depth)
      } while (this.#json.more(CLOSE_LIST))
    }
    if (member.packed) this.#out.end(packed)
  }

  /** An item, or a metric: what is wrong in it outside of its points refuses them all. */
  #isAlone(message: Message | undefined): boolean {
    return message !== undefined && (message === Metric || this.#shapes.items.has(message))
  }

  /** A fault in it refuses it, and leaves its neighbours. */
  #alone(shape: Message, member: Member, first: number, depth: number): void {
    const { p } = this.#json
    const { at } = this.#out
    const refused = this.#refused
    try {
      this.#element(shape, member, first, depth)
    } catch (error) {
      if (error !== FAULT) throw error
      if (refused === 0) this.#firstReason = `${this.#reason} at byte ${this.#reasonAt}`
      this.#out.at = at
      this.#json.p = p
      // Without a point, a metric counts for one: nobody must be told that everything was taken.
      const items = member.field.message === Metric ? Math.max(1, this.#countPoints()) : 1
      this.#refused = refused + items
      this.#json.p = p
      this.#json.skip()
    }
  }

  /** How many data points the metric at `p` holds. Its JSON is whole up to where the fault was; what is not fails as a whole. */
  #countPoints(): number {
    const json = this.#json
    let count = 0
    if (json.peek() !== OPEN_OBJECT) return 0
    this.#eachMember((metricName) => {
      if (Metric.byJson.get(metricName)?.oneof === undefined || json.peek() !== OPEN_OBJECT) return json.skip()
      this.#eachMember((name) => {
        if (name !== 'dataPoints' || json.peek() !== OPEN_LIST) return json.skip()
        json.p++
        if (json.empty(CLOSE_LIST)) return
        do {
          json.peek()
          json.skip()
          count++
        } while (json.more(CLOSE_LIST))
      })
    })
    return count
  }

  /** Calls `take` at the value of every member of the object at `p`. */
  #eachMember(take: (name: string) => void): void {
    const json = this.#json
    json.p++
    if (json.empty(CLOSE_OBJECT)) return
    do {
      json.name()
      take(json.text.toString('utf8', json.start, json.stop))
    } while (json.more(CLOSE_OBJECT))
  }

  #element(shape: Message, member: Member, first: number, depth: number): void {
    const { kind } = member.field
    if (kind === 'message') return this.#child(shape, member, first, depth)
    if (kind === 'bool') {
      if (first !== TRUE && first !== FALSE) this.#wrong(shape, member, 'true or false')
      this.#json.literal(first)
      return this.#bool(member, first === TRUE)
    }
    if (kind === 'string' || kind === 'id' || kind === 'bytes') return this.#text(shape, member, first, kind)
    this.#number(shape, member, first, kind)
  }

  #child(shape: Message, member: Member, first: number, depth: number): void {
    if (first !== OPEN_OBJECT) this.#wrong(shape, member, 'an object')
    if (depth >= MAX_DEPTH) this.#fault(`${shape.name}.${member.field.json} lies deeper than ${MAX_DEPTH} messages`)
    const start = this.#out.begin(member.tag)
    this.#message(member.field.message!, depth + 1)
    this.#out.end(start)
  }

  #bool(member: Member, value: boolean): void {
    if (!value && isImplicit(member)) return
    if (!member.packed) this.#out.varint(member.tag)
    this.#out.byte(value ? 1 : 0)
  }

  #text(shape: Message, member: Member, first: number, kind: 'string' | 'id' | 'bytes'): void {
    const json = this.#json
    const out = this.#out
    const at = json.p
    if (first !== QUOTE) this.#wrong(shape, member, kind === 'string' ? 'a string' : kind === 'id' ? 'hex digits' : 'base64')
    json.string()
    const { text, start, stop } = json
    if (start === stop && isImplicit(member)) return
    if (kind === 'string') {
      if (json.lone) this.#fault(`${shape.name}.${member.field.json} has half of a surrogate pair`, at)
      out.varint(member.tag)
      out.varint(stop - start)
      return copyText(out, text, start, stop)
    }
    const fieldAt = out.at
    const begin = out.begin(member.tag)
    const done = kind === 'id' ? writeHex(out, text, start, stop) : writeBase64(out, text, start, stop)
    if (!done && member.field.loose === true) {
      out.at = fieldAt // as with an id of a wrong length: what holds it goes on without it
      return
    }
    if (!done) this.#fault(`${shape.name}.${member.field.json} is not ${kind === 'id' ? 'hex' : 'base64'}`, at)
    out.end(begin)
  }

  /** A number, or one in a string; the names of enums are refused. */
  #number(shape: Message, member: Member, first: number, kind: Kind): void {
    const json = this.#json
    const at = json.p
    const quoted = first === QUOTE && kind !== 'enum'
    if (quoted) json.string()
    else if (first === MINUS || isDigit(first)) json.number()
    else
      this.#wrong(
        shape,
        member,
        kind === 'double' ? 'a number, "NaN", "Infinity" or "-Infinity"' : kind === 'enum' ? 'an integer, not a name' : 'an integer',
      )
    if (kind === 'double') return this.#double(shape, member, quoted, at)
    const whole = readInteger(json.text, json.start, json.stop)
    if (!whole || !isInRange(kind)) this.#fault(`${shape.name}.${member.field.json} is not an integer in its range`, at)
    if (low === 0 && high === 0 && isImplicit(member)) return
    if (!member.packed) this.#out.varint(member.tag)
    this.#writeInteger(kind)
  }

  #writeInteger(kind: Kind): void {
    const out = this.#out
    if (kind === 'fixed64' || kind === 'sfixed64' || kind === 'fixed32') {
      out.reserve(8)
      out.at = out.bytes.writeUInt32LE(low, out.at)
      if (kind !== 'fixed32') out.at = out.bytes.writeUInt32LE(high, out.at)
    } else if (kind === 'sint32') {
      const value = low | 0
      out.varint(((value << 1) ^ (value >> 31)) >>> 0)
    } else if (high < 0x20_0000) out.varint(high * 0x1_0000_0000 + low)
    else out.int64((BigInt(high) << 32n) | BigInt(low))
  }

  #double(shape: Message, member: Member, quoted: boolean, at: number): void {
    const { text, start, stop } = this.#json
    const value = toDouble(text.toString('latin1', start, stop), quoted)
    if (value === undefined) this.#fault(`${shape.name}.${member.field.json} is not a number that a double holds`, at)
    if (Object.is(value, 0) && isImplicit(member)) return
    if (!member.packed) this.#out.varint(member.tag)
    this.#out.double(value)
  }

  /** Takes out what was written, since `begin`, of the fields whose bits are in `mask`. */
  #remove(begin: number, mask: number): void {
    const { bytes, at: end } = this.#out
    this.#removalBytes -= end - begin
    if (this.#removalBytes < 0) this.#json.fail('members are repeated too often')
    let kept = begin
    for (let p = begin; p < end;) {
      const tag = readUint32(bytes, p, end)
      const after = skipValue(bytes, next, end, tag, 0)
      if ((mask & (1 << (tag >>> 3))) === 0) {
        bytes.copyWithin(kept, p, after)
        kept += after - p
      }
      p = after
    }
    this.#out.at = kept
  }

  #wrong(shape: Message, member: Member, accepted: string): never {
    const at = this.#json.p
    this.#json.skip() // what is no value at all is a fault of the JSON
    return this.#fault(`${shape.name}.${member.field.json} has a wrong type; accepted: ${accepted}`, at)
  }

  #fault(reason: string, at: number = this.#json.p): never {
    this.#reason = reason
    this.#reasonAt = at
    throw FAULT
  }
}

/** What is zero or empty is not written, unless that it is there says something. */
function isImplicit({ field }: Member): boolean {
  return !field.repeated && field.oneof === undefined && field.optional !== true
}

function copyText(out: ByteWriter, text: Buffer, start: number, stop: number): void {
  const length = stop - start
  out.reserve(length)
  const { bytes, at } = out
  if (length > SHORT) text.copy(bytes, at, start, stop)
  else for (let i = 0; i < length; i++) bytes[at + i] = text[start + i]!
  out.at = at + length
}
