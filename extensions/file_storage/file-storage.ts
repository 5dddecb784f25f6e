// The folders of one `file_storage`: makes the directory, opens a log in it for whoever asks, measures them all, closes them at the end.

import { constants } from 'node:fs'
import { access, mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type DurableLog, type Meter, parseDuration, type Settings, type StorageProvider } from '../../core/index.ts'
import { InUseError, encryptionKeyOf, SegmentLog } from '../../core/durable/index.ts'
import type { FileStorageConfig } from './factory.ts'

/** The one log that has limits of its own. */
const DEAD_LETTERS = 'dead_letters'
/** How often a folder is asked for that another process has, in milliseconds. */
const ASK_AGAIN_MS = 50
/** When everybody who wants a folder has opened it, in milliseconds after `start`. */
const SETTLED_MS = 10_000

export class FileStorage implements StorageProvider {
  readonly #config: FileStorageConfig
  readonly #key: Uint8Array | undefined
  readonly #settings: Settings
  readonly #logs = new Map<string, SegmentLog>()
  #timer: { cancel(): void } | undefined

  constructor(config: FileStorageConfig, settings: Settings) {
    this.#config = config
    this.#key = config.encryption_key === undefined ? undefined : encryptionKeyOf(config.encryption_key)
    this.#settings = settings
    this.#measure(settings.meter)
  }

  async start(): Promise<void> {
    const { directory, create_directory: create, directory_permissions: permissions } = this.#config
    try {
      if (create) await mkdir(directory, { recursive: true, mode: Number.parseInt(permissions, 8) })
      if (!(await stat(directory)).isDirectory()) throw new Error('it is a file')
      await access(directory, constants.R_OK | constants.W_OK | constants.X_OK)
    } catch (cause) {
      throw new Error(`directory ${directory} cannot be used: ${explain(cause, create)}`, { cause })
    }
    this.#timer = this.#settings.clock.after(SETTLED_MS, () => void this.#warnOfStrangers().catch(() => {}))
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    await Promise.all([...this.#logs.values()].map((log) => log.close()))
  }

  async open(name: string, options: { readonly maxBytes?: number } = {}): Promise<DurableLog> {
    const { directory, timeout, max_size: maxSize, dead_letters: deadLetters } = this.#config
    const maxBytes = options.maxBytes ?? (name === DEAD_LETTERS ? deadLetters.max_size : maxSize)
    const folder = join(directory, encodeURIComponent(name))
    const { clock } = this.#settings
    const untilMs = clock.monotonicMs() + parseDuration(timeout)
    for (;;) {
      try {
        const harmed = (damaged: number, tornBytes: number): void => this.#tellHarm(name, damaged, tornBytes)
        const log = await SegmentLog.open(folder, { maxBytes, clock, harmed, ...(this.#key === undefined ? {} : { key: this.#key }) })
        this.#logs.set(name, log)
        const { bytes, damaged, tornBytes } = log
        if (bytes > 0) this.#settings.log.info({ log: name, bytes }, 'an earlier run has left something here')
        this.#tellHarm(name, damaged, tornBytes)
        return log
      } catch (error) {
        if (!(error instanceof InUseError) || clock.monotonicMs() >= untilMs) throw error
        await new Promise<void>((resolve) => clock.after(ASK_AGAIN_MS, resolve))
      }
    }
  }

  #tellHarm(name: string, damaged: number, tornBytes: number): void {
    const { log } = this.#settings
    if (damaged > 0) log.error({ log: name, damaged }, 'damaged on disk: what could not be read is set aside in its folder `damaged`')
    if (tornBytes > 0) log.warn({ log: name, bytes: tornBytes }, 'the last write here was cut off, as a crash does: it is not read')
  }

  /** A folder that nobody asked for was somebody's whom the configuration does not name any more. */
  async #warnOfStrangers(): Promise<void> {
    const known = new Set([...this.#logs.keys()].map(encodeURIComponent))
    const names = (await readdir(this.#config.directory, { withFileTypes: true })).filter(
      (entry) => entry.isDirectory() && !known.has(entry.name),
    )
    for (const { name } of names) {
      const segments = (await readdir(join(this.#config.directory, name))).filter((file) => file.endsWith('.segment'))
      if (segments.length === 0) continue
      const fields = { folder: join(this.#config.directory, name) }
      this.#settings.log.warn(
        fields,
        'nobody in this configuration uses this folder, and nothing in it is sent: `millrace queue stat` shows what it holds',
      )
    }
  }

  #measure(meter: Meter): void {
    const each = (read: (log: SegmentLog) => number) => () => [...this.#logs].map(([log, open]) => [read(open), { log }] as const)
    meter.gauge(
      'millrace_storage_bytes',
      'By',
      'What a log takes on disk.',
      each((log) => log.bytes),
    )
    meter.gauge(
      'millrace_storage_max_bytes',
      'By',
      'The most that it may take.',
      each((log) => log.maxBytes),
    )
    meter.gauge(
      'millrace_storage_records',
      '{record}',
      'Records in it, as far as it was looked through.',
      each((log) => log.records),
    )
    meter.gauge(
      'millrace_storage_damaged',
      '{record}',
      'Records that were found damaged since the start, and set aside.',
      each((log) => log.damaged),
    )
    meter.gauge(
      'millrace_storage_torn_bytes',
      'By',
      'What a crash had cut off, none of it acknowledged.',
      each((log) => log.tornBytes),
    )
  }
}

function explain(cause: unknown, create: boolean): string {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT' && !create) return 'it does not exist; make it, or set create_directory: true'
  if (code === 'EACCES' || code === 'EPERM') return 'this user may not write there; choose another directory, or give it to this user'
  if (code === 'EROFS') return 'the disk is read-only; choose another directory'
  if (code === 'ENOTDIR' || code === 'EEXIST') return 'a part of the path is a file'
  return message
}
