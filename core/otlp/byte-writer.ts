// A buffer that grows while protobuf is written into it. Edits write new fields into one; canonical re-encoding and JSON write whole requests.

import { varintSize, writeVarint } from './wire.ts'

export class ByteWriter {
  bytes: Buffer
  at = 0

  constructor(capacity = 1024) {
    this.bytes = Buffer.allocUnsafeSlow(capacity)
  }

  /** Makes room for `n` more bytes. */
  reserve(n: number): void {
    if (this.at + n <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.at + n, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }

  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.at++] = value
  }

  /** `n` is 0 … 2^53-1. */
  varint(n: number): void {
    this.reserve(10)
    this.at = writeVarint(this.bytes, this.at, n)
  }

  /** A signed 64-bit integer as protobuf's int64: negative ones take ten bytes. */
  int64(value: bigint): void {
    this.reserve(10)
    let rest = BigInt.asUintN(64, value)
    while (rest > 0x7fn) {
      this.bytes[this.at++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.bytes[this.at++] = Number(rest)
  }

  double(value: number): void {
    this.reserve(8)
    this.at = this.bytes.writeDoubleLE(value, this.at)
  }

  raw(source: Uint8Array, start = 0, end: number = source.length): void {
    this.reserve(end - start)
    this.bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.at)
    this.at += end - start
  }

  /** A length-delimited field of raw bytes. */
  field(tag: number, source: Uint8Array): void {
    this.varint(tag)
    this.varint(source.length)
    this.raw(source)
  }

  /** A string field. Lone surrogates become U+FFFD: what is written is always valid UTF-8. */
  text(tag: number, value: string): void {
    const length = Buffer.byteLength(value)
    this.varint(tag)
    this.varint(length)
    this.reserve(length)
    this.at += this.bytes.write(value, this.at)
  }

  /**
   * Begins a message field of unknown length and returns where it began; `end` closes it. One byte is left for the length; a message of
   * 128 bytes or more is moved to make room for the rest.
   */
  begin(tag: number): number {
    this.varint(tag)
    this.byte(0)
    return this.at
  }

  end(start: number): void {
    const length = this.at - start
    const extra = varintSize(length) - 1
    if (extra > 0) {
      this.reserve(extra)
      this.bytes.copyWithin(start + extra, start, this.at)
    }
    writeVarint(this.bytes, start - 1, length)
    this.at += extra
  }

  /** A copy of what was written, from `start`. */
  copy(start = 0): Buffer {
    return Buffer.from(this.bytes.subarray(start, this.at))
  }
}
