// Fills one archived object, of one request or more: they go in, frames that can be read alone come out, and at the end an index of its traces and a manifest. Exporters that
// archive have one for each object that is being filled.
//
// The bytes of a frame, before it is compressed, are whole requests: as `otlp_json` one in each line, as `otlp_proto` each with its length before it, u32, big-endian. Frames that are
// not encrypted are members of gzip or frames of Zstandard: the whole object is read by `gzip -dc` or `zstd -dc`.

import { createHash } from 'node:crypto'
import { gzipSync, zstdCompressSync, constants } from 'node:zlib'
import { indexChunk, type RequestIndex, toJson } from '../otlp/index.ts'
import { ITEM_STRIDE, SPAN_TRACE_ID } from '../otlp/request-index.ts'
import { FrameCipher } from './frame-cipher.ts'
import { checksumOf, type Manifest, MANIFEST_VERSION, sealed } from './manifest.ts'
import type { MasterKey } from './master-key.ts'
import { beganMs } from './partition.ts'
import type { Compression, Encoding } from './places.ts'
import { type FramePlace, TraceIndexWriter } from './trace-index.ts'

export interface ObjectOptions {
  readonly object: string
  readonly tenant: string
  readonly encoding: Encoding
  readonly compression: Compression
  /** Both or none: who wraps, and the key of this object, which no other object has. */
  readonly masterKey?: MasterKey
  readonly dataKey?: Uint8Array
  readonly retention?: string
  readonly complianceTags?: readonly string[]
  /** A frame ends when it holds so many bytes before compression. */
  readonly frameBytes?: number
  /** The manifest says what was in it, as a digest: whether the same came before is told by that. */
  readonly keepsContent?: boolean
}

/** The three files of an object, to be written in this order: with the manifest, the object is there. */
export interface FinishedObject {
  readonly manifest: Manifest
  /** The object, end to end. */
  readonly frames: readonly Uint8Array[]
  readonly index: Buffer
}

/** The benchmark's spans came to 4.4 % in frames of this size, 5.2 % in half and 3.6 % in twice it; one is a few kilobytes to read. */
const FRAME_BYTES = 128 * 1024
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
const GZIP = { level: 1 }

export class ObjectWriter {
  readonly #options: ObjectOptions
  readonly #frameBytes: number
  readonly #cipher: FrameCipher | undefined
  readonly #index = new TraceIndexWriter()
  readonly #traces = new Set<string>()
  readonly #hash = createHash('sha256')
  readonly #content = createHash('sha256')
  readonly #frames: Uint8Array[] = []
  readonly #places: FramePlace[] = []
  /** Of the frame that is being filled. */
  #pieces: Uint8Array[] = []
  #pieceBytes = 0
  #ids = new Set<string>()
  #bytes = 0
  #rawBytes = 0
  #spans = 0
  #firstMs = Infinity
  #lastMs = -Infinity
  #checksum = ''

  constructor(options: ObjectOptions) {
    this.#options = options
    this.#frameBytes = options.frameBytes ?? FRAME_BYTES
    this.#cipher = options.dataKey && new FrameCipher(options.dataKey, options)
  }

  /** As it lies there by now, in bytes; what is in the last frame counts as it came. */
  get bytes(): number {
    return this.#bytes + this.#pieceBytes
  }
  get spans(): number {
    return this.#spans
  }

  /** A valid traces request. It is kept, and must not change. */
  add(chunk: Uint8Array): void {
    // Not before the next one comes: the last frame is sealed as such.
    if (this.#pieceBytes >= this.#frameBytes) this.#endFrame(false)
    this.#look(indexChunk('traces', chunk))
    if (this.#options.encoding === 'otlp_json') return this.#piece(Buffer.from(`${toJson('traces', chunk)}\n`))
    this.#piece(lengthOf(chunk))
    this.#piece(chunk)
  }

  /** May be called again where it rejected, because the key could not be wrapped. Nothing can be added any more. */
  async finish(writtenAt: Date): Promise<FinishedObject> {
    if (this.#checksum === '') {
      this.#endFrame(true)
      this.#checksum = `sha256:${this.#hash.digest('hex')}`
    }
    const { object, tenant, encoding, compression, masterKey, dataKey, retention, complianceTags } = this.#options
    const index = this.#index.write(this.#places)
    const manifest: Omit<Manifest, 'seal'> = {
      format: 'millrace-archive',
      version: MANIFEST_VERSION,
      object,
      tenant,
      encoding,
      compression,
      spans: this.#spans,
      traces: this.#traces.size,
      frames: this.#frames.length,
      first_time: timeText(this.#firstMs),
      last_time: timeText(this.#lastMs),
      raw_bytes: this.#rawBytes,
      bytes: this.#bytes,
      checksum: this.#checksum,
      ...(this.#options.keepsContent === true ? { content: `sha256:${this.#content.copy().digest('hex')}` } : {}),
      index: { bytes: index.length, checksum: checksumOf(index) },
      ...(masterKey === undefined || dataKey === undefined
        ? {}
        : {
            encryption: {
              algorithm: 'aes-256-gcm',
              master_key: masterKey.id,
              wrapped_key: Buffer.from(await masterKey.wrap(dataKey, this.#options)).toString('base64'),
            },
          }),
      ...(retention === undefined ? {} : { retention }),
      ...(complianceTags === undefined ? {} : { compliance_tags: complianceTags }),
      written_at: writtenAt.toISOString(),
    }
    return { manifest: sealed(manifest, dataKey), frames: this.#frames, index }
  }

  #look(index: RequestIndex): void {
    const { items, itemCount, bytes } = index
    let before = ''
    for (let span = 0; span < itemCount; span++) {
      const at = items[span * ITEM_STRIDE + SPAN_TRACE_ID]!
      const id = bytes.toString('latin1', at, at + 16)
      if (id !== before) this.#ids.add(id)
      before = id
      const ms = beganMs(index, span)
      if (ms < this.#firstMs) this.#firstMs = ms
      if (ms > this.#lastMs) this.#lastMs = ms
    }
    this.#spans += itemCount
  }

  #piece(bytes: Uint8Array): void {
    this.#pieces.push(bytes)
    this.#pieceBytes += bytes.length
    this.#rawBytes += bytes.length
  }

  #endFrame(isLast: boolean): void {
    const content = Buffer.concat(this.#pieces)
    if (this.#options.keepsContent === true) this.#content.update(content)
    const plain = compressed(content, this.#options.compression)
    const number = this.#frames.length
    const frame = this.#cipher?.seal(plain, number, isLast) ?? plain
    this.#places.push({ start: this.#bytes, length: frame.length, number, isLast })
    this.#index.add(this.#ids, number)
    for (const id of this.#ids) this.#traces.add(id)
    this.#hash.update(frame)
    this.#frames.push(frame)
    this.#bytes += frame.length
    this.#pieces = []
    this.#pieceBytes = 0
    this.#ids = new Set()
  }
}

function lengthOf(bytes: Uint8Array): Buffer {
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(bytes.length)
  return length
}

/** In memory of its own size: what zlib makes lies in a larger buffer with others. */
function compressed(bytes: Buffer, compression: Compression): Buffer {
  if (compression === 'none') return bytes
  const packed = compression === 'gzip' ? gzipSync(bytes, GZIP) : zstdCompressSync(bytes, ZSTD)
  const own = Buffer.allocUnsafeSlow(packed.length)
  packed.copy(own)
  return own
}

function timeText(unixMs: number): string {
  return new Date(Number.isFinite(unixMs) ? unixMs : 0).toISOString()
}
