// The layout with an object for each trace: each is there before its sender is answered, and the same one that comes again makes no second.

import type { Batch } from '../batch.ts'
import { RetryableError } from '../errors.ts'
import { type Manifest, manifestIn } from './manifest.ts'
import { newDataKey } from './master-key.ts'
import { takeBounded } from './bounded.ts'
import { type FinishedObject, ObjectWriter } from './object-writer.ts'
import { beganMs, byTrace, type Part } from './partition.ts'
import { indexChunk } from '../otlp/index.ts'
import { MANIFEST_SUFFIX, placeOfTrace } from './places.ts'
import { publishNew } from './publish.ts'
import type { ArchiveTools } from './archive-tools.ts'

/** Objects that are written at once: each is three requests, one behind the other. */
const AT_ONCE = 16

export class TraceArchiver {
  readonly #tools: ArchiveTools
  /** Who writes at a place last: one behind the other, for the second lies beside the first. */
  readonly #writing = new Map<string, Promise<void>>()
  #isStopped = false

  constructor(tools: ArchiveTools) {
    this.#tools = tools
  }

  async start(): Promise<void> {
    await this.#tools.store.check()
  }

  async consume(batch: Batch): Promise<void> {
    if (this.#isStopped) throw new RetryableError('the archive has been stopped')
    await takeBounded(batch, this.#tools.layout.encoding, (chunks) => this.#take(chunks, batch.origin.tenant))
  }

  async #take(chunks: readonly Uint8Array[], tenant: string): Promise<void> {
    const parts = chunks.flatMap((chunk) => byTrace(chunk))
    const left = parts.values()
    const work = async (): Promise<void> => {
      for (const part of left) await this.#write(part, tenant)
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, parts.length) }, work))
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#tools.store.close()
  }

  #write({ key: traceId, chunk }: Part<string>, tenant: string): Promise<void> {
    const place = placeOfTrace(this.#tools.layout, tenant, beganMs(indexChunk('traces', chunk), 0), traceId)
    const mine = (this.#writing.get(place) ?? Promise.resolve()).then(() => this.#writeAt(place, tenant, chunk))
    const settled = mine
      .catch(() => {})
      .then(() => {
        if (this.#writing.get(place) === settled) this.#writing.delete(place)
      })
    this.#writing.set(place, settled)
    return mine
  }

  /** Whoever else writes the same trace, here or in another process: nothing is written over, and what is there already is not written again. */
  async #writeAt(place: string, tenant: string, chunk: Uint8Array): Promise<void> {
    const { store, tell, counted } = this.#tools
    const first = await this.#finished(place, tenant, chunk)
    const { content } = first.manifest
    for (const name of namesFor(place, content!)) {
      const before = await this.#manifestAt(name)
      if (before === undefined) {
        const object = name === place ? first : await this.#finished(name, tenant, chunk)
        if (await publishNew(store, object)) {
          counted(object.manifest)
          return tell(object.manifest)
        }
      }
      // Somebody may have been quicker. That it was told of is not known.
      const there = before ?? (await this.#manifestAt(name))
      if (typeof there === 'object' && there.content === content && (await this.#hasObject(name))) return tell(there)
    }
    throw new RetryableError(`${place} and every other name for it is taken by what was left half-written, or damaged`)
  }

  #finished(object: string, tenant: string, chunk: Uint8Array): Promise<FinishedObject> {
    const { clock, objectOptions, masterKey } = this.#tools
    const keys = masterKey === undefined ? {} : { masterKey, dataKey: newDataKey() }
    const writer = new ObjectWriter({ ...objectOptions, ...keys, object, tenant, keepsContent: true })
    writer.add(chunk)
    return writer.finish(clock.now()).catch((cause: unknown) => {
      throw new RetryableError((cause as Error).message, { cause })
    })
  }

  /** Its manifest alone may be left, of a server that wrote it and did not say so. */
  async #hasObject(name: string): Promise<boolean> {
    return (await this.#tools.store.get(name, { start: 0, end: 1 })) !== undefined
  }

  /** Undefined where there is none. What is damaged stays as it is, for whoever verifies. */
  async #manifestAt(object: string): Promise<Manifest | 'damaged' | undefined> {
    const bytes = await this.#tools.store.get(`${object}${MANIFEST_SUFFIX}`)
    const manifest = bytes && manifestIn(bytes)
    return manifest !== undefined && 'fault' in manifest ? 'damaged' : manifest
  }
}

/** What a trace's object is called; then, for more of it, a name that the same would have again; then, where that is taken by what is half or damaged, others. */
function* namesFor(place: string, content: string): Generator<string, void, undefined> {
  yield place
  const beside = `${place}.${content.slice('sha256:'.length, 'sha256:'.length + 16)}`
  yield beside
  for (let i = 2; i < 10; i++) yield `${beside}.${i}`
}
