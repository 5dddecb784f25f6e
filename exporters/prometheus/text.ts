// The page as text: Prometheus' own format (0.0.4, and 1.0.0, which has names of any characters), and OpenMetrics 1.0.
// Sources: https://prometheus.io/docs/instrumenting/exposition_formats/ and https://prometheus.io/docs/specs/om/open_metrics_spec/

import { type Exemplar, exemplarsByBucket, type FamilyType, type Point, type Series, type Stream } from '../../core/prometheus/index.ts'
import type { ShownFamily } from './families.ts'
import { escaped, shownLabels } from './negotiate.ts'

export interface TextOptions {
  readonly isOpenMetrics: boolean
  readonly isUtf8: boolean
  readonly timestamps: boolean
}

/** So many lines are made at once: some milliseconds. */
const PIECE_LINES = 1000

/**
 * What text has no way to say: native buckets. Their count and sum are shown as those of a histogram with one bucket. In pieces, for whoever has
 * other things to do between them.
 */
export function* textOf(families: readonly ShownFamily[], options: TextOptions): Generator<string> {
  const writer = new TextWriter(options)
  for (const family of families) yield* writer.family(family)
  yield writer.finish()
}

/** What follows the name of the family in its samples, for types that OpenMetrics knows by it. */
const SUFFIX: Readonly<Partial<Record<FamilyType, string>>> = { counter: '_total', info: '_info' }

/** The labels of a point as text: what its series share is made once, and `le` or `quantile` goes between. */
interface SharedLabels {
  readonly all: string
  readonly before: string
  readonly after: string
}

class TextWriter {
  readonly #options: TextOptions
  #lines: string[] = []
  /** As they are shown: there are few, and each comes in many lines. */
  readonly #names = new Map<string, string>()

  constructor(options: TextOptions) {
    this.#options = options
  }

  *family({ name, type, help, unit, points }: ShownFamily): Generator<string> {
    const { isOpenMetrics } = this.#options
    const shownType = this.#typeOf(name, type)
    const suffix = isOpenMetrics ? (SUFFIX[shownType] ?? '') : ''
    const family = this.#name(suffix === '' ? name : name.slice(0, -suffix.length))
    if (help !== '') this.#lines.push(`# HELP ${family} ${escapedHelp(help, isOpenMetrics)}`)
    this.#lines.push(`# TYPE ${family} ${!isOpenMetrics && shownType === 'unknown' ? 'untyped' : shownType}`)
    if (isOpenMetrics && unit !== '' && family.endsWith(`_${unit}`)) this.#lines.push(`# UNIT ${family} ${unit}`)
    for (const point of points) {
      this.#point(point, shownType)
      if (this.#lines.length >= PIECE_LINES) yield this.#piece()
    }
    this.#names.clear()
  }

  finish(): string {
    if (this.#options.isOpenMetrics) this.#lines.push('# EOF')
    return this.#piece()
  }

  #piece(): string {
    const lines = this.#lines
    this.#lines = []
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`
  }

  /** Only what OpenMetrics has rules for gets its types there, and only with the names that it wants for them. */
  #typeOf(name: string, type: FamilyType): FamilyType {
    if (type === 'stateset') return 'gauge'
    if (!this.#options.isOpenMetrics) return type === 'info' ? 'gauge' : type
    const suffix = SUFFIX[type]
    if (suffix === undefined || (name.endsWith(suffix) && name.length > suffix.length)) return type
    return type === 'info' ? 'gauge' : 'unknown'
  }

  #point(point: Point, type: FamilyType): void {
    const { series, values, native, layout, exemplars, stream } = point
    const labels = this.#sharedBy(stream)
    if (native !== undefined) this.#native(point, labels)
    else {
      const own = this.#options.isOpenMetrics && exemplars.length > 0
      const byBucket = own && layout !== undefined ? exemplarsByBucket(point) : undefined
      for (const [i, one] of series.entries()) {
        const exemplar = byBucket === undefined ? (own && layout === undefined ? exemplars.at(-1) : undefined) : byBucket.get(i)
        this.#sample(this.#seriesText(one, labels), values[i]!, point, exemplar)
      }
    }
    this.#created(point, native === undefined ? type : 'histogram', labels)
  }

  #native(point: Point, { all }: SharedLabels): void {
    const { stream, native } = point
    const name = stream.family.name.text
    this.#sample(this.#text(`${name}_bucket`, joined([all, 'le="+Inf"'])), native!.count, point)
    this.#sample(this.#text(`${name}_sum`, all), native!.sum, point)
    this.#sample(this.#text(`${name}_count`, all), native!.count, point)
  }

  /** When counting began. */
  #created({ stream, startMs }: Point, type: FamilyType, { all }: SharedLabels): void {
    if (!this.#options.isOpenMetrics || startMs === 0 || (type !== 'counter' && type !== 'histogram' && type !== 'summary')) return
    const name = stream.family.name.text
    const family = type === 'counter' ? name.slice(0, -'_total'.length) : name
    this.#lines.push(`${this.#text(`${family}_created`, all)} ${seconds(startMs)}`)
  }

  #sample(series: string, value: number, { timestampMs }: Point, exemplar?: Exemplar): void {
    const { timestamps, isOpenMetrics } = this.#options
    let line = `${series} ${numberOf(value)}`
    if (timestamps) line += isOpenMetrics ? ` ${seconds(timestampMs)}` : ` ${timestampMs}`
    if (exemplar !== undefined) {
      line += ` # {${this.#labels(shownLabels(exemplar.labels, this.#options.isUtf8))}} ${numberOf(exemplar.value)}`
      if (exemplar.timestampMs !== 0) line += ` ${seconds(exemplar.timestampMs)}`
    }
    this.#lines.push(line)
  }

  #sharedBy({ labels, boundAt }: Stream): SharedLabels {
    const pairs = shownLabels(
      labels.map(({ text }) => text),
      this.#options.isUtf8,
    )
    const before = this.#labels(pairs.slice(0, boundAt / 2))
    const after = this.#labels(pairs.slice(boundAt / 2))
    return { all: joined([before, after]), before, after }
  }

