// A storage for tests: logs that live as long as this object, which is the disk. Closing one and opening it again is a restart of whoever
// had it.

import type { StorageProvider } from '../component.ts'
import { type DurableLog, FullError, type Page, type Position } from '../storage.ts'

export class MemoryStorage implements StorageProvider {
  readonly maxBytes: number
  /** By name: as it was opened last. */
  readonly logs: Map<string, MemoryLog> = new Map()

  constructor(maxBytes: number = Infinity) {
    this.maxBytes = maxBytes
  }

  async open(name: string, { maxBytes = this.maxBytes }: { readonly maxBytes?: number } = {}): Promise<MemoryLog> {
    const before = this.logs.get(name)
    if (before?.isOpen === true) throw new Error(`${name} is in use`)
    const log = new MemoryLog(maxBytes, before)
    this.logs.set(name, log)
    return log
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
}

export class MemoryLog implements DurableLog {
  readonly maxBytes: number
  readonly #records: Map<Position, Uint8Array>
  #next: Position
  isOpen = true
  /** What the next calls of `append`, `read` or `release` reject with: set it to have a disk that fails. */
  fault: Error | undefined
  /** While it is set nothing is synced: `append` settles when this does. */
  synced: Promise<void> | undefined
  /** While it is set `read` settles when this does, with what there was when it was called. */
  readable: Promise<void> | undefined

  /** `before` is the same log as its last owner left it. */
  constructor(maxBytes: number, before?: MemoryLog) {
    this.maxBytes = maxBytes
    this.#records = new Map(before?.waiting)
    this.#next = before?.nextPosition ?? 1
  }

  /** What is not released, oldest first. */
  get waiting(): ReadonlyMap<Position, Uint8Array> {
    return this.#records
  }
  get nextPosition(): Position {
    return this.#next
  }
  get bytes(): number {
    let total = 0
    for (const { length } of this.#records.values()) total += length
    return total
  }
  get records(): number {
    return this.#records.size
  }

  async append(parts: readonly Uint8Array[]): Promise<Position> {
    const bytes = Buffer.concat(parts)
    await this.synced
    this.#assertWorks()
    if (this.bytes + bytes.length > this.maxBytes) throw new FullError(`holds ${this.bytes} of ${this.maxBytes} bytes`)
    const position = this.#next
    this.#next += bytes.length + 1
    this.#records.set(position, bytes)
    return position
  }

  async read(from: Position, maxBytes: number): Promise<Page> {
    this.#assertWorks()
    const records: Page['records'][number][] = []
    let [taken, next] = [0, from]
    for (const [position, bytes] of this.#records) {
      if (position < from) continue
      if (records.length > 0 && taken + bytes.length > maxBytes) break
      records.push({ position, bytes })
      taken += bytes.length
      next = position + 1
    }
    await this.readable
    return { records, next }
  }

  async release(position: Position): Promise<void> {
    this.#assertWorks()
    this.#records.delete(position)
  }

  async close(): Promise<void> {
    this.isOpen = false
  }

  #assertWorks(): void {
    if (!this.isOpen) throw new Error('the log is closed')
    if (this.fault !== undefined) throw this.fault
  }
}
