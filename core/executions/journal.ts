// What must outlive the process of open executions and of the messages that were accepted: intake writes it before it answers, and reads it when
// it starts. Without storage nothing is written.
//
// A record is its kind, one byte; the length of its head in bytes, 4, little-endian; the head, JSON; and behind the head of a part its bytes:
//
//   1  a part:  { "x": ids in hex, "r": realm, absent where it has no name, "o": origin, likewise, "t": opened at, in milliseconds since 1970,
//                 "k": the message's key, "c": a digest of what it says }
//   2  an end:  { "x": ids, "r": realm, "seen": [[key, digest] …] }: its span was taken downstream
//   3  a message that adds to no execution:  { "seen": [[key, digest]] }
//
// A part is released when its execution has ended; an end and a message, when its messages would be forgotten.

import type { Clock } from '../clock.ts'
import { readPart } from '../mplp/index.ts'
import { Origins, type StoredOrigin, storedOriginOf } from '../pipeline/batch-record.ts'
import type { DurableLog, Position } from '../storage.ts'
import { type KeptPart, newPart, type OpenExecution } from './execution.ts'
import { FairShare } from './fair-share.ts'
import type { Journal } from './intake.ts'
import type { KnownMessages } from './known-messages.ts'
import { senderIn } from './message-key.ts'
import type { ExecutionTable } from './table.ts'

const PART = 1
const END = 2
const SEEN = 3
/** What is read at once, in bytes. */
const PAGE_BYTES = 4 * 1024 * 1024

type Seen = readonly [key: string, content: string]
interface Head {
  readonly x?: string
  readonly r?: string
  readonly t?: number
  readonly o?: StoredOrigin
  readonly k?: string
  readonly c?: string
  readonly seen?: readonly Seen[]
}

/** Nothing survives, and nothing waits. */
export const NO_JOURNAL: Journal = { keep: () => undefined, forget: () => {}, end: () => undefined, seen: () => undefined }

export interface JournalOptions {
  /** Messages that are remembered beside those of open executions, and for how long. */
  readonly mostSeen: number
  readonly seenForMs: number
  readonly clock: Clock
  /** Told of an end that is not on disk. */
  readonly unwritten: (reason: unknown) => void
}

export class DurableJournal implements Journal {
  readonly #log: DurableLog
  readonly #unwritten: (reason: unknown) => void
  /** Records that only say what was seen. */
  readonly #notes: FairShare<Position, undefined>

  constructor(log: DurableLog, { mostSeen, seenForMs, clock, unwritten }: JournalOptions) {
    this.#log = log
    this.#unwritten = unwritten
    this.#notes = new FairShare({ most: mostSeen, forMs: seenForMs, clock, forgotten: (position) => this.#release(position) })
  }

  /** Fills the table and the memory of messages with what an earlier run left. Settles with how many records could not be read. */
  async restore(table: ExecutionTable, known: KnownMessages): Promise<number> {
    const origins = new Origins()
    let unreadable = 0
    for (let from = 0; ;) {
      const { records, next } = await this.#log.read(from, PAGE_BYTES)
      if (records.length === 0) return unreadable
      for (const { position, bytes } of records) {
        try {
          this.#restore(position, bytes, origins, table, known)
        } catch {
          unreadable++
        }
      }
      from = next
    }
  }

  async keep(execution: OpenExecution, part: KeptPart, table: ExecutionTable): Promise<void> {
    const { id, openedAtMs } = execution
    const head: Head = { x: id, ...placeIn(execution), t: openedAtMs, k: part.key, c: part.content }
    part.position = await this.#log.append(encode(PART, head, table.bytesIn(part)))
  }

  forget({ position }: KeptPart): void {
    if (position !== undefined) this.#release(position)
  }

  /** Its span has left, so that it needs its parts no more, written or not: the room that they take may be what the disk lacks. */
  async end({ id, realm, parts }: OpenExecution): Promise<void> {
    const seen = parts.filter(({ accepted }) => accepted).map(({ key, content }): Seen => [key, content])
    try {
      this.#note(await this.#log.append(encode(END, { x: id, ...(realm === '' ? {} : { r: realm }), seen })), seen)
    } catch (error) {
      this.#unwritten(error)
    }
    for (const { position } of parts) if (position !== undefined) this.#release(position)
  }

  async seen(key: string, content: string): Promise<void> {
    const seen: readonly Seen[] = [[key, content]]
    this.#note(await this.#log.append(encode(SEEN, { seen })), seen)
  }

  #restore(position: Position, record: Uint8Array, origins: Origins, table: ExecutionTable, known: KnownMessages): void {
    const bytes = Buffer.from(record.buffer, record.byteOffset, record.length)
    const start = 5 + bytes.readUInt32LE(1)
    const head = JSON.parse(bytes.toString('utf8', 5, start)) as Head
    const realm = head.r ?? ''
    for (const [key, content] of head.seen ?? []) known.accept(key, content)
    if (bytes[0] === PART) {
      const { x: id, t, k, c } = head as Required<Head>
      if (table.hasEnded(realm, id)) return this.#release(position)
      const part = bytes.subarray(start)
      table.restore({ id, realm, origin: origins.of(head.o) }, t, newPart(k, c, position), part, readPart(part))
      known.accept(k, c)
      return
    }
    this.#note(position, head.seen!)
    if (bytes[0] !== END) return
    const open = table.get(realm, head.x!)
    for (const part of open?.parts ?? []) this.#release(part.position!)
    if (open === undefined) table.restoreEnd(realm, head.x!)
    else table.end(open)
  }

  #note(position: Position, seen: readonly Seen[]): void {
    this.#notes.set(senderIn(seen[0]?.[0] ?? ''), position, undefined, seen.length)
  }

  /** What is not released comes back after a restart, and is then released: nothing is lost by it. */
  #release(position: Position): void {
    this.#log.release(position).catch(() => {})
  }
}

function placeIn({ realm, origin }: OpenExecution): Pick<Head, 'r' | 'o'> {
  const stored = storedOriginOf(origin)
  return { ...(realm === '' ? {} : { r: realm }), ...(stored === undefined ? {} : { o: stored }) }
}

function encode(kind: number, head: Head, bytes?: Uint8Array): Uint8Array[] {
  const text = Buffer.from(JSON.stringify(head))
  const start = Buffer.alloc(5)
  start[0] = kind
  start.writeUInt32LE(text.length, 1)
  return bytes === undefined ? [start, text] : [start, text, bytes]
}
