// The labels of a series: attributes of its point, what its scope and resource say, constants. The table of streams asks for them once for
// every new stream.

import type { AttributeValue } from '../otlp/any-value.ts'
import { labelName, type Strategy } from './names.ts'
import type { Sym, Symbols } from './symbols.ts'

export type Attribute = readonly [key: string, value: AttributeValue]

/** What all series of one scope of one resource share. */
export interface SharedLabels {
  /** Of the scope, with the keys `otel_scope_…`. */
  readonly scope: readonly (readonly [key: string, value: string])[]
  /** Resource attributes that are labels here; a point's own attribute of that name counts more. */
  readonly resource: readonly Attribute[]
  readonly job: string
  readonly instance: string
  /** From the configuration; whatever else has such a label counts more. */
  readonly constant: Readonly<Record<string, string>>
}

/** What a series is told apart by beside the labels of its stream. A point's own attribute of that name becomes `exported_le`. */
export type Reserved = 'le' | 'quantile'

/** Names and values in turn, sorted by the bytes of the names, none twice, none empty. `__name__` is not among them. */
export function labelsOf(
  attributes: readonly Attribute[],
  shared: SharedLabels,
  strategy: Strategy,
  symbols: Symbols,
  reserved?: Reserved,
): Sym[] {
  const set = joined([...attributes.map(([key, value]) => [key, textOf(value)] as const), ...shared.scope], strategy)
  for (const [key, value] of shared.resource) {
    const name = labelName(key, strategy)
    if (!set.has(name)) set.set(name, textOf(value))
  }
  for (const [name, value] of [
    ['job', shared.job],
    ['instance', shared.instance],
  ] as const) {
    if (value === '') continue
    setAside(set, name)
    set.set(name, value)
  }
  for (const [name, value] of Object.entries(shared.constant)) if (!set.has(name)) set.set(name, value)
  if (reserved !== undefined) setAside(set, reserved)
  return sorted(set, symbols)
}

/** Several keys that come to one name are one label: their values in the order of the keys. */
export function joined(pairs: readonly (readonly [key: string, value: string])[], strategy: Strategy): Map<string, string> {
  const set = new Map<string, string>()
  for (const [key, value] of pairs.toSorted(([a], [b]) => compareText(a, b))) {
    const name = labelName(key, strategy)
    const before = set.get(name)
    set.set(name, before === undefined ? value : `${before};${value}`)
  }
  return set
}

/** What Prometheus itself does with a label that it sets: the other one is kept under another name. */
function setAside(set: Map<string, string>, name: string): void {
  const value = set.get(name)
  if (value === undefined) return
  set.delete(name)
  let other = `exported_${name}`
  while (set.has(other)) other = `exported_${other}`
  set.set(other, value)
}

function sorted(set: ReadonlyMap<string, string>, symbols: Symbols): Sym[] {
  const names = [...set.keys()].sort(compareText)
  const labels: Sym[] = []
  for (const name of names) {
    const value = set.get(name)!
    if (value !== '') labels.push(symbols.of(name), symbols.of(value))
  }
  return labels.slice() // without the room that pushing leaves
}

/** In the order of their bytes as UTF-8, which is that of their code points, not of JavaScript's code units. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    // Surrogates stand for what is above all else, but have smaller numbers than the last of the rest.
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit
}

/** As the OpenTelemetry specification writes an AnyValue where there is but text: JSON for what is nested, base64 for bytes. */
export function textOf(value: AttributeValue): string {
  if (typeof value === 'string') return value
  if (value === null) return ''
  if (typeof value !== 'object') return String(value)
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : JSON.stringify(value, plain)
}

/** What JSON has no form for. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}
