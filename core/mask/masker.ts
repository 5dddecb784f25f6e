// The walk of masking: what the pass saw in a request is mapped to the strings it lies in, and those alone are decoded and judged. Processors
// that mask hold one, with their rules.
//
// It goes from the request down, and only into what holds something that the pass saw. Fields sent twice are judged each, so nothing hides in
// one that another shadows; a request needs no index and no canonical form for that.
//
// It is longer than other files: the steps of the walk call each other in a circle, and share where they are.

import type { Signal } from '../batch.ts'
import { readAnyValue } from '../otlp/any-value.ts'
import { next, readUint32, skipValue, varintSize } from '../otlp/wire.ts'
import { BYTES, DOUBLE, INTEGER, MESSAGE, type Node, type Place, REQUESTS, TEXT, UNKNOWN } from './places.ts'
import { noteOnResource, noteOnOwner } from './notes.ts'
import { Patches } from './patches.ts'
import { RecentTexts } from './recent-texts.ts'
import { DELETE, type Finding, type Instead, type Owner, type Rules } from './rules.ts'
import { decode, isHit } from './unknown.ts'

/** `string string_value = 1` of AnyValue. */
const STRING_VALUE = 0x0a
const KEY = 0x0a
const VALUE = 0x12

/** Keys are few: one that is known needs no decoding, and whoever looks it up finds it by identity. */
interface KnownKey extends Finding {
  readonly key: string
}

export class Masker<F extends Finding = Finding> {
  readonly #rules: Rules<F>
  readonly #patches: Patches = new Patches()
  readonly #texts: RecentTexts<F> = new RecentTexts()
  readonly #keys: RecentTexts<KnownKey> | undefined
  /** Nobody asks for an attribute for more than what was seen in it. */
  readonly #asksWhatIsSeen: boolean
  #bytes: Buffer = EMPTY
  /** What the pass saw: the columns of its places, how many there are, and the first that does not lie before where we are. */
  #starts: Uint32Array = NONE
  #ends: Uint32Array = NONE
  #bits: Uint32Array = NONE
  #count = 0
  #at = 0
  /** Where that one starts: what ends before it holds nothing that was seen. */
  #nextStart = 0
  /** Attributes, and entries of maps, around where we are. */
  #attributesAround = 0
  /** The innermost of them is to go. */
  #deleted = false

  constructor(rules: Rules<F>) {
    this.#rules = rules
    if (rules.judge !== undefined) this.#keys = new RecentTexts()
    this.#asksWhatIsSeen = rules.judge === undefined && !rules.everyString
  }

