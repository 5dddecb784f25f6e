// Extension `audit_log` at work: takes entries from all components, and writes what came while the last group was being synced as the next.

import { type AuditEntry, type Auditor, parseDuration, printable, type Settings } from '../../core/index.ts'
import { FaultLog } from '../../core/client/index.ts'
import { encryptionKeyIn, encryptionKeyOf } from '../../core/factory.ts'
import type { JsonObject } from '../../core/trust/index.ts'
import { AuditFile } from './audit-file.ts'
import type { AuditLogConfig } from './factory.ts'
import { Refusals } from './refusals.ts'

/** Entries that wait while the disk is slow. */
const MAX_WAITING = 10_000
/** Of each of an entry's words: whoever is refused may have chosen them. */
const MAX_CHARACTERS = 300

interface Waiting {
  readonly fields: JsonObject
  readonly settle: (isWritten: boolean) => void
}

export class AuditLog implements Auditor {
  readonly #settings: Settings
  readonly #file: AuditFile
  readonly #refusals: Refusals
  readonly #faults: FaultLog
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  /** Entries that could not be written: said in the log itself as soon as it can be. */
  #lost = 0
  #isStopped = false

  constructor(config: AuditLogConfig, settings: Settings) {
    this.#settings = settings
    this.#file = new AuditFile(config.file, keyOf(config), config.max_file_size)
    this.#faults = new FaultLog(settings.log, settings.clock)
    this.#refusals = new Refusals(parseDuration(config.refusals_every), settings.clock, (entry, count) => void this.#put(entry, count))
  }

  /** A file that cannot be written, or that was changed since it was written, ends the start. */
  async start(): Promise<void> {
    try {
      await this.#file.open()
    } catch (error) {
      await this.#file.close()
      throw error
    }
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#refusals.stop()
    this.#isStopped = true
    await this.#writing
    await this.#file.close()
  }

  record(entry: AuditEntry): Promise<boolean> {
    if (this.#isStopped) return Promise.resolve(false)
    if (entry.kind !== 'refusal') return this.#put(entry, 1)
    this.#refusals.add(entry)
    return Promise.resolve(true)
  }

  #put(entry: AuditEntry, count: number): Promise<boolean> {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#lost++
      return Promise.resolve(false)
    }
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#waiting.push({ fields: this.#fieldsOf(entry, count), settle: resolve })
    this.#writing ??= this.#write()
    return promise
  }

  async #write(): Promise<void> {
    // Everything that came in this turn of the event loop is one group.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      const lost = this.#lost
      const isWritten = await this.#append([...(lost === 0 ? [] : [this.#lostFields(lost)]), ...group.map(({ fields }) => fields)])
      if (isWritten) this.#lost -= lost
      else this.#lost += group.length
      for (const { settle } of group) settle(isWritten)
    }
    // Before anybody who waited goes on, and may have more to write.
    this.#writing = undefined
  }

  async #append(entries: readonly JsonObject[]): Promise<boolean> {
    try {
      await this.#file.append(entries)
      this.#faults.worked()
      return true
    } catch (error) {
      this.#faults.failed((error as Error).message, 'what should be on record cannot be written; it is only counted')
      return false
    }
  }

  #lostFields(count: number): JsonObject {
    return this.#fieldsOf(
      { kind: 'administration', act: 'audit:lost', component: this.#settings.id, reason: 'the disk took nothing' },
      count,
    )
  }

  /** In the order in which people read them. */
  #fieldsOf({ kind, act, component, tenant, subject, reason, object }: AuditEntry, count: number): JsonObject {
    const words = { kind, act, component, tenant, subject, object, reason }
    const fields: Record<string, unknown> = { time: this.#settings.clock.now().toISOString() }
    for (const [name, word] of Object.entries(words)) if (word !== undefined && word !== '') fields[name] = printable(word, MAX_CHARACTERS)
    if (count !== 1) fields['count'] = count
    return fields
  }
}

function keyOf({ key, key_file: file }: AuditLogConfig): Uint8Array | undefined {
  if (key !== undefined) return encryptionKeyOf(key)
  return file === undefined ? undefined : encryptionKeyIn('key_file', file)
}
