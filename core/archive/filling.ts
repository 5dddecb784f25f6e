// An object that is being filled, or waits to be put where it belongs: archiver.ts has many.

import { randomBytes } from 'node:crypto'
import type { Position } from '../storage.ts'
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

export class Filling {
  readonly belongs: Belongs
  readonly writer: ObjectWriter
  readonly openedMs: number
  /** An earlier run has filled it. */
  readonly isRestored: boolean
  readonly records: SharedRecord[] = []
  /** Parts that are on their way into the storage. */
  #arriving = 0
  #arrived: PromiseWithResolvers<void> | undefined

  constructor(belongs: Belongs, { objectOptions, masterKey, clock }: ArchiveTools, isRestored = false) {
    this.belongs = belongs
    this.isRestored = isRestored
    const keys = masterKey === undefined ? {} : { masterKey, dataKey: newDataKey() }
    this.writer = new ObjectWriter({ ...objectOptions, ...keys, object: belongs.object, tenant: belongs.tenant })
    this.openedMs = clock.monotonicMs()
  }

  /** Of a name that no other object has. */
  static open(tenant: string, hourMs: number, tools: ArchiveTools): Filling {
    const opened = tools.clock.now().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', 't')
    const name = `${opened}-${randomBytes(6).toString('hex')}`
    return new Filling({ object: placeOf(tools.layout, tenant, hourMs, name), tenant, hourMs }, tools)
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