  #seriesText({ name, bound, stream }: Series, { all, before, after }: SharedLabels): string {
    if (bound === undefined) return this.#text(name.text, all)
    const key = stream.family.boundKey!.text
    return this.#text(name.text, joined([before, `${key}="${this.#options.isOpenMetrics ? asFloat(bound.text) : bound.text}"`, after]))
  }

  #text(name: string, labels: string): string {
    const shown = this.#name(name)
    // A quoted name stands among the labels.
    if (shown.startsWith('"')) return `{${joined([shown, labels])}}`
    return labels === '' ? shown : `${shown}{${labels}}`
  }

  #labels(pairs: readonly (readonly [string, string])[]): string {
    return pairs.map(([name, value]) => `${this.#label(name)}="${escapedText(value)}"`).join(',')
  }

  #name(name: string): string {
    let shown = this.#names.get(name)
    if (shown === undefined) this.#names.set(name, (shown = this.#shown(name)))
    return shown
  }

  #shown(name: string): string {
    if (!this.#options.isUtf8) return escaped(name, false)
    return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) ? name : `"${escapedText(name)}"`
  }

  #label(name: string): string {
    return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : `"${escapedText(name)}"`
  }
}

function joined(labels: readonly string[]): string {
  return labels.filter((text) => text !== '').join(',')
}

/** OpenMetrics wants bounds and quantiles to look like floats. */
function asFloat(bound: string): string {
  return /^-?\d+$/.test(bound) ? `${bound}.0` : bound
}

function escapedText(text: string): string {
  return text.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** Quotes are escaped in OpenMetrics alone. */
function escapedHelp(text: string, isOpenMetrics: boolean): string {
  const plain = text.toWellFormed().replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return isOpenMetrics ? plain.replaceAll('"', '\\"') : plain
}

function numberOf(value: number): string {
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  return Object.is(value, -0) ? '-0' : String(value)
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3)
}
