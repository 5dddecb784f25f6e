// What a point of OTLP belongs to: its metric as Prometheus knows it (a family), its stream (a family with labels), and the series that the
// stream comes to: one for a number, one for each bucket, the sum and the count of a histogram. The table of streams makes them.

import { compareText } from './labels.ts'
import type { FamilyType } from './names.ts'
import type { Sym, Symbols } from './symbols.ts'

export interface Family {
  readonly name: Sym
  readonly type: FamilyType
  /** A histogram with native buckets, which is one series. */
  readonly isNative: boolean
  readonly help: Sym
  readonly unit: Sym
  /** `__name__`; and `le` or `quantile`, by which the series of one stream are told apart. */
  readonly nameKey: Sym
  readonly boundKey: Sym | undefined
  /** Whether it is a `target_info`, which no data point of OTLP stands behind. */
  readonly isTarget: boolean
}

/** What the series of one stream are told apart by. */
const BOUND: Readonly<Partial<Record<FamilyType, string>>> = { histogram: 'le', summary: 'quantile' }

export function familyOf(
  symbols: Symbols,
  own: { readonly name: string; readonly type: FamilyType; readonly help: string; readonly unit: string },
  isNative = false,
  isTarget = false,
): Family {
  const bound = isNative ? undefined : BOUND[own.type]
  return {
    name: symbols.of(own.name),
    type: own.type,
    isNative,
    help: symbols.of(own.help),
    unit: symbols.of(own.unit),
    nameKey: symbols.of('__name__'),
    boundKey: bound === undefined ? undefined : symbols.of(bound),
    isTarget,
  }
}

/**
 * One series: the labels of its stream, its own name, and for buckets and quantiles a bound. There are many, so they share what they have in
 * common; whoever needs all labels in their order asks for `labels`.
 */
export class Series {
  readonly stream: Stream
  readonly name: Sym
  /** The value of `le` or `quantile`. */
  readonly bound: Sym | undefined
  /** The labels as bytes of a message, where somebody has made them: writers of requests keep them here. */
  encoded: Uint8Array | undefined

  constructor(stream: Stream, name: Sym, bound?: Sym) {
    this.stream = stream
    this.name = name
    this.bound = bound
    this.encoded = undefined
  }

  /** Every label, `__name__` and `le` too, names and values in turn, sorted. */
  get labels(): Sym[] {
    const { labels, nameAt, boundAt, family } = this.stream
    const { nameKey, boundKey } = family
    const all = [...labels.slice(0, nameAt), nameKey, this.name]
    if (this.bound === undefined) return [...all, ...labels.slice(nameAt)]
    // `le` and `quantile` come after `__name__` wherever they are.
    return [...all, ...labels.slice(nameAt, boundAt), boundKey!, this.bound, ...labels.slice(boundAt)]
  }
}

/** The series of a histogram or a summary with given bounds: those with `le` or `quantile`, then the sum, where there is one, and the count. */
export interface Layout {
  /** Upper bounds, +Inf being the last; or quantiles. */
  readonly bounds: readonly number[]
  readonly hasSum: boolean
  readonly series: readonly Series[]
}

export class Stream {
  readonly family: Family
  /** Without `__name__`. */
  readonly labels: readonly Sym[]
  /** 31 bits of the family's name and the labels: series of one stream go one way. */
  readonly hash: number
  /** Another stream of the same hash, for the table. */
  next: Stream | undefined
  layout: Layout | undefined
  /** When a point of it came last, in monotonic seconds, rounded up: a small integer takes no memory of its own, and there are many streams. */
  seenS = 0
  /** As of Series, of the one that a number is. */
  encoded: Uint8Array | undefined
  /** Set by whoever writes requests: which one it was in last, and where. */
  round = -1
  slot = 0
  segment = 0
  place = 0
  /** Of the last point that the destination has taken: milliseconds since 1970, and its value. */
  takenMs: number = -Infinity
  takenValue = 0

  /** Where `__name__` belongs among the labels, and `le` or `quantile`. */
  readonly nameAt: number
  readonly boundAt: number

  constructor(family: Family, labels: readonly Sym[], hash: number) {
    this.family = family
    this.labels = labels
    this.hash = hash
    this.nameAt = placeOf(labels, '__name__')
    this.boundAt = family.boundKey === undefined ? 0 : placeOf(labels, family.boundKey.text)
  }

  /** Of a number or a native histogram. Not kept: of most streams nobody asks for it again. */
  get single(): Series {
    return new Series(this, this.family.name)
  }

  /** The layout of those bounds; the one that the last point had, if it is the same. */
  laidOut(bounds: readonly number[], hasSum: boolean, symbols: Symbols): Layout {
    const { layout } = this
    if (layout !== undefined && layout.hasSum === hasSum && areSame(layout.bounds, bounds)) return layout
    return (this.layout = layoutOf(this, bounds, hasSum, symbols))
  }

  *symbols(): Generator<Sym> {
    yield* symbolsOf(this.family)
    yield* this.labels
    for (const { name, bound } of this.layout?.series ?? []) yield* bound === undefined ? [name] : [name, bound]
  }
}

export function symbolsOf({ name, help, unit, nameKey, boundKey }: Family): Sym[] {
  return boundKey === undefined ? [name, help, unit, nameKey] : [name, help, unit, nameKey, boundKey]
}

function placeOf(labels: readonly Sym[], name: string): number {
  let at = 0
  while (at < labels.length && compareText(labels[at]!.text, name) < 0) at += 2
  return at
}

function areSame(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function layoutOf(stream: Stream, bounds: readonly number[], hasSum: boolean, symbols: Symbols): Layout {
  const { name, type } = stream.family
  const named = (suffix: string): Sym => symbols.of(`${name.text}${suffix}`)
  const bounded = named(type === 'summary' ? '' : '_bucket')
  const series = bounds.map((bound) => new Series(stream, bounded, symbols.of(numberText(bound))))
  if (hasSum) series.push(new Series(stream, named('_sum')))
  series.push(new Series(stream, named('_count')))
  return { bounds: [...bounds], hasSum, series }
}

/** With the fewest digits that tell it apart and without an exponent, as the Collector and Prometheus write `le` and `quantile`. */
export function numberText(value: number): string {
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  const text = String(value)
  const at = text.indexOf('e')
  if (at < 0) return Object.is(value, -0) ? '-0' : text
  const sign = text.startsWith('-') ? '-' : ''
  const [whole = '', part = ''] = text.slice(sign.length, at).split('.')
  const point = whole.length + Number(text.slice(at + 1))
  const digits = whole + part
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  return `${sign}${digits.padEnd(point, '0')}`
}
