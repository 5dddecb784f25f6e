// Configured actions, compiled: each becomes a function on the attributes of one item or resource, that finds its key in the columns and
// records a patch. The processors `attributes` and `resource` run them.
//
// A pass works on the request as it was before the pass. So an action that looks at what an earlier one wrote begins a new pass.

import type { Batch } from '../batch.ts'
import type { Settings } from '../component.ts'
import { goPattern } from '../config/go-pattern.ts'
import { readAnyValue } from '../otlp/any-value.ts'
import { ByteWriter } from '../otlp/byte-writer.ts'
import type { RequestEdits } from '../otlp/edits.ts'
import { findAttribute } from '../otlp/find-attribute.ts'
import { encodeAttribute, valueEnd, valueStart, writeAttribute } from '../otlp/item-attributes.ts'
import { ATTR_KEY, ATTR_KEY_END, ATTR_STRIDE, type RequestIndex } from '../otlp/request-index.ts'
import { indexChunk } from '../otlp/requests.ts'
import { type ActionConfig, isValue } from './action-config.ts'
import { convert } from './convert.ts'
import { HashCache } from './hash.ts'
import type { Owner } from './owners.ts'

/** `number` is that of an item or of a resource, as the owner counts. */
type Action = (edits: RequestEdits, number: number) => void

export class Actions {
  readonly #passes: readonly (readonly Action[])[]
  readonly #owner: Owner
  readonly #edits: RequestEdits

  /** `edits` is scratch of the caller's, who may look at the index through it while `apply` asks `wanted`. */
  constructor(configs: readonly ActionConfig[], owner: Owner, settings: Pick<Settings, 'log'>, edits: RequestEdits) {
    this.#owner = owner
    this.#edits = edits
    this.#passes = passesOf(configs).map((pass) => pass.map((config) => compile(config, owner, settings)))
  }

  /** The chunk with the actions applied to every owner that is wanted: itself where nothing changed. */
  apply(signal: Batch['signal'], chunk: Uint8Array, wanted?: (number: number) => boolean): Uint8Array {
    const edits = this.#edits
    /** Chosen by how they came: an action may change what the choice looks at. */
    let chosen: readonly boolean[] | undefined
    for (const pass of this.#passes) {
      edits.begin(indexChunk(signal, chunk))
      const count = this.#owner.count(edits.index)
      if (wanted !== undefined) chosen ??= Array.from({ length: count }, (_, i) => wanted(i))
      for (let i = 0; i < count; i++) {
        if (chosen !== undefined && !chosen[i]!) continue
        for (const action of pass) action(edits, i)
      }
      if (!edits.empty) chunk = edits.build()
    }
    return chunk
  }
}

/** What a pattern writes or looks at is known only as it runs: it has a pass of its own. */
function passesOf(configs: readonly ActionConfig[]): ActionConfig[][] {
  const passes: ActionConfig[][] = []
  let written = new Set<string>()
  let isOpen = false
  for (const config of configs) {
    const { key, from_attribute: source, pattern } = config
    const looksAtWritten = (key !== undefined && written.has(key)) || (source !== undefined && written.has(source))
    if (!isOpen || looksAtWritten || pattern !== undefined) {
      passes.push([])
      written = new Set()
    }
    passes.at(-1)!.push(config)
    if (key !== undefined) written.add(key)
    isOpen = pattern === undefined
  }
  return passes
}

function compile(config: ActionConfig, owner: Owner, settings: Pick<Settings, 'log'>): Action {
  const { action, key: name, pattern } = config
  if ((action === 'delete' || action === 'hash') && pattern !== undefined) return matching(config, regexpOf(pattern), owner)
  const key = Buffer.from(name!)
  switch (action) {
    case 'delete':
      return deleting(key, owner)
    case 'hash':
      return hashing(key, owner)
    case 'extract':
      return extracting(key, regexpOf(pattern!), owner)
    case 'convert':
      return converting(name!, key, config.converted_type ?? 'string', owner, settings)
    default: {
      const onlyAbsent = action === 'insert'
      const onlyPresent = action === 'update'
      return config.from_attribute === undefined
        ? setting(key, encoded(config), onlyAbsent, onlyPresent, owner)
        : copying(key, Buffer.from(config.from_attribute), onlyAbsent, onlyPresent, owner)
    }
  }
}

function encoded({ key, value }: ActionConfig): Buffer {
  if (!isValue(value)) throw new TypeError(`${key}: not a value`) // `actionFaults` has said so with line and column
  return encodeAttribute(key!, value)
}

