// The measurements of many executions over a short window, so that those that would write one series do not overwrite each other: receivers keep one
// for each origin, and empty it when the window ends.

import type { Execution } from './execution.ts'
import type { Measurements } from './measurements.ts'
import type { Message } from './message.ts'
import type { MetricPath } from './metric-names.ts'
import { type Identity, PointTemplate, identityOf, writeGauge } from './metrics.ts'
import { PieceWriter } from './piece-writer.ts'
import { beginScope, endScope, type Items } from './request.ts'

type Ids = Pick<Message, 'traceId' | 'spanId'>

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
  /** The message that brought the last, or brought one: its ids alone, for the rest need not wait here. */
  ids: Ids
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

  /** Takes in what the message measured. */
  add(message: Message, { count, paths, values, times }: Measurements, execution: Execution): void {
    if (count === 0) return
    const { series } = this.#groupOf(message, execution)
    const { traceId, spanId } = message
    const ids: Ids = { traceId, spanId }
    for (let i = 0; i < count; i++) {
      const known = series.get(paths[i]!.name)
      if (known === undefined) series.set(paths[i]!.name, seriesOf(paths[i]!, values[i]!, times[i]!, ids))
      else join(known, values[i]!, times[i]!, ids)
    }
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
    const group: Group = { resource, attributes: Buffer.from(attributes), series: new Map() }
    this.#groups.set(key, group)
    return group
  }
}

function seriesOf(path: MetricPath, last: number | bigint, time: bigint, ids: Ids): Series {
  const value = Number(last)
  return { path, last, time, min: value, max: value, sum: value, count: 1, ids, several: false }
}

/** The last is the one measured last, whenever it came. */
function join(series: Series, value: number | bigint, time: bigint, ids: Ids): void {
  const number = Number(value)
  series.min = Math.min(series.min, number)
  series.max = Math.max(series.max, number)
  series.sum += number
  series.count++
  series.several ||= ids !== series.ids
  if (time < series.time) return
  series.last = value
  series.time = time
  series.ids = ids
}

/** How many data points. Least, greatest and sum stand beside the last where there was more than one. */
function writeSeries({ path, last, time, min, max, sum, ids, several }: Series, attributes: Buffer): number {
  const template = new PointTemplate(ids, attributes)
  writeGauge(out, path.header, template.of(last, time))
  if (!several) return 1
  for (const [suffix, value] of [
    ['min', min],
    ['max', max],
    ['sum', sum],
  ] as const) {
    writeGauge(out, path.summary(suffix), template.of(value, time))
  }
  return 4
}
