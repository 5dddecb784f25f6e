// What an earlier run of the archive left in the storage, in the objects in which it was: archiver.ts begins with it.

import type { DurableLog, DurableRecord } from '../storage.ts'
import type { ArchiveTools } from './archive-tools.ts'
import { bounded } from './bounded.ts'
import { Filling, type SharedRecord } from './filling.ts'
import { partsOf } from './waiting-record.ts'

const PAGE_BYTES = 4 * 1024 * 1024

type End = (filling: Filling, chunk: Uint8Array, record: SharedRecord) => void

/** Every part belongs to the object that it belonged to before, under the name that it has by now. `end` is called for each. */
export async function restored(log: DurableLog, tools: ArchiveTools, end: End): Promise<readonly Filling[]> {
  const fillings = new Map<string, Filling>()
  for (let from = 0; ;) {
    const { records, next } = await log.read(from, PAGE_BYTES)
    if (records.length === 0) return [...fillings.values()]
    for (const record of records) restoreRecord(record, tools, fillings, end)
    from = next
  }
}

function restoreRecord({ position, bytes }: DurableRecord, tools: ArchiveTools, fillings: Map<string, Filling>, end: End): void {
  const parts = partsOf(bytes)
  const record: SharedRecord = { position, left: parts.length }
  for (const [belongs, chunk] of parts) {
    // Another encoding may have been chosen since.
    const { chunks, refused } = bounded(chunk, tools.layout.encoding)
    if (refused > 0) sayUnwritable(refused, tools)
    record.left += chunks.length - (refused > 0 ? 0 : 1)
    const filling = fillings.get(belongs.object) ?? Filling.again(belongs, tools)
    fillings.set(belongs.object, filling)
    for (const one of chunks) {
      filling.begin()
      end(filling, one, record)
    }
  }
}

/** Their record is never released: whoever configures this may choose otherwise. */
function sayUnwritable(spans: number, { log, layout: { encoding } }: ArchiveTools): void {
  log.error(
    { spans },
    `spans that waited are too large to be archived as ${encoding}; they stay in the storage, which is read at every start`,
  )
}