function regexpOf(pattern: string): RegExp {
  const compiled = goPattern(pattern)
  if ('fault' in compiled) throw new TypeError(compiled.fault)
  return compiled.regexp
}

function find(owner: Owner, index: RequestIndex, number: number, key: Uint8Array): number {
  return findAttribute(index, owner.first(index, number), owner.end(index, number), key)
}

function deleting(key: Buffer, owner: Owner): Action {
  return (edits, number) => {
    const row = find(owner, edits.index, number, key)
    if (row >= 0) owner.delete(edits, number, row, key)
  }
}

function setting(key: Buffer, field: Buffer, onlyAbsent: boolean, onlyPresent: boolean, owner: Owner): Action {
  return (edits, number) => {
    const row = find(owner, edits.index, number, key)
    if (row < 0) {
      if (!onlyPresent) owner.add(edits, number, field)
    } else if (!onlyAbsent) owner.replace(edits, number, row, key, field)
  }
}

function copying(key: Buffer, source: Buffer, onlyAbsent: boolean, onlyPresent: boolean, owner: Owner): Action {
  const field = new ByteWriter(256)
  return (edits, number) => {
    const { index } = edits
    const from = find(owner, index, number, source)
    if (from < 0) return
    const row = find(owner, index, number, key)
    if (row < 0 ? onlyPresent : onlyAbsent) return
    field.at = 0
    writeAttribute(field, key, index.bytes, valueStart(index, from), valueEnd(index, from))
    const written = field.bytes.subarray(0, field.at)
    if (row < 0) owner.add(edits, number, written)
    else owner.replace(edits, number, row, key, written)
  }
}

function hashing(key: Buffer, owner: Owner): Action {
  const hashes = new HashCache(key)
  return (edits, number) => {
    const { index } = edits
    const row = find(owner, index, number, key)
    if (row >= 0) owner.replace(edits, number, row, key, hashes.fieldOf(index.bytes, valueStart(index, row), valueEnd(index, row)))
  }
}

/** Keys that patterns have met: they are few, and the bound is against keys made from traffic. */
const MAX_REMEMBERED = 1024

/** Deletes or hashes every attribute whose key the pattern finds, or is the configured one. */
function matching({ action, key: also }: ActionConfig, pattern: RegExp, owner: Owner): Action {
  const byKey = new Map<string, Action | undefined>()
  const actionOn = (key: string): Action | undefined => {
    if (byKey.has(key)) return byKey.get(key)
    const bytes = Buffer.from(key)
    const found = key === also || pattern.test(key) ? (action === 'hash' ? hashing(bytes, owner) : deleting(bytes, owner)) : undefined
    if (byKey.size >= MAX_REMEMBERED) byKey.clear()
    byKey.set(key, found)
    return found
  }
  return (edits, number) => {
    const { index } = edits
    const end = owner.end(index, number)
    for (let row = owner.first(index, number); row < end; row += ATTR_STRIDE) {
      const key = index.bytes.toString('utf8', index.attributes[row + ATTR_KEY], index.attributes[row + ATTR_KEY_END])
      actionOn(key)?.(edits, number)
    }
  }
}

/** A text that the pattern matches sets an attribute for each group that took part. */
function extracting(key: Buffer, pattern: RegExp, owner: Owner): Action {
  return (edits, number) => {
    const { index } = edits
    const row = find(owner, index, number, key)
    const value = row < 0 ? undefined : readAnyValue(index.bytes, valueStart(index, row), valueEnd(index, row))
    if (typeof value !== 'string') return
    for (const [name, found] of Object.entries(pattern.exec(value)?.groups ?? {})) {
      if (found === undefined) continue
      const target = Buffer.from(name)
      const field = encodeAttribute(name, found)
      const present = find(owner, index, number, target)
      if (present < 0) owner.add(edits, number, field)
      else owner.replace(edits, number, present, target, field)
    }
  }
}

function converting(name: string, key: Buffer, type: 'int' | 'double' | 'string', owner: Owner, settings: Pick<Settings, 'log'>): Action {
  const field = new ByteWriter(256)
  const value = new ByteWriter(256)
  return (edits, number) => {
    const { index } = edits
    const row = find(owner, index, number, key)
    if (row < 0) return
    const before = readAnyValue(index.bytes, valueStart(index, row), valueEnd(index, row))
    value.at = field.at = 0
    if (!convert(value, before, type))
      return settings.log.debug({ key: name, to: type }, 'a value could not be converted and stays as it is')
    writeAttribute(field, key, value.bytes, 0, value.at)
    owner.replace(edits, number, row, key, field.bytes.subarray(0, field.at))
  }
}
