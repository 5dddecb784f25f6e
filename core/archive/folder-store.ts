// An archive in a folder: for tests, for a disk of its own, and to look at. Objects are plain files; what is being written begins with a dot.

import { randomBytes } from 'node:crypto'
import { link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { realFiles } from '../durable/files.ts'
import { PermanentError, RetryableError } from '../errors.ts'
import type { Range, Store } from './store.ts'

export class FolderStore implements Store {
  readonly name: string
  readonly #folder: string

  /** It need not be there yet. */
  constructor(folder: string) {
    this.#folder = resolve(folder)
    this.name = pathToFileURL(this.#folder).href
  }

  async check(): Promise<void> {
    try {
      await realFiles.makeFolder(this.#folder)
    } catch (cause) {
      throw new Error(`cannot use the folder ${this.#folder}: ${(cause as Error).message}`, { cause })
    }
  }

  async put(object: string, parts: readonly Uint8Array[]): Promise<void> {
    // Of one name, so that what a crash left is written over.
    await this.#write(object, '', parts, async (unfinished, file) => rename(unfinished, file))
  }

  /** What a crash leaves unfinished of it stays: of a name of its own, for somebody else may be writing there. */
  async putNew(object: string, parts: readonly Uint8Array[]): Promise<boolean> {
    return this.#write(object, `.${randomBytes(6).toString('hex')}`, parts, async (unfinished, file) => {
      try {
        await link(unfinished, file)
        return true
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
        throw error
      } finally {
        await rm(unfinished, { force: true })
      }
    })
  }

  didNothing(): boolean {
    return true
  }

  /** `finish` gives what is written whole its name. */
  async #write<T>(
    object: string,
    own: string,
    parts: readonly Uint8Array[],
    finish: (unfinished: string, file: string) => Promise<T>,
  ): Promise<T> {
    const file = this.#fileOf(object)
    const folder = dirname(file)
    const unfinished = join(folder, `.${file.slice(folder.length + 1)}${own}.part`)
    try {
      await realFiles.makeFolder(folder)
      const handle = await open(unfinished, own === '' ? 'w' : 'wx', 0o600)
      try {
        for (const part of parts) await handle.writeFile(part)
        await handle.sync()
      } finally {
        await handle.close()
      }
      const result = await finish(unfinished, file)
      await realFiles.syncFolder(folder)
      return result
    } catch (cause) {
      // It would keep a full disk full.
      await rm(unfinished, { force: true }).catch(() => {})
      throw new RetryableError(`cannot write ${file}: ${(cause as Error).message}`, { cause })
    }
  }

  async get(object: string, range?: Range): Promise<Buffer | undefined> {
    const file = this.#fileOf(object)
    try {
      if (range === undefined) return await readFile(file)
      const handle = await open(file, 'r')
      try {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(range.end - range.start), 0, range.end - range.start, range.start)
        return buffer.subarray(0, bytesRead)
      } finally {
        await handle.close()
      }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new RetryableError(`cannot read ${file}: ${(cause as Error).message}`, { cause })
    }
  }

  async *list(prefix: string): AsyncGenerator<string, void, undefined> {
    // Only the folder in which the names can be is looked through.
    const above = prefix.slice(0, prefix.lastIndexOf('/') + 1)
    for await (const name of this.#walk(above)) if (name.startsWith(prefix)) yield name
  }

  async remove(object: string): Promise<void> {
    const file = this.#fileOf(object)
    try {
      await rm(file, { force: true })
      const folder = dirname(file)
      if (await isFolder(folder)) await realFiles.syncFolder(folder)
    } catch (cause) {
      throw new RetryableError(`cannot remove ${file}: ${(cause as Error).message}`, { cause })
    }
  }

  close(): void {}

  async *#walk(above: string): AsyncGenerator<string, void, undefined> {
    const entries = await readdir(this.#fileOf(above), { withFileTypes: true }).catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw new RetryableError(`cannot list ${this.#fileOf(above)}: ${(cause as Error).message}`, { cause })
    })
    // In the order of whole names, as S3 lists them: a folder sorts by its name with a slash.
    const named = entries.filter(({ name }) => !name.startsWith('.')).map((entry) => `${entry.name}${entry.isDirectory() ? '/' : ''}`)
    for (const name of named.sort()) {
      if (name.endsWith('/')) yield* this.#walk(`${above}${name}`)
      else yield `${above}${name}`
    }
  }

  /** @throws PermanentError for a name that leads out of the folder. */
  #fileOf(object: string): string {
    const file = join(this.#folder, object)
    if (object.split('/').includes('..') || !`${file}${sep}`.startsWith(`${this.#folder}${sep}`)) {
      throw new PermanentError(`${JSON.stringify(object)} is no name of an object`)
    }
    return file
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}
