// The page as text: Prometheus' own format (0.0.4, and 1.0.0, which has names of any characters), and OpenMetrics 1.0.
// Sources: https://prometheus.io/docs/instrumenting/exposition_formats/ and https://prometheus.io/docs/specs/om/open_metrics_spec/

import { type Exemplar, exemplarsByBucket, type FamilyType, type Point, type Series } from '../../core/prometheus/index.ts'
import type { ShownFamily } from './families.ts'
import { escaped, shownLabels } from './negotiate.ts'

export interface TextOptions {
  readonly isOpenMetrics: boolean
  readonly isUtf8: boolean
  readonly timestamps: boolean
}

/** What text has no way to say: native buckets. Their count and sum are shown as those of a histogram with one bucket. */
export function textOf(families: readonly ShownFamily[], options: TextOptions): string {
  const writer = new TextWriter(options)
  for (const family of families) writer.family(family)
  return writer.finish()
}

/** What follows the name of the family in its samples, for types that OpenMetrics knows by it. */
const SUFFIX: Readonly<Partial<Record<FamilyType, string>>> = { counter: '_total', info: '_info' }

class TextWriter {
  readonly #options: TextOptions
  readonly #lines: string[] = []

  constructor(options: TextOptions) {
    this.#options = options
  }

  family({ name, type, help, unit, points }: ShownFamily): void {
    const { isOpenMetrics } = this.#options
    const shownType = this.#typeOf(name, type)
    const suffix = isOpenMetrics ? (SUFFIX[shownType] ?? '') : ''
    const family = this.#name(suffix === '' ? name : name.slice(0, -suffix.length))
    if (help !== '') this.#lines.push(`# HELP ${family} ${escapedHelp(help, isOpenMetrics)}`)
    this.#lines.push(`# TYPE ${family} ${!isOpenMetrics && shownType === 'unknown' ? 'untyped' : shownType}`)
    if (isOpenMetrics && unit !== '' && family.endsWith(`_${unit}`)) this.#lines.push(`# UNIT ${family} ${unit}`)
    for (const point of points) this.#point(point, shownType)
  }

  finish(): string {
    if (this.#options.isOpenMetrics) this.#lines.push('# EOF')
    return this.#lines.length === 0 ? '' : `${this.#lines.join('\n')}\n`
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
    const { series, values, native, layout, exemplars } = point
    if (native !== undefined) return this.#native(point)
    const own = this.#options.isOpenMetrics && exemplars.length > 0
    const byBucket = own && layout !== undefined ? exemplarsByBucket(point) : undefined
    for (const [i, one] of series.entries()) {
      const exemplar = byBucket === undefined ? (own && layout === undefined ? exemplars.at(-1) : undefined) : byBucket.get(i)
      this.#sample(this.#seriesText(one), values[i]!, point, exemplar)
    }
    this.#created(point, type)
  }

  #native(point: Point): void {
    const { stream, native } = point
    const name = stream.family.name.text
    const labels = this.#pairsOf(stream.labels.map(({ text }) => text))
    this.#sample(this.#text(`${name}_bucket`, [...labels, ['le', '+Inf']]), native!.count, point)
    this.#sample(this.#text(`${name}_sum`, labels), native!.sum, point)
    this.#sample(this.#text(`${name}_count`, labels), native!.count, point)
    this.#created(point, 'histogram')
  }

  /** When counting began. */
  #created({ stream, startMs }: Point, type: FamilyType): void {
    if (!this.#options.isOpenMetrics || startMs === 0 || (type !== 'counter' && type !== 'histogram' && type !== 'summary')) return
    const name = stream.family.name.text
    const family = type === 'counter' ? name.slice(0, -'_total'.length) : name
    this.#lines.push(`${this.#text(`${family}_created`, this.#pairsOf(stream.labels.map(({ text }) => text)))} ${seconds(startMs)}`)
  }

  #sample(series: string, value: number, { timestampMs }: Point, exemplar?: Exemplar): void {
    const { timestamps, isOpenMetrics } = this.#options
    let line = `${series} ${numberOf(value)}`
    if (timestamps) line += isOpenMetrics ? ` ${seconds(timestampMs)}` : ` ${timestampMs}`
    if (exemplar !== undefined) {
      line += ` # ${this.#labels(this.#pairsOf(exemplar.labels)) || '{}'} ${numberOf(exemplar.value)}`
      if (exemplar.timestampMs !== 0) line += ` ${seconds(exemplar.timestampMs)}`
    }
    this.#lines.push(line)
  }

  #seriesText({ labels }: Series): string {
    const pairs = this.#pairsOf(labels.map(({ text }) => text))
    const name = pairs.find(([key]) => key === '__name__')![1]
    return this.#text(
      name,
      pairs.filter(([key]) => key !== '__name__'),
    )
  }

  #pairsOf(labels: readonly string[]): readonly (readonly [string, string])[] {
    return shownLabels(labels, this.#options.isUtf8)
  }

  #text(name: string, pairs: readonly (readonly [string, string])[]): string {
    const shown = this.#name(name)
    // A quoted name stands among the labels.
    if (!shown.startsWith('"')) return `${shown}${this.#labels(pairs)}`
    const labels = this.#labels(pairs)
    return labels === '' ? `{${shown}}` : `{${shown},${labels.slice(1)}`
  }

  #labels(pairs: readonly (readonly [string, string])[]): string {
    if (pairs.length === 0) return ''
    return `{${pairs.map(([name, value]) => `${this.#label(name)}="${escapedValue(name, value, this.#options.isOpenMetrics)}"`).join(',')}}`
  }

  #name(name: string): string {
    if (!this.#options.isUtf8) return escaped(name, false)
    return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) ? name : `"${escapedText(name)}"`
  }

  #label(name: string): string {
    return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : `"${escapedText(name)}"`
  }
}

/** OpenMetrics wants bounds and quantiles to look like floats. */
function escapedValue(name: string, value: string, isOpenMetrics: boolean): string {
  if (isOpenMetrics && (name === 'le' || name === 'quantile') && /^-?\d+$/.test(value)) return `${value}.0`
  return escapedText(value)
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
