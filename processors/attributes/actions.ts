// Configured actions, compiled: each becomes a function on one span that finds its key in the columns and records a patch.
//
// A pass works on the request as it was before the pass. So an action that looks at what an earlier one wrote begins a new pass.

import { type Settings, otlp } from '../../core/index.ts'
import { convert } from './convert.ts'
import { type ActionConfig, isValue } from './action-config.ts'
import { HashCache } from './hash.ts'

export type Action = (edits: otlp.RequestEdits, span: number) => void

export function compilePasses(actions: readonly ActionConfig[], settings: Settings): Action[][] {
  const passes: Action[][] = []
  let written = new Set<string>()
  for (const action of actions) {
    const looksAtWritten = written.has(action.key) || (action.from_attribute !== undefined && written.has(action.from_attribute))
    if (passes.length === 0 || looksAtWritten) {
      passes.push([])
      written = new Set()
    }
    passes.at(-1)!.push(compile(action, settings))
    written.add(action.key)
  }
  return passes
}

function compile(config: ActionConfig, settings: Settings): Action {
  const key = Buffer.from(config.key)
  switch (config.action) {
    case 'delete':
      return (edits, span) => {
        const row = otlp.findItemAttribute(edits.index, span, key)
        if (row >= 0) otlp.deleteItemAttribute(edits, span, row, key)
      }
    case 'hash':
      return hashing(key, new HashCache(key))
    case 'convert':
      return converting(config.key, key, config.converted_type ?? 'string', settings)
    default: {
      const onlyAbsent = config.action === 'insert'
      const onlyPresent = config.action === 'update'
      return config.from_attribute === undefined
        ? setting(key, encoded(config), onlyAbsent, onlyPresent)
        : copying(key, Buffer.from(config.from_attribute), onlyAbsent, onlyPresent)
    }
  }
}

function encoded({ key, value }: ActionConfig): Buffer {
  if (!isValue(value)) throw new TypeError(`${key}: not a value`) // `check` has said so with line and column
  return otlp.encodeAttribute(key, value)
}

function setting(key: Buffer, field: Buffer, onlyAbsent: boolean, onlyPresent: boolean): Action {
  return (edits, span) => {
    const row = otlp.findItemAttribute(edits.index, span, key)
    if (row < 0) {
      if (!onlyPresent) otlp.addItemAttribute(edits, span, field)
    } else if (!onlyAbsent) otlp.replaceItemAttribute(edits, span, row, key, field)
  }
}

function copying(key: Buffer, source: Buffer, onlyAbsent: boolean, onlyPresent: boolean): Action {
  const field = new otlp.ByteWriter(256)
  return (edits, span) => {
    const from = otlp.findItemAttribute(edits.index, span, source)
    if (from < 0) return
    const row = otlp.findItemAttribute(edits.index, span, key)
    if (row < 0 ? onlyPresent : onlyAbsent) return
    field.at = 0
    otlp.writeAttribute(field, key, edits.index.bytes, otlp.valueStart(edits.index, from), otlp.valueEnd(edits.index, from))
    const written = field.bytes.subarray(0, field.at)
    if (row < 0) otlp.addItemAttribute(edits, span, written)
    else otlp.replaceItemAttribute(edits, span, row, key, written)
  }
}

function hashing(key: Buffer, hashes: HashCache): Action {
  return (edits, span) => {
    const { index } = edits
    const row = otlp.findItemAttribute(index, span, key)
    if (row >= 0)
      otlp.replaceItemAttribute(edits, span, row, key, hashes.fieldOf(index.bytes, otlp.valueStart(index, row), otlp.valueEnd(index, row)))
  }
}

function converting(name: string, key: Buffer, type: 'int' | 'double' | 'string', settings: Settings): Action {
  const field = new otlp.ByteWriter(256)
  const value = new otlp.ByteWriter(256)
  return (edits, span) => {
    const { index } = edits
    const row = otlp.findItemAttribute(index, span, key)
    if (row < 0) return
    const before = otlp.readAnyValue(index.bytes, otlp.valueStart(index, row), otlp.valueEnd(index, row))
    value.at = field.at = 0
    if (!convert(value, before, type))
      return settings.log.debug({ key: name, to: type }, 'a value could not be converted and stays as it is')
    otlp.writeAttribute(field, key, value.bytes, 0, value.at)
    otlp.replaceItemAttribute(edits, span, row, key, field.bytes.subarray(0, field.at))
  }
}
