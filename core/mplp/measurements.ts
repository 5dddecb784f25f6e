// The numbers of a message that are measurements, each with its path: metrics.ts writes them, crossings.ts compares them with limits.

import { type JsonObject, type Message, objectIn, stringIn } from './message.ts'
import { type MetricPath, ROOT } from './metric-names.ts'
import { BODY_ROWS, COLLECTION, rowsOf } from './rows.ts'
import { parseTime } from './time.ts'

const BLOCKS: readonly string[] = [...BODY_ROWS].filter(([, row]) => row.measures === true).map(([key]) => key)

/** Of one message, in columns: nobody needs an object for each. */
export class Measurements {
  readonly paths: MetricPath[] = []
  readonly values: (number | bigint)[] = []
  /** Nanoseconds since 1970. */
  readonly times: bigint[] = []
  #time = 0n

  constructor(message: Message) {
    if (message.kind === 'metrics') this.#inMetrics(message)
    else if (message.kind !== 'anomaly') for (const key of BLOCKS) this.#inBlock(message, key)
  }

  get count(): number {
    return this.paths.length
  }

  #inBlock(message: Message, key: string): void {
    const block = objectIn(message.body, key)
    if (block === undefined) return
    this.#time = timeOf(block, message)
    this.#walk(block, ROOT.to(key))
  }

  /** In a metrics message everything is one that no row says is something else. */
  #inMetrics(message: Message): void {
    const { body } = message
    const rows = rowsOf(message)
    for (const key of Object.keys(body)) {
      const row = rows.get(key)
      if ((row !== undefined && row.measures !== true) || key.startsWith(COLLECTION)) continue
      const value = body[key]
      this.#time = timeOf(value, message)
      this.#take(value, ROOT, key)
    }
  }

  #take(value: unknown, above: MetricPath, key: string): void {
    if (typeof value === 'number' || typeof value === 'bigint') this.#add(above.to(key), value)
    else if (typeof value === 'object' && value !== null) this.#walk(value, above.to(key))
  }

  #walk(value: object, path: MetricPath): void {
    if (!Array.isArray(value)) {
      for (const key of Object.keys(value)) this.#take((value as JsonObject)[key], path, key)
      return
    }
    for (let i = 0; i < value.length; i++) {
      const element: unknown = value[i]
      if (typeof element === 'number' || typeof element === 'bigint') this.#add(path.at(i), element)
      else if (typeof element === 'object' && element !== null) this.#walk(element, path.at(i))
    }
  }

  #add(path: MetricPath, value: number | bigint): void {
    this.paths.push(path)
    this.values.push(value)
    this.times.push(this.#time)
  }
}

function timeOf(block: unknown, message: Message): bigint {
  const written = typeof block === 'object' && !Array.isArray(block) ? stringIn(block as JsonObject, 'timestamp') : undefined
  return written === undefined ? message.time : (parseTime(written) ?? message.time)
}
