// Reads archived objects: a trace by ranges of a few kilobytes, or all of it, and whether it is as it was written. The commands that look at an archive call it.

import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { fromJson, indexChunk, RequestEdits } from '../otlp/index.ts'
import { ITEM_STRIDE, SPAN_TRACE_ID } from '../otlp/request-index.ts'
import { MAX_FRAME_BYTES } from './bounded.ts'
import { DATA_KEY_BYTES, FrameCipher } from './frame-cipher.ts'
import { checksumOf, isSealed, type Manifest, manifestIn } from './manifest.ts'
import { type MasterKey, UnwrapError } from './master-key.ts'
import { INDEX_SUFFIX, MANIFEST_SUFFIX } from './places.ts'
import type { Store } from './store.ts'
import { bucketOf, entriesIn, FAN_OUT_BYTES, type FramePlace, framesOf } from './trace-index.ts'

/** Something in an archive is not what was written there, or cannot be read with this key. `object` names it. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError'
  readonly object: string

  constructor(object: string, message: string) {
    super(message)
    this.object = object
  }
}

const CHANGED = 'was changed: its seal does not fit'

export class ObjectReader {
  readonly manifest: Manifest
  readonly #store: Store
  readonly #cipher: FrameCipher | undefined

  private constructor(store: Store, manifest: Manifest, dataKey: Uint8Array | undefined) {
    this.#store = store
    this.manifest = manifest
    this.#cipher = dataKey && new FrameCipher(dataKey, manifest)
  }

  /**
   * By the name of its manifest.
   * @throws ArchiveError where there is none, where it was changed, or where it cannot be read with these keys.
   */
  static async open(store: Store, manifestName: string, keys: readonly MasterKey[]): Promise<ObjectReader> {
    const bytes = await store.get(manifestName)
    if (bytes === undefined) throw new ArchiveError(manifestName, 'is not there')
    const manifest = manifestIn(bytes)
    if ('fault' in manifest) throw new ArchiveError(manifestName, manifest.fault)
    if (`${manifest.object}${MANIFEST_SUFFIX}` !== manifestName) throw new ArchiveError(manifestName, `is that of ${manifest.object}`)
    const dataKey = await dataKeyOf(manifest, manifestName, keys)
    if (!isSealed(manifest, dataKey)) throw new ArchiveError(manifestName, CHANGED)
    return new ObjectReader(store, manifest, dataKey)
  }

  /** Requests with the spans of that trace alone; none where it is not in this object. `traceId` has 16 bytes. */
  async trace(traceId: Uint8Array): Promise<readonly Buffer[]> {
    const name = `${this.manifest.object}${INDEX_SUFFIX}`
    const fanOut = await this.#read(name, 0, FAN_OUT_BYTES)
    const bucket = bucketOf(fanOut, traceId)
    if (bucket === undefined) throw new ArchiveError(name, 'is no index, or was changed')
    if (bucket.start === bucket.end) return []
    const places = framesOf(await this.#read(name, bucket.start, bucket.end), traceId)
    const found: Buffer[] = []
    for (const place of places) {
      for (const request of await this.#requests(place)) {
        const kept = spansOf(request, traceId)
        if (kept !== undefined) found.push(kept)
      }
    }
    return found
  }

  /** Every request, in the order in which they were written. */
  async *requests(): AsyncGenerator<Buffer, void, undefined> {
    for (const place of await this.#places()) yield* await this.#requests(place)
  }

  /** Reads everything, and says nothing where it is as it was written. @throws ArchiveError */
  async verify(): Promise<void> {
    const { object, bytes, checksum, index, spans, frames } = this.manifest
    const [whole, indexBytes] = await Promise.all([this.#whole(object), this.#whole(`${object}${INDEX_SUFFIX}`)])
    if (whole.length !== bytes || checksumOf(whole) !== checksum)
      throw new ArchiveError(object, 'is not what was written: its checksum is another')
    if (indexBytes.length !== index.bytes || checksumOf(indexBytes) !== index.checksum)
      throw new ArchiveError(`${object}${INDEX_SUFFIX}`, 'is not what was written: its checksum is another')
    const places = placesIn(indexBytes)
    const isWhole =
      places.length === frames && places.every(({ start, number }, i) => number === i && start === (i === 0 ? 0 : endOf(places[i - 1]!)))
    if (!isWhole || (places.length > 0 && endOf(places.at(-1)!) !== bytes)) throw new ArchiveError(object, 'its index does not cover it')
    let count = 0
    for (const place of places) {
      const frame = this.#opened(whole.subarray(place.start, endOf(place)), place)
      for (const request of this.#split(frame)) count += indexChunk('traces', request).itemCount
    }
    if (count !== spans) throw new ArchiveError(object, `holds ${count} spans, and its manifest says ${spans}`)
  }

  async #places(): Promise<readonly FramePlace[]> {
    const name = `${this.manifest.object}${INDEX_SUFFIX}`
    const bytes = await this.#whole(name)
    if (checksumOf(bytes) !== this.manifest.index.checksum) throw new ArchiveError(name, 'is not what was written: its checksum is another')
    return placesIn(bytes)
  }

  async #requests(place: FramePlace): Promise<readonly Buffer[]> {
    const { object } = this.manifest
    return this.#split(this.#opened(await this.#read(object, place.start, endOf(place)), place))
  }

  #opened(frame: Buffer, { number, isLast }: FramePlace): Buffer {
    const { object, compression } = this.manifest
    const packed = this.#cipher === undefined ? frame : this.#cipher.open(frame, number, isLast)
    if (packed === undefined) throw new ArchiveError(object, `frame ${number} is not what was sealed there`)
    const options = { maxOutputLength: MAX_FRAME_BYTES }
    try {
      return compression === 'none' ? packed : compression === 'gzip' ? gunzipSync(packed, options) : zstdDecompressSync(packed, options)
    } catch (error) {
      throw new ArchiveError(object, `frame ${number} cannot be decompressed: ${(error as Error).message}`)
    }
  }

  #split(frame: Buffer): readonly Buffer[] {
    const { object, encoding } = this.manifest
    try {
      return encoding === 'otlp_json' ? lines(frame).map((line) => fromLine(line)) : lengthDelimited(frame)
    } catch (error) {
      throw new ArchiveError(object, `holds what is no request: ${(error as Error).message}`)
    }
  }

  async #whole(name: string): Promise<Buffer> {
    const bytes = await this.#store.get(name)
    if (bytes === undefined) throw new ArchiveError(name, 'is not there')
    return bytes
  }

  async #read(name: string, start: number, end: number): Promise<Buffer> {
    const bytes = await this.#store.get(name, { start, end })
    if (bytes === undefined) throw new ArchiveError(name, 'is not there')
    if (bytes.length !== end - start) throw new ArchiveError(name, 'is shorter than it was')
    return bytes
  }
}

