// The dead letters of one storage: batches that can never be delivered, on disk with the reason, until somebody replays or drops them
// (`millrace deadletter`). Queues and fan-outs put them there; the graph makes one for each storage that they name.

import type { Batch } from '../batch.ts'
import type { Clock } from '../clock.ts'
import type { Lifecycle, Logger, Meter } from '../component.ts'
import { printable } from '../printable.ts'
import type { DurableLog, Position } from '../storage.ts'
import { type BatchHead, encodeBatch, readHead } from './batch-record.ts'

export interface DeadLetter {
  readonly batch: Batch
  /** The pipeline that the batch came through. */
  readonly pipeline: string
  /** The id of the exporter that it was for. */
  readonly exporter: string
  /** What the destination answered. */
  readonly reason: string
  /** Items of the batch that it refused: fewer than all where it took a part, and did not say which. */
  readonly refused: number
}

/** What stands in the head of a letter's record beside what every batch has there. */
export interface LetterHead {
  readonly exporter: string
  readonly reason: string
  readonly refused: number
  /** When it was given up, as in `2026-01-31T12:00:00.000Z`. */
  readonly at: string
}

/** What the log of dead letters is called in its storage. */
export const DEAD_LETTERS_LOG = 'dead_letters'

const REMEDY = '`millrace deadletter list` shows them'
/** Characters of a destination's answer: a page of HTML helps nobody. */
const MAX_REASON_LENGTH = 1000
/** How often we look which letters the command has released, in milliseconds. */
const NOTICE_MS = 10_000
/** How much of the log is looked at in one go, in bytes. */
const PAGE_BYTES = 1 << 20

export class DeadLetters implements Lifecycle {
  readonly #open: () => Promise<DurableLog>
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #added: ReturnType<Meter['counter']>
  readonly #kept: Tally
  readonly #notKept: Tally
  #log: DurableLog | undefined
  /** Items of every letter that waits. */
  readonly #waiting = new Map<Position, number>()
  #items = 0
  #looking: Promise<void> | undefined
  #timer: { cancel(): void } | undefined
  #stopped = false

  /** `open` is called once, in `start`. */
  constructor(open: () => Promise<DurableLog>, clock: Clock, log: Logger, meter: Meter) {
    this.#open = open
    this.#clock = clock
    this.#logger = log
    this.#kept = new Tally(clock, (fields) =>
      log.warn({ ...fields, waiting: this.letters }, `dead letters: refused for good, and kept; ${REMEDY}`),
    )
    this.#notKept = new Tally(clock, (fields) => log.error(fields, 'dead letters cannot be kept: what was refused stays where it is'))
    this.#added = meter.counter('millrace_dead_letter_items', '{item}', 'Items that were put into the dead letters.')
    meter.gauge('millrace_dead_letter_waiting_letters', '{letter}', 'Dead letters that nobody replayed or dropped.', () => this.letters)
    meter.gauge('millrace_dead_letter_waiting_items', '{item}', 'Items in them.', () => this.items)
    meter.gauge('millrace_dead_letter_bytes', 'By', 'What they take on disk.', () => this.#log?.bytes ?? 0)
    meter.gauge('millrace_dead_letter_max_bytes', 'By', 'The most that they may take.', () => this.#log?.maxBytes ?? 0)
  }

  /** Letters that wait. Those of an earlier run count once they were looked at, which begins with `start` and keeps nobody waiting. */
  get letters(): number {
    return this.#waiting.size
  }
  /** Items in them: a letter of which a part was refused counts whole. */
  get items(): number {
    return this.#items
  }

  async start(): Promise<void> {
    this.#log = await this.#open()
    this.#looking = this.#lookThrough(this.#log).then(() => this.#noticeLater())
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#looking
    this.#timer?.cancel()
    this.#kept.close()
    this.#notKept.close()
    await this.#log?.close()
  }

  /** Settles once the letter survives a crash; rejects where it cannot be kept, and then whoever has the batch still has it. */
  async add({ batch, pipeline, exporter, reason, refused }: DeadLetter): Promise<void> {
    const head: LetterHead = { exporter, reason: printable(reason, MAX_REASON_LENGTH), refused, at: this.#clock.now().toISOString() }
    let position: Position
    try {
      if (this.#log === undefined) throw new Error('not started')
      position = await this.#log.append(encodeBatch(batch, pipeline, head))
    } catch (error) {
      this.#notKept.add(batch.count, exporter, (error as Error).message)
      throw error
    }
    this.#count(position, batch.count)
    this.#added(batch.count, { exporter })
    this.#kept.add(batch.count, exporter, head.reason)
  }

  #count(position: Position, items: number): void {
    this.#items += items - (this.#waiting.get(position) ?? 0)
    this.#waiting.set(position, items)
  }

  /** What an earlier run left. */
  async #lookThrough(log: DurableLog): Promise<void> {
    try {
      for (let from = 0; !this.#stopped;) {
        const page = await log.read(from, PAGE_BYTES)
        for (const { position, bytes } of page.records) this.#count(position, itemsIn(bytes))
        if (page.next === from) break
        from = page.next
      }
      if (this.letters > 0) this.#logger.warn({ letters: this.letters, items: this.items }, `dead letters wait; ${REMEDY}`)
    } catch (error) {
      this.#logger.error({ error }, 'the dead letters of an earlier run cannot be read, and are not counted')
    }
  }

  #noticeLater(): void {
    if (this.#stopped) return
    this.#timer = this.#clock.after(NOTICE_MS, () => {
      this.#looking = this.#notice().then(() => this.#noticeLater())
    })
  }

  /** Where the folder cannot be read now, the next time will do. */
  async #notice(): Promise<void> {
    const released = await this.#log?.noticeReleased?.().catch(() => [])
    for (const position of released ?? []) {
      this.#items -= this.#waiting.get(position) ?? 0
      this.#waiting.delete(position)
    }
  }
}

function itemsIn(record: Uint8Array): number {
  try {
    return readHead<BatchHead>(record).count
  } catch {
    return 0
  }
}

/** How often the same is told while it goes on, in milliseconds. */
const TELL_MS = 60_000

/** Tells the first of many at once, and the others together, now and then: never a line a letter. */
class Tally {
  readonly #clock: Clock
  readonly #tell: (fields: object) => void
  #untold: { letters: number; items: number; exporter: string; reason: string } | undefined
  #pause: { cancel(): void } | undefined

  constructor(clock: Clock, tell: (fields: object) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  /** Of those that are told together, exporter and reason are the last one's. */
  add(items: number, exporter: string, reason: string): void {
    const { letters, items: before } = this.#untold ?? { letters: 0, items: 0 }
    this.#untold = { letters: letters + 1, items: before + items, exporter, reason }
    if (this.#pause === undefined) this.#say()
  }

  #say(): void {
    if (this.#untold !== undefined) {
      this.#tell(this.#untold)
      this.#untold = undefined
      this.#pause = this.#clock.after(TELL_MS, () => this.#say())
    } else this.#pause = undefined
  }

  close(): void {
    this.#pause?.cancel()
    if (this.#untold !== undefined) this.#tell(this.#untold)
    this.#untold = undefined
  }
}
