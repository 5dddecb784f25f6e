// `millrace archive replay`: hands archived traces to an exporter of the configuration, in this process.

import { eachObject, manifestNames, manifestOf, ObjectReader, wasErasedAt } from '../archive/index.ts'
import { ANONYMOUS, type Origin } from '../batch.ts'
import { systemClock } from '../clock.ts'
import type { ServiceConfig } from '../config/service.ts'
import { indexChunk } from '../otlp/index.ts'
import { printable } from '../printable.ts'
import { createLog } from '../telemetry/log.ts'
import { type ArchiveAct, inWords, scopeOf } from './archive-acts.ts'
import { startOutlet } from './dead-letters-outlet.ts'
import { CommandError } from './queue-folders.ts'
import { OK } from './terminal.ts'

/** How long one request is tried, in milliseconds. */
const ONE_REQUEST_MS = 30_000

export async function replayObjects(act: ArchiveAct, config: ServiceConfig): Promise<number> {
  const { id, store, keys, asked, audit, terminal } = act
  const { to, traceIds } = asked
  const known = [...config.exporters.keys()].filter((one) => one !== id)
  if (to === undefined || !known.includes(to))
    throw new CommandError(
      `archive replay needs to know where to; accepted: ${known.map((one) => `--to ${printable(one, 100)}`).join(', ') || 'nothing, for no pipeline ends in another exporter'}`,
    )
  await audit.record({
    kind: 'read',
    act: 'archive:replay',
    component: id,
    object: `${traceIds.length === 0 ? inWords(act) : traceIds.join()} to ${to}`,
  })
  const log = createLog({ level: 'error', clock: systemClock, write: (text) => terminal.err(text) })
  const outlet = await startOutlet(config, to, log)
  let [spans, objects] = [0, 0]
  try {
    const readable = async (name: string): Promise<string | undefined> =>
      wasErasedAt(name, await manifestOf(store, name)) ? undefined : name
    for await (const name of eachObject(manifestNames(store, scopeOf(act)), readable)) {
      if (name === undefined) continue
      const reader = await ObjectReader.open(store, name, keys)
      const { tenant } = reader.manifest
      const origin: Origin = tenant === '' ? ANONYMOUS : { tenant, headers: new Map() }
      const requests = traceIds.length === 0 ? reader.requests() : tracesOf(reader, traceIds)
      for await (const request of requests) {
        const count = indexChunk('traces', request).itemCount
        await outlet.consume({ signal: 'traces', chunks: [request], count, origin }, systemClock.monotonicMs() + ONE_REQUEST_MS)
        spans += count
      }
      objects++
    }
  } finally {
    await outlet.stop()
    terminal.out(`replayed ${spans} spans of ${objects} objects to ${to}\n`)
  }
  return OK
}

async function* tracesOf(reader: ObjectReader, traceIds: readonly string[]): AsyncGenerator<Buffer, void, undefined> {
  for (const traceId of traceIds) yield* await reader.trace(Buffer.from(traceId, 'hex'))
}