async function dataKeyOf(manifest: Manifest, name: string, keys: readonly MasterKey[]): Promise<Uint8Array | undefined> {
  const { encryption, object, tenant } = manifest
  if (encryption === undefined) return undefined
  const { master_key: id, wrapped_key: wrapped } = encryption
  if (wrapped === undefined) throw new ArchiveError(name, isSealed(manifest, undefined) ? 'was erased: its key is destroyed' : CHANGED)
  const key = keys.find((one) => one.id === id)
  if (key === undefined) throw new ArchiveError(name, `its key is wrapped by ${id}, which is not among the keys given here`)
  try {
    const unwrapped = await key.unwrap(Buffer.from(wrapped, 'base64'), { tenant, object })
    if (unwrapped.length !== DATA_KEY_BYTES) throw new UnwrapError('the key has another length')
    return unwrapped
  } catch (error) {
    throw new ArchiveError(name, `its key cannot be unwrapped: ${(error as Error).message}`)
  }
}

/** Every frame once, in their order. */
function placesIn(index: Buffer): readonly FramePlace[] {
  const places = new Map<number, FramePlace>()
  for (const { place } of entriesIn(index.subarray(FAN_OUT_BYTES))) places.set(place.number, place)
  return [...places.values()].sort((a, b) => a.number - b.number)
}

const endOf = ({ start, length }: FramePlace): number => start + length

function lengthDelimited(frame: Buffer): readonly Buffer[] {
  const requests: Buffer[] = []
  for (let at = 0; at < frame.length;) {
    const end = at + 4 + frame.readUInt32BE(at)
    if (end > frame.length) throw new RangeError('it ends in the middle of one')
    requests.push(frame.subarray(at + 4, end))
    at = end
  }
  return requests
}

function lines(frame: Buffer): readonly Buffer[] {
  const found: Buffer[] = []
  for (let start = 0; start < frame.length;) {
    const at = frame.indexOf(0x0a, start)
    const end = at < 0 ? frame.length : at
    if (end > start) found.push(frame.subarray(start, end))
    start = end + 1
  }
  return found
}

function fromLine(line: Buffer): Buffer {
  const { bytes, refused, reason } = fromJson('traces', line)
  if (refused > 0) throw new RangeError(reason)
  return bytes
}

/** The request without the spans of other traces; undefined where none is left. */
function spansOf(request: Buffer, traceId: Uint8Array): Buffer | undefined {
  const index = indexChunk('traces', request)
  const { items, itemCount, bytes } = index
  const edits = new RequestEdits()
  edits.begin(index)
  edits.dropEmpty()
  let kept = 0
  for (let span = 0; span < itemCount; span++) {
    const at = items[span * ITEM_STRIDE + SPAN_TRACE_ID]!
    if (bytes.compare(traceId, 0, 16, at, at + 16) === 0) kept++
    else edits.dropItem(span)
  }
  return kept === 0 ? undefined : edits.build()
}
