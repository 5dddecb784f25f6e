// Part of the contract: what keeps records across a crash. An extension provides it, `file_storage` first of all; queues, dead letters and
// components that hold items stand on it.

/** Where a record is: it grows with every record, and names it until it is released. */
export type Position = number

export interface DurableRecord {
  readonly position: Position
  /** A part of a larger buffer: whoever keeps it for long copies it. */
  readonly bytes: Uint8Array
}

export interface Page {
  readonly records: readonly DurableRecord[]
  /** Where to read on. */
  readonly next: Position
}

/** Records in the order in which they came, kept until they are released. It has one owner. */
export interface DurableLog {
  /**
   * Settles once the record, which is `parts` end to end, survives a crash. Rejects with a FullError where there is no room, and with
   * whatever the disk says: then it is not acknowledged, though after a crash it may be there all the same.
   */
  append(parts: readonly Uint8Array[]): Promise<Position>
  /** What is not released, oldest first, from `from` on: at least one record where there is one, and then at most about `maxBytes`. */
  read(from: Position, maxBytes: number): Promise<Page>
  /** Settles once it survives a crash that the record is done with: until then it may come again. In any order; safe twice. */
  release(position: Position): Promise<void>
  /**
   * Takes note of what others than the owner released meanwhile, as the commands do that look at a log from outside: settles with where that
   * was. Absent where nobody else can.
   */
  noticeReleased?(): Promise<readonly Position[]>
  /** What it takes on disk, and the most that it may. */
  readonly bytes: number
  readonly maxBytes: number
  /** What is not released, as far as it is known: what an earlier run left counts once it was looked through. */
  readonly records: number
  /** Waits for what was appended and released. */
  close(): Promise<void>
}

/** There is no room within the limit: what was offered is not in the log. */
export class FullError extends Error {
  override readonly name = 'FullError'
}

/** What a component gets whose schema has `storage: { type: 'string', extension: 'storage' }` and whose configuration sets it. */
export interface Storage {
  /** A log of the component's own; with `name`, one of several. Call it in `start`, once for each name; core closes it after the component has stopped. */
  open(name?: string): Promise<DurableLog>
}
