// The file of extension `audit_log`: appends groups of lines that survive a crash, keeps beside it where it ends, and rotates by size.

import { existsSync } from 'node:fs'
import { chmod, type FileHandle, mkdir, open, readFile, rename, rmdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { own } from '../../core/durable/index.ts'
import {
  BEFORE_FIRST,
  chained,
  claimedLink,
  headIn,
  headOf,
  headText,
  type JsonObject,
  type Link,
  ROTATED,
  rotatedFrom,
} from '../../core/trust/index.ts'

/** The owner's alone. */
const MODE = 0o600
const LINE_BEGINS = '{"seq":'
/** More than any line has. */
const TAIL_BYTES = 64 * 1024

export class AuditFile {
  readonly #file: string
  readonly #key: Uint8Array | undefined
  readonly #maxBytes: number
  #handle: FileHandle | undefined
  #disown: (() => Promise<void>) | undefined
  #bytes = 0
  #at: Link = BEFORE_FIRST

  constructor(file: string, key: Uint8Array | undefined, maxBytes: number) {
    this.#file = file
    this.#key = key
    this.#maxBytes = maxBytes
  }

  /**
   * Goes on where an earlier run ended; what that did not write whole is taken away, for nobody was told that it was there.
   * @throws Error in words where the log does not end where its head says: going on would hide that.
   */
  async open(): Promise<void> {
    this.#disown ??= await owned(`${this.#file}.lock`)
    this.#handle ??= await this.#opened()
  }

  async #opened(): Promise<FileHandle> {
    const handle = await open(this.#file, 'a+', MODE)
    try {
      await chmod(this.#file, MODE)
      const { size } = await handle.stat()
      const { end, last } = await this.#end(handle, size)
      if (end < size) await handle.truncate(end)
      const head = existsSync(headOf(this.#file)) ? headIn(await readFile(headOf(this.#file), 'utf8'), this.#key) : BEFORE_FIRST
      if (typeof head === 'string') throw new Error(`${headOf(this.#file)}: ${head}`)
      if (last.seq < head.seq || (last.seq === head.seq && last.hash !== head.hash))
        throw new Error(
          `${this.#file} does not end as ${headOf(this.#file)} says: it was changed; keep both, and configure another file to go on`,
        )
      this.#bytes = end
      this.#at = last
      await syncFolder(dirname(this.#file))
      return handle
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Of the last whole line, here or in the file that was rotated last. */
  async #end(handle: FileHandle, size: number): Promise<{ readonly end: number; readonly last: Link }> {
    const from = Math.max(0, size - TAIL_BYTES)
    const tail = Buffer.alloc(size - from)
    await handle.read(tail, 0, tail.length, from)
    const end = tail.lastIndexOf(10) + 1
    // Taken away is only what was to become a line of ours.
    const torn = tail.subarray(end).toString().slice(0, LINE_BEGINS.length)
    if (!LINE_BEGINS.startsWith(torn)) throw new Error(`${this.#file} is no audit log; configure another file`)
    if (end === 0 && from === 0) return { end: 0, last: await this.#lastRotated() }
    const line = tail.subarray(tail.lastIndexOf(10, end - 2) + 1, end - 1).toString()
    const last = end === 0 ? undefined : claimedLink(line)
    if (last === undefined) throw new Error(`${this.#file} is no audit log; configure another file`)
    return { end: from + end, last }
  }

  async #lastRotated(): Promise<Link> {
    const before = rotatedFrom(this.#file).at(-1)
    if (before === undefined) return BEFORE_FIRST
    const last = claimedLink((await readFile(before, 'utf8')).trimEnd().split('\n').at(-1)!)
    if (last === undefined) throw new Error(`${before} is no audit log; configure another file`)
    return last
  }

  /** Settles once all of them survive a crash. After a rejection some may be there; the next `append` looks. */
  async append(entries: readonly JsonObject[]): Promise<void> {
    await this.open()
    const handle = this.#handle!
    try {
      let at = this.#at
      let text = ''
      for (const entry of entries) {
        const { line, link } = chained(entry, at, this.#key)
        text += `${line}\n`
        at = link
      }
      const bytes = Buffer.from(text)
      await handle.appendFile(bytes)
      await handle.datasync()
      this.#at = at
      this.#bytes += bytes.length
      await this.#noteHead()
      if (this.#bytes >= this.#maxBytes) await this.#rotate()
    } catch (error) {
      // What a descriptor could not sync it may never sync: the next attempt has a new one.
      this.#handle = undefined
      await handle.close().catch(() => {})
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
    await this.#disown?.()
    this.#disown = undefined
  }

  /** Behind the lines: where this is not written, the log only seems to be longer than it was. */
  async #noteHead(): Promise<void> {
    const file = headOf(this.#file)
    const draft = `${file}.draft`
    const handle = await open(draft, 'w', MODE)
    try {
      await handle.writeFile(headText(this.#at, this.#key))
      await handle.datasync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
  }

  async #rotate(): Promise<void> {
    const handle = this.#handle!
    const last = rotatedFrom(this.#file).at(-1)
    const number = last === undefined ? 1 : Number(ROTATED.exec(last)![1]) + 1
    const aside = `${this.#file}.${String(number).padStart(6, '0')}`
    if (
      await stat(aside).then(
        () => true,
        () => false,
      )
    )
      throw new Error(`${aside} is there already`)
    await rename(this.#file, aside)
    this.#handle = undefined
    await handle.close()
    await this.open()
  }
}

/** Two processes would write two chains into one file. */
async function owned(folder: string): Promise<() => Promise<void>> {
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  const disown = await own(folder)
  return async () => {
    await disown()
    // Somebody who is just taking it over may have put something into it.
    await rmdir(folder).catch(() => {})
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
