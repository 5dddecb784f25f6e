// The dead letters that a command was asked about, read from outside of the program that writes them. dead-letters.ts and its likes call it.

import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Batch } from '../batch.ts'
import type { Onlooker, SeenRecord } from '../durable/index.ts'
import { type BatchHead, headBytesOf, Origins, readBatch, readHead } from '../pipeline/batch-record.ts'
import type { LetterHead } from '../pipeline/dead-letters.ts'
import type { Asked } from './arguments.ts'

export type Head = BatchHead & LetterHead

export interface Letter {
  readonly position: number
  /** Undefined where this version cannot read it. */
  readonly head: Head | undefined
}
export interface WholeLetter extends Letter {
  readonly head: Head
  readonly batch: Batch
}

export class LetterBox {
  readonly #onlooker: Onlooker
  readonly #asked: Asked
  readonly #origins = new Origins()

  constructor(onlooker: Onlooker, asked: Asked) {
    this.#onlooker = onlooker
    this.#asked = asked
  }

  /** Those for the exporter that was asked for, or all; oldest first. Where nothing was ever refused, there is no folder, and none. */
  async each(see: (letter: Letter) => void): Promise<void> {
    const { exporter } = this.#asked
    try {
      await this.#onlooker.look(headBytesOf, (record) => {
        const head = headOf(record)
        if (exporter === undefined || head?.exporter === exporter) see({ position: record.position, head })
      })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      // The folder comes with the first run; that of all folders must be there.
      await stat(dirname(this.#onlooker.folder))
    }
  }

  /** Those that were asked for: by id, or all. */
  async chosen(): Promise<{ readonly found: readonly Letter[]; readonly missing: readonly number[] }> {
    const { ids } = this.#asked
    const wanted = new Set(ids)
    const found: Letter[] = []
    await this.each((letter) => {
      if (ids.length === 0 || wanted.delete(letter.position)) found.push(letter)
    })
    return { found, missing: [...wanted] }
  }

  /** Undefined where it is gone, or cannot be read. */
  async whole(position: number): Promise<WholeLetter | undefined> {
    const record = await this.#onlooker.record(position)
    const head = record === undefined ? undefined : headOf(record)
    if (record === undefined || head === undefined) return undefined
    return { position, head, batch: readBatch(record.bytes, head, this.#origins) }
  }

  async release(positions: readonly number[]): Promise<void> {
    if (positions.length > 0) await this.#onlooker.release(positions)
  }
}

function headOf({ bytes, length }: SeenRecord): Head | undefined {
  try {
    const head = readHead<LetterHead>(bytes, length)
    return head.exporter === undefined ? undefined : (head as Head)
  } catch {
    return undefined
  }
}
