// Where a measurement stands in its message, and what that makes it as a metric: name and unit in bytes, once for each path. metrics.ts walks along them.
//
//   Metric { string name = 1; string unit = 3; Gauge gauge = 5; }

import { PieceWriter } from './piece-writer.ts'
import type { Threshold, Thresholds } from './thresholds.ts'

/** So many paths are remembered, then they are forgotten: senders choose them. */
export const MOST_REMEMBERED = 10_000
/** Paths as deep as JSON may be, with keys of any length, must not fill the memory. */
const LONGEST_REMEMBERED = 512

/** UCUM, by how a name ends; the first that fits. */
export const UNITS: readonly (readonly [suffix: string, unit: string])[] = [
  ['_bytes_per_sec', 'By/s'],
  ['_bytes_per_second', 'By/s'],
  ['_per_sec', '1/s'],
  ['_per_second', '1/s'],
  ['_per_minute', '1/min'],
  ['_mbps', 'Mbit/s'],
  ['_ms', 'ms'],
  ['_seconds', 's'],
  ['_minutes', 'min'],
  ['_hours', 'h'],
  ['_bytes', 'By'],
  ['_kb', 'kBy'],
  ['_mb', 'MBy'],
  ['_gb', 'GBy'],
  ['_percent', '%'],
]

/** What a total or a peak is measured by is what is measured. */
const SUMMED = /^(?:peak|total|max)_/

const NONE: readonly Threshold[] = []
let remembered = 0

export class MetricPath {
  readonly name: string
  readonly unit: string
  /** The body of a Metric before its gauge. */
  readonly header: Buffer
  /** What a threshold may call it: the last keys of its path, joined by `_`, with and without `peak_`, `total_`, `max_`. */
  readonly callings: readonly string[]
  /** What `thresholdsFor` found last: most executions have the same thresholds. */
  #asked: Thresholds | undefined
  #found: readonly Threshold[] = NONE
  /** Of the metrics that sum this one up: a window asks for them at its every end. */
  readonly #summaries = new Map<string, Buffer>()
  readonly #key: string
  readonly #children = new Map<string, MetricPath>()

  constructor(name: string, key: string, callings: readonly string[]) {
    this.name = name
    this.#key = key
    this.callings = callings
    this.unit = UNITS.find(([suffix]) => `_${key}`.endsWith(suffix))?.[1] ?? ''
    this.header = headerOf(name, this.unit)
  }

  /** The path one key further. */
  to(key: string): MetricPath {
    return this.#children.get(key) ?? this.#remember(key, () => new MetricPath(`${this.name}.${key}`, key, callingsOf(key, this.callings)))
  }

  /** The header of the metric whose name ends in `.suffix`, of the same unit. */
  summary(suffix: 'min' | 'max' | 'sum'): Buffer {
    const known = this.#summaries.get(suffix)
    if (known !== undefined) return known
    const header = headerOf(`${this.name}.${suffix}`, this.unit)
    this.#summaries.set(suffix, header)
    return header
  }

  /** The path to an element of a list, which is measured as the list is. */
  at(index: number): MetricPath {
    const key = `${index}`
    return this.#children.get(key) ?? this.#remember(key, () => new MetricPath(`${this.name}.${key}`, this.#key, this.callings))
  }

  /** Those that are meant for what is measured here. */
  thresholdsFor(thresholds: Thresholds): readonly Threshold[] {
    if (thresholds === this.#asked) return this.#found
    const found = this.callings.flatMap((calling) => thresholds.byName.get(calling) ?? NONE)
    this.#asked = thresholds
    this.#found = found.length === 0 ? NONE : found
    return this.#found
  }

  #remember(key: string, make: () => MetricPath): MetricPath {
    const path = make()
    if (path.name.length > LONGEST_REMEMBERED) return path
    // What is in use comes again at once.
    if (remembered >= MOST_REMEMBERED) {
      ROOT.#children.clear()
      remembered = 0
    }
    remembered++
    this.#children.set(key, path)
    return path
  }
}

function callingsOf(key: string, above: readonly string[]): string[] {
  const keys = [key, ...above.map((calling) => `${calling}_${key}`)]
  return [...new Set([...keys, ...keys.map((name) => name.replace(SUMMED, ''))])].slice(0, 16)
}

/** The body of a Metric before its gauge. */
function headerOf(name: string, unit: string): Buffer {
  const header = new PieceWriter(128)
  header.text(0x0a, name)
  if (unit !== '') header.text(0x1a, unit)
  return header.take()
}

export const ROOT: MetricPath = new MetricPath('mplp', '', [])
