// The measurements of many executions over a short window, so that those that would write one series do not overwrite each other: receivers keep one
// for each origin, and empty it when the window ends.

import type { Execution } from './execution.ts'
import { eachMeasurement } from './measurements.ts'
import type { Message } from './message.ts'
import type { MetricPath } from './metric-names.ts'
import { type Identity, PointTemplate, identityOf, writeGauge } from './metrics.ts'
import { PieceWriter } from './piece-writer.ts'
import { beginScope, endScope, type Items } from './request.ts'

/** What one series was in a window. */
interface Series {
  readonly path: MetricPath
  last: number | bigint
  /** Of the last, in nanoseconds since 1970. */
  time: bigint
  min: number
  max: number
  sum: number
  /** How often, and whether by more than one message. */
  count: number
  message: Message
  several: boolean
}

/** All series of one resource and one identity. */
interface Group {
  readonly resource: Uint8Array
  readonly attributes: Buffer
  readonly series: Map<string, Series>
}

const out = new PieceWriter(65_536)

export class MetricsWindow {
  readonly #identity: Identity
  readonly #groups = new Map<string, Group>()

  constructor(identity: Identity) {
    this.#identity = identity
  }

  get isEmpty(): boolean {
    return this.#groups.size === 0
  }

  /** Takes in what the message measured. True where that was anything. */
  add(message: Message, execution: Execution): boolean {
    let group: Group | undefined
    eachMeasurement(message, (path, value, time) => {
      group ??= this.#groupOf(message, execution)
      const known = group.series.get(path.name)
      if (known === undefined) group.series.set(path.name, seriesOf(path, value, time, message))
      else join(known, value, time, message)
    })
    return group !== undefined
  }

  /** Everything since the last time, as one request; undefined where there was nothing. */
  take(): Items | undefined {
    if (this.isEmpty) return undefined
    out.at = 0
    let count = 0
    for (const { resource, attributes, series } of this.#groups.values()) {
      const scope = beginScope(out, resource)
      for (const one of series.values()) count += writeSeries(one, attributes)
      endScope(out, scope)
    }
    this.#groups.clear()
    return { bytes: out.take(), count }
  }

  #groupOf(message: Message, execution: Execution): Group {
    const attributes = identityOf(message, execution, this.#identity)
    const { resource } = execution
    const key = `${Buffer.from(resource.buffer, resource.byteOffset, resource.length).toString('latin1')}\0${attributes.toString('latin1')}`
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const group: Group = { resource, attributes, series: new Map() }
    this.#groups.set(key, group)
    return group
  }
}

function seriesOf(path: MetricPath, last: number | bigint, time: bigint, message: Message): Series {
  const value = Number(last)
  return { path, last, time, min: value, max: value, sum: value, count: 1, message, several: false }
}

/** The last is the one measured last, whenever it came. */
function join(series: Series, value: number | bigint, time: bigint, message: Message): void {
  const number = Number(value)
  series.min = Math.min(series.min, number)
  series.max = Math.max(series.max, number)
  series.sum += number
  series.count++
  series.several ||= message !== series.message
  if (time < series.time) return
  series.last = value
  series.time = time
  series.message = message
}

/** How many data points. Least, greatest and sum stand beside the last where there was more than one. */
function writeSeries({ path, last, time, min, max, sum, message, several }: Series, attributes: Buffer): number {
  const template = new PointTemplate(message, attributes)
  writeGauge(out, path, '', template.of(last, time))
  if (!several) return 1
  writeGauge(out, path, '.min', template.of(min, time))
  writeGauge(out, path, '.max', template.of(max, time))
  writeGauge(out, path, '.sum', template.of(sum, time))
  return 4
}
