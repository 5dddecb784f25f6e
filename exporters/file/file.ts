// Appends OTLP/JSON lines to a file, one batch after the other, never half a line. Created by factory.ts.

import { type FileHandle, open } from 'node:fs/promises'
import { type Batch, type Exporter, RetryableError, otlp } from '../../core/index.ts'

export class FileExporter implements Exporter {
  readonly #path: string
  readonly #append: boolean
  #file: FileHandle | undefined
  /** Bytes of whole lines. What lies behind is a line whose writing failed, and is cut off before the next. */
  #size = 0
  #torn = false
  #last: Promise<unknown> = Promise.resolve()

  constructor({ path, append }: { readonly path: string; readonly append: boolean }) {
    this.#path = path
    this.#append = append
  }

  async start(): Promise<void> {
    try {
      this.#file = await open(this.#path, this.#append ? 'a' : 'w')
      this.#size = (await this.#file.stat()).size
    } catch (cause) {
      throw new Error(`cannot open ${this.#path} for writing: ${reasonOf(cause)}`, { cause })
    }
  }

  /** Settles once the operating system has the lines: a crash of the process loses none of them, a crash of the machine may. */
  consume(batch: Batch): Promise<void> {
    const lines = Buffer.from(batch.chunks.map((chunk) => `${otlp.toJson(batch.signal, chunk)}\n`).join(''))
    const written = this.#last.then(() => this.#write(lines))
    this.#last = written.catch(() => {})
    return written
  }

  async #write(lines: Buffer): Promise<void> {
    if (this.#file === undefined) throw new RetryableError(`${this.#path} is not open`)
    try {
      if (this.#torn) await this.#file.truncate(this.#size)
      this.#torn = true
      for (let done = 0; done < lines.length;)
        done += (await this.#file.write(lines, done, lines.length - done, this.#size + done)).bytesWritten
      this.#torn = false
      this.#size += lines.length
    } catch (cause) {
      throw new RetryableError(`cannot write to ${this.#path}: ${reasonOf(cause)}`, { cause })
    }
  }

  async stop(): Promise<void> {
    await this.#last
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }
}

function reasonOf(cause: unknown): string {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such folder'
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied'
  if (code === 'ENOSPC') return 'the disk is full'
  if (code === 'EISDIR') return 'it is a folder'
  return cause instanceof Error ? cause.message : String(cause)
}
