// Takes remote write for a benchmark, in a process of its own: counts the samples of both messages, and says that all are written. `remote-write.ts`
// forks it and asks over IPC.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import snappy from 'snappy'

export interface SinkReply {
  readonly port: number
  readonly samples: number
  readonly requests: number
  readonly bytes: number
}

const all = { samples: 0, requests: 0, bytes: 0 }

const server = createServer((request, response) => {
  const pieces: Buffer[] = []
  request.on('data', (piece: Buffer) => pieces.push(piece))
  request.on('end', () => {
    const body = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
    const isSecond = request.headers['content-type']?.includes('v2.Request') === true
    const samples = samplesIn(snappy.uncompressSync(body) as Buffer, isSecond ? 0x2a : 0x0a)
    all.samples += samples
    all.requests++
    all.bytes += body.length
    response.writeHead(204, {
      'X-Prometheus-Remote-Write-Samples-Written': String(samples),
      'X-Prometheus-Remote-Write-Histograms-Written': '0',
      'X-Prometheus-Remote-Write-Exemplars-Written': '0',
    })
    response.end()
  })
})
server.keepAliveTimeout = 120_000

/** Fields 2 of every series: samples, in both. */
function samplesIn(bytes: Buffer, seriesTag: number): number {
  let count = 0
  for (let p = 0; p < bytes.length;) {
    const tag = bytes[p++]!
    const length = lengthAt(bytes, p)
    p = next
    if (tag === seriesTag)
      for (let q = p; q < p + length;) {
        const inner = bytes[q++]!
        if (inner === 0x12) count++
        const size = lengthAt(bytes, q)
        q = next + size
      }
    p += length
  }
  return count
}

let next = 0
function lengthAt(bytes: Buffer, p: number): number {
  let value = 0
  for (let unit = 1; ; unit *= 128) {
    const byte = bytes[p++]!
    value += (byte & 0x7f) * unit
    if (byte < 0x80) break
  }
  next = p
  return value
}

const reply = (): void => void process.send?.({ port: (server.address() as AddressInfo).port, ...all } satisfies SinkReply)
process.on('message', reply)
process.once('disconnect', () => process.exit())
server.listen(0, '127.0.0.1', reply)
