// Fills one archived object, of one request or more: they go in, frames that can be read alone come out, and at the end an index of its traces and a manifest. Exporters that
// archive have one for each object that is being filled.
//
// The bytes of a frame, before it is compressed, are whole requests: as `otlp_json` one in each line, as `otlp_proto` each with its length before it, u32, big-endian. Frames that are
// not encrypted are members of gzip or frames of Zstandard: the whole object is read by `gzip -dc` or `zstd -dc`.

import { createHash, type Hash } from 'node:crypto'
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
const EMPTY = Buffer.alloc(0)
/** What a frame takes beside its bytes: a buffer, its place. */
const FRAME_OVERHEAD = 400

export class ObjectWriter {
  readonly #options: ObjectOptions
  readonly #frameBytes: number
  readonly #cipher: FrameCipher | undefined
  readonly #index = new TraceIndexWriter()
  /** Gone once it is closed: a long outage may keep many that are. */
  #hash: Hash | undefined = createHash('sha256')
  readonly #content: Hash | undefined
  readonly #frames: Uint8Array[] = []
  readonly #places: FramePlace[] = []
  /** The frame that is being filled, in a buffer that has room for more. */
  #filling: Buffer = EMPTY
  #fillingBytes = 0
  #bytes = 0
  #rawBytes = 0
  #spans = 0
  #firstMs = Infinity
  #lastMs = -Infinity
  #checksum = ''

  constructor(options: ObjectOptions) {
    this.#options = options
    this.#frameBytes = options.frameBytes ?? FRAME_BYTES
    this.#content = options.keepsContent === true ? createHash('sha256') : undefined
    this.#cipher = options.dataKey && new FrameCipher(options.dataKey, options)
  }

  /** As it lies there by now, in bytes; what is in the last frame counts as it came. */
  get bytes(): number {
    return this.#bytes + this.#fillingBytes
  }
  /** What it takes in memory, beside what every writer does: frames, the one that is being filled, and 20 to 30 bytes for every trace in a frame. */
  get memoryBytes(): number {
    return this.#bytes + this.#frames.length * FRAME_OVERHEAD + this.#filling.length + this.#index.bytes
  }
  get spans(): number {
    return this.#spans
  }

  /** A valid traces request, which is copied. */
  add(chunk: Uint8Array): void {
    // Not before the next one comes: the last frame is sealed as such.
    if (this.#fillingBytes >= this.#frameBytes) this.#endFrame(false)
    this.#look(indexChunk('traces', chunk))
    if (this.#options.encoding === 'otlp_json') return this.#addLine(`${toJson('traces', chunk)}\n`)
    this.#room(4 + chunk.length)
    this.#filling.writeUInt32BE(chunk.length, this.#fillingBytes)
    this.#filling.set(chunk, this.#fillingBytes + 4)
    this.#fillingBytes += 4 + chunk.length
  }

  /** Nothing can be added any more: the last frame ends, and takes less memory. */
  close(): void {
    if (this.#checksum !== '') return
    this.#endFrame(true)
    this.#filling = EMPTY
    this.#checksum = `sha256:${this.#hash!.digest('hex')}`
    this.#hash = undefined
  }

  /** Closes it. May be called again, where its key could not be wrapped or it could not be put where it belongs. */
  async finish(writtenAt: Date): Promise<FinishedObject> {
    this.close()
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
      traces: this.#index.traces,
      frames: this.#frames.length,
      first_time: timeText(this.#firstMs),
      last_time: timeText(this.#lastMs),
      raw_bytes: this.#rawBytes,
      bytes: this.#bytes,
      checksum: this.#checksum,
      ...(this.#content === undefined ? {} : { content: `sha256:${this.#content.copy().digest('hex')}` }),
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
    for (let span = 0; span < itemCount; span++) {
      this.#index.add(bytes, items[span * ITEM_STRIDE + SPAN_TRACE_ID]!)
      const ms = beganMs(index, span)
      if (ms < this.#firstMs) this.#firstMs = ms
      if (ms > this.#lastMs) this.#lastMs = ms
    }
    this.#spans += itemCount
  }

  #addLine(line: string): void {
    this.#room(Buffer.byteLength(line))
    this.#fillingBytes += this.#filling.write(line, this.#fillingBytes)
  }

  /** Room for so many bytes behind what is there. */
  #room(bytes: number): void {
    const needed = this.#fillingBytes + bytes
    if (needed <= this.#filling.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(2 * this.#filling.length, 2 * this.#frameBytes)))
    this.#filling.copy(larger, 0, 0, this.#fillingBytes)
    this.#filling = larger
  }

  #endFrame(isLast: boolean): void {
    const content = this.#filling.subarray(0, this.#fillingBytes)
    this.#content?.update(content)
    const plain = compressed(content, this.#options.compression)
    const number = this.#frames.length
    const frame = ownCopy(this.#cipher?.seal(plain, number, isLast) ?? plain)
    this.#places.push({ start: this.#bytes, length: frame.length, number, isLast })
    this.#index.endFrame(number)
    this.#hash!.update(frame)
    this.#frames.push(frame)
    this.#rawBytes += this.#fillingBytes
    this.#bytes += frame.length
    this.#fillingBytes = 0
    // One large request must not keep its room for those that come.
    if (this.#filling.length > 2 * this.#frameBytes) this.#filling = EMPTY
  }
}

function compressed(bytes: Buffer, compression: Compression): Buffer {
  return compression === 'none' ? bytes : compression === 'gzip' ? gzipSync(bytes, GZIP) : zstdCompressSync(bytes, ZSTD)
}

/** In memory of its own size: what zlib and the cipher make lies in larger buffers with others. */
function ownCopy(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(own)
  return own
}

function timeText(unixMs: number): string {
  return new Date(Number.isFinite(unixMs) ? unixMs : 0).toISOString()
}
