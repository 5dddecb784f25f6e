// `millrace deadletter list` and `show`: letters as a person or a program reads them.

import type { ServiceConfig } from '../config/service.ts'
import { toJson } from '../otlp/json-write.ts'
import { printable } from '../printable.ts'
import type { Asked } from './arguments.ts'
import type { Head, Letter, LetterBox } from './dead-letters-box.ts'
import { FAILED, OK, type Terminal } from './terminal.ts'

const UNREADABLE = 'this version cannot read it'

/** Told before the first letter is read: a line is written as soon as its letter is. */
export interface Widths {
  readonly exporter: number
  readonly pipeline: number
}
export function widthsOf({ exporters, pipelines }: ServiceConfig): Widths {
  const widest = (texts: Iterable<string>): number => Math.max(8, ...[...texts].map(({ length }) => length))
  return { exporter: widest(exporters.keys()), pipeline: widest(pipelines.map(({ id }) => id)) }
}

export async function listLetters(letters: LetterBox, widths: Widths, { json }: Asked, terminal: Terminal): Promise<number> {
  let [count, items] = [0, 0]
  const show = (...cells: Cells): void => terminal.out(cut(line(widths, cells), terminal))
  await letters.each((letter) => {
    if (count++ === 0 && !json) show('ID', 'WHEN', 'EXPORTER', 'PIPELINE', 'ITEMS', 'REASON')
    items += letter.head?.count ?? 0
    if (json) terminal.out(`${JSON.stringify(plain(letter))}\n`)
    else show(...cellsOf(letter))
  })
  if (!json) terminal.err(count === 0 ? 'no dead letters\n' : `${counted(count, 'letter')} with ${counted(items, 'item')}\n`)
  return OK
}

type Cells = [id: string, when: string, exporter: string, pipeline: string, items: string, reason: string]

function cellsOf({ position, head }: Letter): Cells {
  if (head === undefined) return [String(position), '?', '?', '?', '?', UNREADABLE]
  const { at, exporter, pipeline, count, reason } = head
  return [String(position), at.replace(/\.\d+/, ''), exporter, pipeline, String(count), `${partOf(head)}${reason}`]
}

function line(widths: Widths, [id, when, exporter, pipeline, items, reason]: Cells): string {
  const cells = [
    id.padStart(10),
    when.padEnd(20),
    exporter.padEnd(widths.exporter),
    pipeline.padEnd(widths.pipeline),
    items.padStart(5),
    reason,
  ]
  // What is in a file is what somebody else wrote.
  return printable(cells.join('  '))
}

function cut(text: string, { columns = Infinity }: Terminal): string {
  return `${text.length > columns ? `${text.slice(0, Math.max(0, columns - 1))}…` : text}\n`
}

/** Where the destination took some and did not say which. */
function partOf({ refused, count }: Head): string {
  return refused < count ? `${refused} of ${count} refused: ` : ''
}

export async function showLetter(letters: LetterBox, { ids, json }: Asked, terminal: Terminal): Promise<number> {
  const letter = await letters.whole(ids[0]!)
  if (letter === undefined) return tellMissing(ids, terminal)
  const { batch } = letter
  const requests = batch.chunks.map((chunk) => toJson(batch.signal, chunk))
  if (json) {
    // A request is JSON already: it is not read again to be written.
    terminal.out(`${JSON.stringify(plain(letter)).slice(0, -1)},"requests":[${requests.join(',')}]}\n`)
    return OK
  }
  for (const [key, value] of Object.entries(plain(letter))) terminal.out(`${key.padEnd(10)}${shown(value)}\n`)
  for (const request of requests) terminal.out(`\n${printable(request)}\n`)
  return OK
}

function shown(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value))
}

/** As JSON shows it: what a record's head holds, but for the lengths that only its reader needs. */
function plain({ position, head }: Letter): object {
  if (head === undefined) return { id: position, unreadable: UNREADABLE }
  const { at, exporter, pipeline, signal, count, refused, reason, origin } = head
  return { id: position, at, exporter, pipeline, signal, items: count, refused, reason, ...(origin === undefined ? {} : { origin }) }
}

/** The exit code: whoever named a letter that is not there is told. */
export function tellMissing(missing: readonly number[], terminal: Terminal): number {
  for (const id of missing) terminal.err(`millrace: there is no letter ${id}: it was replayed or dropped, or never was\n`)
  return missing.length === 0 ? OK : FAILED
}

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
