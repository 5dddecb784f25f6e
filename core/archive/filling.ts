// An object that is being filled, or waits to be put where it belongs: archiver.ts has many.

import { randomBytes } from 'node:crypto'
import type { Position } from '../storage.ts'
import type { Manifest } from './manifest.ts'
import { newDataKey } from './master-key.ts'
import { ObjectWriter } from './object-writer.ts'
import type { ArchiveTools } from './archive-tools.ts'
import { placeOf } from './places.ts'

/** Which object something belongs to, as the storage remembers it. */
export interface Belongs {
  readonly object: string
  readonly tenant: string
  readonly hourMs: number
}

/** A record of the storage, which may hold parts of several objects: it is released when all of them are where they belong. */
export interface SharedRecord {
  readonly position: Position
  left: number
}

/** What an object takes in memory beside its spans, and what each of its records does, in bytes: measured, and counted as waiting. */
export const OBJECT_BYTES = 8192
const RECORD_BYTES = 64

export class Filling {
  readonly belongs: Belongs
  readonly writer: ObjectWriter
  readonly openedMs: number
  /** Under which name an earlier run began it; undefined where this one did. */
  readonly begunAs: string | undefined
  readonly records: SharedRecord[] = []
  /** Once it is where it belongs. */
  manifest: Manifest | 'not to be told of' | undefined
  /** As much of it as counts as waiting. */
  countedBytes = 0
  /** Parts that are on their way into the storage. */
  #arriving = 0
  #arrived: PromiseWithResolvers<void> | undefined

  constructor(belongs: Belongs, { objectOptions, masterKey, clock }: ArchiveTools, begunAs?: string) {
    this.belongs = belongs
    this.begunAs = begunAs
    const keys = masterKey === undefined ? {} : { masterKey, dataKey: newDataKey() }
    this.writer = new ObjectWriter({ ...objectOptions, ...keys, object: belongs.object, tenant: belongs.tenant })
    this.openedMs = clock.monotonicMs()
  }

  get memoryBytes(): number {
    return OBJECT_BYTES + this.writer.memoryBytes + this.records.length * RECORD_BYTES
  }

  /** Of a name that no other object has. */
  static open(tenant: string, hourMs: number, tools: ArchiveTools): Filling {
    const opened = tools.clock.now().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', 't')
    const name = `${opened}-${randomBytes(6).toString('hex')}`
    return new Filling({ object: placeOf(tools.layout, tenant, hourMs, name), tenant, hourMs }, tools)
  }

  /**
   * As this configuration has it, whatever the one was under which it began: its prefix, its encoding, its key. The name in its folder stays, so that it is found there
   * after another crash.
   */
  static again(belongs: Belongs, tools: ArchiveTools): Filling {
    const { object, tenant, hourMs } = belongs
    const [name] = object.slice(object.lastIndexOf('/') + 1).split('.') as [string]
    return new Filling({ ...belongs, object: placeOf(tools.layout, tenant, hourMs, name) }, tools, object)
  }

  begin(): void {
    this.#arriving++
  }

  /** `record` is where the part is remembered, if anywhere; undefined for `chunk` where it did not get there. */
  end(chunk: Uint8Array | undefined, record: SharedRecord | undefined): void {
    if (chunk !== undefined) this.writer.add(chunk)
    if (record !== undefined) this.records.push(record)
    if (--this.#arriving === 0) this.#arrived?.resolve()
  }

  /** Once nothing is on its way into it any more. */
  whole(): Promise<void> {
    if (this.#arriving === 0) return Promise.resolve()
    this.#arrived ??= Promise.withResolvers<void>()
    return this.#arrived.promise
  }
}
