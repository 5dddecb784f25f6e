// Where a configuration keeps things on disk: the folders of its storage extensions, and whose each log is. `deadletter` and `queue` call it.

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ServiceConfig } from '../config/service.ts'
import { encryptionKeyOf } from '../durable/index.ts'
import { DEAD_LETTERS_LOG } from '../pipeline/dead-letters.ts'
import { printable, quoted } from '../printable.ts'

/** What a command cannot do, in a sentence that says what to do instead. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** A storage extension that keeps each log in a folder: `<directory>/<name, percent-encoded>`. */
export interface StorageFolder {
  readonly id: string
  readonly directory: string
  /** What one log may take, in bytes. */
  readonly maxBytesOf: (name: string) => number | undefined
  readonly key?: Uint8Array | undefined
}
/** What we know of such an extension's settings. */
interface StorageSettings {
  readonly directory?: string
  readonly max_size?: number
  readonly encryption_key?: string
  readonly dead_letters?: { readonly max_size?: number }
}

export interface LogFolder {
  readonly storage: StorageFolder
  readonly name: string
  readonly folder: string
}

/** All of them, or the one that is `wanted`. */
export function storagesOf({ extensions }: ServiceConfig, wanted: string | undefined): readonly StorageFolder[] {
  const storages = [...extensions.values()].flatMap(({ id, factory, config }) => {
    if (factory.provides?.(config).includes('storage') !== true) return []
    const { directory, max_size: most, dead_letters: letters, encryption_key: key } = config as StorageSettings
    if (directory === undefined) return []
    return [
      {
        id,
        directory,
        maxBytesOf: (name: string) => (name === DEAD_LETTERS_LOG ? (letters?.max_size ?? most) : most),
        key: key === undefined ? undefined : encryptionKeyOf(key),
      },
    ]
  })
  const ids = storages.map(({ id }) => id).join(', ')
  if (storages.length === 0)
    throw new CommandError('the configuration keeps nothing on disk: service.extensions lists no storage, such as file_storage')
  if (wanted === undefined) return storages
  const chosen = storages.filter(({ id }) => id === wanted)
  if (chosen.length === 0) throw new CommandError(`no storage ${quoted(wanted)} runs in this configuration; accepted: ${ids}`)
  return chosen
}

export function storageOf(config: ServiceConfig, wanted: string | undefined): StorageFolder {
  const [storage, ...others] = storagesOf(config, wanted)
  if (others.length > 0)
    throw new CommandError(`there are several storages; choose one: ${[storage!, ...others].map(({ id }) => `--storage ${id}`).join(', ')}`)
  return storage!
}

export function logFolder(storage: StorageFolder, name: string): LogFolder {
  return { storage, name, folder: join(storage.directory, encodeURIComponent(name)) }
}

/** By name. What is no folder of a log is left out. */
export async function logsIn(storage: StorageFolder): Promise<readonly LogFolder[]> {
  const found = await explained(storage, () => readdir(storage.directory, { withFileTypes: true }))
  const names = found.filter((entry) => entry.isDirectory()).map(({ name }) => decoded(name))
  return names
    .filter((name) => name !== undefined)
    .sort()
    .map((name) => logFolder(storage, name))
}

function decoded(name: string): string | undefined {
  try {
    const text = decodeURIComponent(name)
    return encodeURIComponent(text) === name ? text : undefined
  } catch {
    return undefined
  }
}

/** Runs what looks at the disk; what the system says about it becomes a sentence. */
export async function explained<T>({ directory }: StorageFolder, look: () => Promise<T>): Promise<T> {
  try {
    return await look()
  } catch (error) {
    const { code, path = directory } = error as NodeJS.ErrnoException
    const where = printable(path, 500)
    if (code === 'ENOENT')
      throw new CommandError(`there is no ${where}: nothing has run with this configuration yet, or its directory was moved`, {
        cause: error,
      })
    if (code === 'EACCES' || code === 'EPERM')
      throw new CommandError(`this user may not look at ${where}; run the command as the user that Millrace runs as`, { cause: error })
    throw error
  }
}