  /** The request without what the rules take out of it; the same bytes where they take out nothing. */
  apply(signal: Signal, chunk: Uint8Array): Uint8Array {
    const { anchors, everyMessage, everyString } = this.#rules
    this.#count = anchors.scan(chunk)
    if (this.#count === 0 && !everyMessage && !everyString) return chunk
    const bytes = (this.#bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length))
    this.#starts = anchors.starts
    this.#ends = anchors.ends
    this.#bits = anchors.bits
    this.#at = this.#nextStart = this.#attributesAround = 0
    this.#deleted = false
    this.#patches.begin()
    this.#texts.begin(bytes)
    this.#keys?.begin(bytes)
    const growth = this.#walk(REQUESTS[signal], 0, bytes.length)
    const built = this.#patches.count === 0 ? chunk : this.#patches.build(bytes, growth)
    this.#bytes = EMPTY
    this.#texts.end()
    this.#keys?.end()
    return built
  }

  /** The fields of a message. Says how much longer it becomes. */
  #walk(node: Node, start: number, end: number): number {
    const bytes = this.#bytes
    const all = this.#rules.everyMessage || this.#rules.everyString
    let growth = 0
    let p = start
    while (p < end) {
      const at = p
      let tag = bytes[p]!
      if (tag < 0x80) p++
      else {
        tag = readUint32(bytes, p, end)
        p = next
      }
      const valueAt = p
      let from = p
      if ((tag & 7) === 2) {
        let length = bytes[p]!
        if (length < 0x80) from = p + 1
        else {
          length = readUint32(bytes, p, end)
          from = next
        }
        p = from + length
      } else p = skipValue(bytes, p, end, tag, 0)
      if (all || (p > this.#nextStart && this.#isSeen(at, p))) {
        growth += this.#field(node, tag, at, valueAt, from, p)
        if (this.#deleted) break
      }
    }
    return growth
  }

  #field(node: Node, tag: number, at: number, valueAt: number, from: number, end: number): number {
    const number = tag >>> 3
    switch (number < node.kinds.length ? node.kinds[number] : UNKNOWN) {
      case TEXT:
        return this.#string(node.places[number]!, valueAt, from, end)
      case MESSAGE:
        return this.#message(node.nodes[number]!, at, valueAt, from, end)
      case BYTES:
        return this.#byteString(node.place, valueAt, from, end)
      case INTEGER:
      case DOUBLE:
        return this.#number(node.place, tag, at, valueAt, end)
      case UNKNOWN: {
        const bits = (tag & 7) === 2 || (tag & 7) === 3 ? this.#bitsAsked(from, end) : 0
        return bits !== 0 && isHit(this.#rules, this.#bytes, from, end, bits) ? this.#patches.add(at, end) : 0
      }
      default:
        return 0
    }
  }

  /** A message field, whose length is written anew where it changes. */
  #message(node: Node, at: number, lengthAt: number, start: number, end: number): number {
    const patches = this.#patches
    if (node.role === 'key_value' && this.#asksWhatIsSeen) {
      const growth = this.#shortText(node, at, lengthAt, start, end)
      if (growth !== NOT_SHORT) return growth
    }
    if (node.role === 'any_value' && this.#rules.isWhole?.(this.#attributesAround, node.place) === true && !this.#isText(start, end)) {
      const instead = this.#rules.whole!(readAnyValue(this.#bytes, start, end), this.#attributesAround, node.place)
      if (instead === DELETE) this.#deleted = true
      if (instead !== undefined) return typeof instead === 'string' ? this.#putValue(lengthAt, end, instead) : 0
    }
    const mark = patches.count
    const slot = patches.reserve(lengthAt)
    let growth = node.role === 'key_value' ? this.#attribute(node, start, end) : this.#within(node, start, end)
    if (this.#deleted) {
      if (node.role !== 'key_value') return 0
      this.#deleted = false
      patches.cut(mark)
      return patches.add(at, end)
    }
    if (patches.count === slot + 1) patches.cut(mark)
    else if (growth !== 0) growth += patches.fill(slot, lengthAt, start, end - start + growth)
    return growth
  }

  /** A message that is no attribute, and what is to be noted on it. */
  #within(node: Node, start: number, end: number): number {
    const { role } = node
    if (this.#rules.leave === undefined || role === 'any_value' || role === 'other' || role === 'key_value')
      return this.#walk(node, start, end)
    const owner: Owner = role
    const mark = this.#patches.count
    this.#rules.enter?.(owner)
    let growth = this.#walk(node, start, end)
    for (const note of this.#rules.leave(owner))
      growth +=
        owner === 'of_resource'
          ? noteOnResource(this.#patches, mark, this.#bytes, start, end, note)
          : noteOnOwner(this.#patches, mark, this.#bytes, start, end, node.attributes, note)
    return growth
  }

  // ---- attributes

  #attribute(node: Node, start: number, end: number): number {
    const depth = this.#attributesAround++
    const growth = this.#rules.judge === undefined ? this.#walk(node, start, end) : this.#judged(node, start, end, depth)
    this.#attributesAround--
    return growth
  }

  #judged(node: Node, start: number, end: number, depth: number): number {
    const bytes = this.#bytes
    // As all SDKs write it: a key and a value, shorter than 128 bytes each.
    const value = start + 4 + bytes[start + 1]!
    const isPlain = bytes[start] === KEY && bytes[start + 1]! < 0x80 && bytes[value - 2] === VALUE && end === value + bytes[value - 1]!
    const key = isPlain ? this.#keyIn(start + 2, value - 2) : this.#key(start, end)
    switch (this.#rules.judge!(key, depth, node.place)) {
      case 'keep':
        return 0
      case 'delete':
        this.#deleted = true
        return 0
      case 'block':
        return this.#walkPair(node, start, end, (value) => this.#rules.blocked!(key, value, node.place))
      default:
        return isPlain && this.#isDull(value, end, start) ? 0 : this.#walk(node, start, end)
    }
  }

  /**
   * An attribute as all SDKs write it, a key and a text shorter than 128 bytes, that stays so, and in whose text alone something was seen: nearly all
   * in which something is. It becomes one patch. NOT_SHORT: it is another, and nothing was done.
   */
  #shortText(node: Node, at: number, lengthAt: number, start: number, end: number): number {
    const bytes = this.#bytes
    const value = start + 4 + bytes[start + 1]!
    const text = value + 2
    if (lengthAt + 1 !== start || bytes[start] !== KEY || bytes[start + 1]! >= 0x80 || text > end) return NOT_SHORT
    if (bytes[value - 2] !== VALUE || end !== value + bytes[value - 1]! || !this.#isText(value, end)) return NOT_SHORT
    if (this.#isSeen(start, text)) return NOT_SHORT
    const bits = this.#bitsIn(text, end)
    const place = node.nodes[VALUE >>> 3]!.places[STRING_VALUE >>> 3]!
    if (bits === 0 || this.#rules.notLookedAt?.has(place) === true) return 0
    const known = this.#texts.get(text, end, bits)
    const said = known === undefined ? this.#rules.look(bytes.toString('utf8', text, end), bits) : undefined
    if (said !== undefined) this.#texts.keep(text, end, bits, said.finding, said.instead)
    const length = said === undefined ? this.#texts.insteadLength : Buffer.byteLength(said.instead ?? '')
    const growth = length - (end - text)
    if (end - start + growth >= 0x80) return NOT_SHORT
    const finding = known ?? said!.finding
    if (!this.#rules.meet(finding, place, true) || (said !== undefined && said.instead === undefined)) return 0
    if (finding.deletes) return this.#patches.add(at, end)
    return this.#putShortText(lengthAt, start, value, end, growth, said?.instead)
  }

  /** The length of the attribute, what stands before its text, and what stands instead: without `instead`, what was said of it before. */
  #putShortText(lengthAt: number, start: number, value: number, end: number, growth: number, instead: string | undefined): number {
    const bytes = this.#bytes
    const { arena } = this.#patches
    const from = arena.at
    arena.reserve(end - lengthAt + growth)
    const out = arena.bytes
    let to = from
    out[to++] = end - start + growth
    for (let p = start; p <= value; p++) out[to++] = bytes[p]!
    out[to - 2] = bytes[value - 1]! + growth
    arena.at = to
    if (instead === undefined) this.#texts.writeInstead(arena)
    else {
      out[to] = end - value - 2 + growth
      arena.at = to + 1 + out.write(instead, to + 1)
    }
    return this.#patches.add(lengthAt, end, from)
  }

  #keyIn(start: number, end: number): string {
    if (start === end) return ''
    const known = this.#keys!.get(start, end, 0)
    if (known !== undefined) return known.key
    const key = this.#bytes.toString('utf8', start, end)
    this.#keys!.keep(start, end, 0, { deletes: false, key })
    return key
  }

  /** An AnyValue that has neither entries nor elements, in an attribute in which nothing was seen. */
  #isDull(value: number, end: number, attribute: number): boolean {
    if (this.#rules.everyString || this.#rules.isWhole !== undefined || this.#isSeen(attribute, end)) return false
    switch (this.#bytes[value]) {
      case STRING_VALUE:
        return end === value + 2 + this.#bytes[value + 1]!
      case 0x10:
      case 0x18:
        return skipValue(this.#bytes, value + 1, end, 0, 0) === end
      default:
        return this.#bytes[value] === 0x21 && value + 9 === end
    }
  }

  /** An AnyValue with a text and nothing else, shorter than 128 bytes, which every SDK writes like this. */
  #isText(start: number, end: number): boolean {
    return this.#bytes[start] === STRING_VALUE && end === start + 2 + this.#bytes[start + 1]!
  }

  /** The last key, as protobuf reads it. */
  #key(start: number, end: number): string {
    const bytes = this.#bytes
    let key = ''
    for (let p = start; p < end;) {
      const tag = readUint32(bytes, p, end)
      const valueAt = next
      p = skipValue(bytes, valueAt, end, tag, 0)
      if (tag === KEY && readUint32(bytes, valueAt, end) >= 0) key = bytes.toString('utf8', next, p)
    }
    return key
  }

  /** A KeyValue whose value is decided upon as a whole; where the decision is to leave it, it is looked into. */
  #walkPair(node: Node, start: number, end: number, decide: (value: ReturnType<typeof readAnyValue>) => Instead): number {
    const bytes = this.#bytes
    let growth = 0
    for (let p = start; p < end && !this.#deleted;) {
      const at = p
      const tag = readUint32(bytes, p, end)
      const valueAt = next
      p = skipValue(bytes, valueAt, end, tag, 0)
      const from = (tag & 7) === 2 && readUint32(bytes, valueAt, end) >= 0 ? next : valueAt
      const instead = tag === VALUE ? decide(readAnyValue(bytes, from, p)) : undefined
      if (instead === DELETE) this.#deleted = true
      else if (instead === undefined) growth += this.#field(node, tag, at, valueAt, from, p)
      else growth += this.#putValue(valueAt, p, instead)
    }
    return growth
  }

  /** `AnyValue { string string_value = 1; }` instead of the one whose length and body are `[lengthAt, end)`. */
  #putValue(lengthAt: number, end: number, text: string): number {
    const { arena } = this.#patches
    const from = arena.at
    const length = Buffer.byteLength(text)
    arena.varint(1 + varintSize(length) + length)
    arena.text(STRING_VALUE, text)
    return this.#patches.add(lengthAt, end, from)
  }

  // ---- values

  #string(place: Place, lengthAt: number, start: number, end: number): number {
    const bits = this.#bitsAsked(start, end)
    if (bits === 0 || this.#rules.notLookedAt?.has(place) === true) return 0
    const known = this.#texts.get(start, end, bits)
    if (known === undefined) return this.#text(this.#bytes.toString('utf8', start, end), bits, place, lengthAt, start, end, 'utf8')
    if (!this.#rules.meet(known, place, this.#attributesAround > 0)) return 0
    if (known.deletes && this.#attributesAround > 0) return this.#delete()
    const from = this.#patches.arena.at
    this.#texts.writeInstead(this.#patches.arena)
    return this.#patches.add(lengthAt, end, from)
  }

  #byteString(place: Place, lengthAt: number, start: number, end: number): number {
    const bits = this.#bitsAsked(start, end)
    if (bits === 0) return 0
    const text = decode(this.#bytes, start, end)
    return this.#text(text, bits, place, lengthAt, start, end, text.length === end - start ? 'latin1' : 'utf8')
  }

  #text(text: string, bits: number, place: Place, lengthAt: number, start: number, end: number, encoding: 'utf8' | 'latin1'): number {
    const { finding, instead } = this.#rules.look(text, bits)
    if (encoding === 'utf8') this.#texts.keep(start, end, bits, finding, instead)
    if (!this.#rules.meet(finding, place, this.#attributesAround > 0) || instead === undefined) return 0
    if (finding.deletes && this.#attributesAround > 0) return this.#delete()
    const { arena } = this.#patches
    const from = arena.at
    const length = Buffer.byteLength(instead, encoding)
    arena.varint(length)
    arena.reserve(length)
    arena.at += arena.bytes.write(instead, arena.at, encoding)
    return this.#patches.add(lengthAt, end, from)
  }

  #delete(): number {
    this.#deleted = true
    return 0
  }

  /** A number that is a finding becomes text. */
  #number(place: Place, tag: number, at: number, valueAt: number, end: number): number {
    if (this.#bitsIn(at, end) === 0) return 0
    const value = (tag & 7) === 0 ? readAnyValue(this.#bytes, at, end) : this.#bytes.readDoubleLE(valueAt)
    if (typeof value !== 'bigint' && !Number.isInteger(value)) return 0
    const instead = this.#rules.number(BigInt(value as number | bigint), place, this.#attributesAround > 0)
    if (instead === DELETE) this.#deleted = true
    if (typeof instead !== 'string') return 0
    const from = this.#patches.arena.at
    this.#patches.arena.text(STRING_VALUE, instead)
    return this.#patches.add(at, end, from)
  }

  // ---- what the pass saw

  /** Whether the pass saw anything in `[start, end)`; asked in ascending order. */
  #isSeen(start: number, end: number): boolean {
    let at = this.#at
    while (at < this.#count && this.#ends[at]! <= start) at++
    this.#at = at
    this.#nextStart = at < this.#count ? this.#starts[at]! : NOWHERE
    return this.#nextStart < end
  }

  #bitsIn(start: number, end: number): number {
    let bits = 0
    if (!this.#isSeen(start, end)) return 0
    for (let at = this.#at; at < this.#count && this.#starts[at]! < end; at++) if (this.#ends[at]! > start) bits |= this.#bits[at]!
    return bits
  }

  /** 0: nobody asks for this string. */
  #bitsAsked(start: number, end: number): number {
    const bits = start === end ? 0 : this.#bitsIn(start, end)
    return this.#rules.everyString && start < end ? bits | this.#rules.everyStringBits : bits
  }
}

const EMPTY: Buffer = Buffer.alloc(0)
const NONE: Uint32Array = new Uint32Array(0)
/** No growth: the attribute is laid out otherwise. */
const NOT_SHORT = 0x7fff_fffe
/** Behind the end of every request. */
const NOWHERE = 0x7fff_ffff
