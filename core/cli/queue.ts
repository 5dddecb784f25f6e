// `millrace queue stat`: what lies in the folders of the storage extensions, whose it is, and since when. It reads the heads of records alone.

import type { Factories } from '../component.ts'
import type { ServiceConfig } from '../config/service.ts'
import { Onlooker, type SeenRecord, type Summary } from '../durable/index.ts'
import { headBytesOf, readHead } from '../pipeline/batch-record.ts'
import { DEAD_LETTERS_LOG } from '../pipeline/dead-letters.ts'
import { printable } from '../printable.ts'
import type { Asked } from './arguments.ts'
import { loadPrinting } from './loading.ts'
import { CommandError, explained, type LogFolder, logsIn, storagesOf } from './queue-folders.ts'
import { FAILED, INVALID_CONFIGURATION, OK, type Terminal } from './terminal.ts'

export async function queueStat(asked: Asked, builtIn: () => Promise<Factories>, terminal: Terminal): Promise<number> {
  const loaded = await loadPrinting(asked.files, builtIn, terminal)
  if (loaded === undefined) return INVALID_CONFIGURATION
  try {
    for (const storage of storagesOf(loaded.config, asked.storage)) {
      const logs = await logsIn(storage)
      for (const log of logs) {
        const stat = await explained(storage, () => statOf(log, loaded.config))
        terminal.out(asked.json ? `${JSON.stringify(stat)}\n` : forPeople(stat))
      }
      if (logs.length === 0 && !asked.json) terminal.err(`${printable(storage.directory)}: nothing was ever stored here\n`)
    }
    return OK
  } catch (error) {
    if (!(error instanceof Error)) throw error
    terminal.err(`millrace: ${error instanceof CommandError ? error.message : printable(error.message, 2000)}\n`)
    return FAILED
  }
}

/** Items of one signal that came through one pipeline. */
interface Share {
  readonly signal: string
  readonly pipeline: string
  batches: number
  items: number
}

interface Stat {
  readonly log: string
  readonly storage: string
  readonly folder: string
  /** `exporter otlp_http`, or whoever else writes it; undefined where nobody in this configuration does. */
  readonly owner: string | undefined
  /** Of the process that has it. */
  readonly pid: number | undefined
  readonly bytes: number
  readonly max_bytes: number | undefined
  readonly records: number
  readonly shares: readonly Share[]
  /** Records that hold no batch: components that keep other things have them. */
  readonly others: number
  readonly oldest: string | undefined
  readonly newest: string | undefined
  readonly damaged: number
  readonly torn_bytes: number
  readonly set_aside: number
}

async function statOf({ storage, name, folder }: LogFolder, config: ServiceConfig): Promise<Stat> {
  const onlooker = new Onlooker(folder, storage.key)
  const shares = new Map<string, Share>()
  let others = 0
  const summary = await onlooker.look(headBytesOf, (record) => {
    if (!addTo(shares, record)) others++
  })
  return {
    log: name,
    storage: storage.id,
    folder,
    owner: ownerIn(config, name),
    pid: await onlooker.owner(),
    max_bytes: storage.maxBytesOf(name),
    shares: [...shares.values()],
    others,
    ...figuresOf(summary),
  }
}

function figuresOf({ bytes, records, oldestMs, newestMs, damaged, tornBytes, setAside }: Summary) {
  const when = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString())
  return { bytes, records, oldest: when(oldestMs), newest: when(newestMs), damaged, torn_bytes: tornBytes, set_aside: setAside }
}

/** False where the record holds no batch that this version reads. */
function addTo(shares: Map<string, Share>, { bytes, length }: SeenRecord): boolean {
  try {
    const { signal, pipeline, count } = readHead(bytes, length)
    const key = `${signal} ${pipeline}`
    let share = shares.get(key)
    if (share === undefined) shares.set(key, (share = { signal, pipeline, batches: 0, items: 0 }))
    share.batches++
    share.items += count
    return true
  } catch {
    return false
  }
}

/** Who writes a log of this name: queues are `queue.<exporter>`, what components keep is `<kind>.<id>…`. */
function ownerIn({ exporters, receivers, processors, connectors, extensions }: ServiceConfig, name: string): string | undefined {
  if (name === DEAD_LETTERS_LOG) return 'dead letters of all exporters'
  const dot = name.indexOf('.')
  const [kind, rest] = [name.slice(0, dot), name.slice(dot + 1)]
  if (kind === 'queue') return exporters.has(rest) ? `exporter ${rest}` : undefined
  const byKind = { exporter: exporters, receiver: receivers, processor: processors, connector: connectors, extension: extensions }
  const ids = Object.hasOwn(byKind, kind) ? [...byKind[kind as keyof typeof byKind].keys()] : []
  const id = ids.find((known) => rest === known || rest.startsWith(`${known}.`))
  return id === undefined ? undefined : `${kind} ${id}`
}

function forPeople(stat: Stat): string {
  const { log, folder, owner, pid, bytes, max_bytes: maxBytes, oldest, newest } = stat
  const lines: [string, string][] = [
    ['belongs to', owner ?? `nobody in this configuration${log.startsWith('queue.') ? REMEDY : ''}`],
    ['in use', pid === undefined ? 'no' : `by the process with pid ${pid}`],
    ['on disk', maxBytes === undefined ? `${bytes} bytes` : `${bytes} of ${maxBytes} bytes, ${percent(bytes, maxBytes)}`],
    ['waiting', waiting(stat)],
  ]
  if (oldest !== undefined && newest !== undefined) lines.push(['since', `${oldest} (the newest: ${newest})`])
  const harm = harmIn(stat)
  if (harm !== '') lines.push(['damaged', harm])
  return `${printable(log)}  ${printable(folder)}\n${lines.map(([key, value]) => `  ${key.padEnd(12)}${printable(value)}\n`).join('')}`
}

const REMEDY = ': stop Millrace and rename the folder to queue.<the exporter that shall send it>, or remove it, which loses what is in it'

function waiting({ records, shares, others }: Stat): string {
  if (records === 0) return 'nothing'
  const parts = shares.map(({ signal, pipeline, batches, items }) => {
    const through = pipeline === signal ? '' : ` through ${pipeline}`
    return `${items} ${ITEMS[signal] ?? 'items'}${through} in ${batches} ${batches === 1 ? 'batch' : 'batches'}`
  })
  if (others > 0) parts.push(`${others} ${others === 1 ? 'record' : 'records'} of another kind`)
  return parts.join(', ')
}
const ITEMS: Readonly<Record<string, string>> = { traces: 'spans', metrics: 'data points', logs: 'log records' }

function harmIn({ damaged, torn_bytes: torn, set_aside: aside, pid }: Stat): string {
  const parts: string[] = []
  if (damaged > 0) parts.push(`${damaged} places that cannot be read`)
  // While somebody writes, the end is a record that is not finished.
  if (torn > 0 && pid === undefined) parts.push(`${torn} bytes at the end that a crash cut off`)
  if (aside > 0) parts.push(`${aside} pieces in the folder "damaged"`)
  return parts.join(', ')
}

function percent(bytes: number, maxBytes: number): string {
  return `${Math.round((100 * bytes) / maxBytes)} %`
}
