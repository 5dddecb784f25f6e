// How long one trace takes to be found in a large archive: `npx node bench/archive.ts [--gb 10] [--folder DIR] [--alike]`. Encrypted objects of 64 MiB in a folder, not
// compressed, so that they are as large as they say. With `--alike` all trace ids begin with the same byte, for which the index has no short way.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  bytesOf,
  eachObject,
  FolderStore,
  hasTrace,
  INDEX_SUFFIX,
  LocalKey,
  MANIFEST_SUFFIX,
  manifestNames,
  newDataKey,
  ObjectReader,
  ObjectWriter,
  placeOf,
} from '../core/archive/index.ts'
import { type Message, patch, prepareMessages } from './body.ts'

const { values: given } = parseArgs({
  options: { gb: { type: 'string', default: '10' }, folder: { type: 'string' }, alike: { type: 'boolean', default: false } },
})
const OBJECT_BYTES = 64 * 1024 * 1024
const SEARCHES = 5
const LAYOUT = { prefix: 'traces', encoding: 'otlp_proto', compression: 'none' } as const
const MASTER = new LocalKey('bench', Buffer.alloc(32, 7))

const messages = prepareMessages({ spans: 100, run: 1, host: 'bench', path: '/v1/traces', seed: 1 })
let spans = 0

function nextRequest(): Buffer {
  const message = messages[(spans / 100) % messages.length]!
  patch(message, spans)
  spans += 100
  if (!given.alike) spread(message)
  return Buffer.from(message.bytes.subarray(message.bodyAt))
}

/** The generator's ids count up; those of SDKs are random. */
function spread({ bytes, traceIdAt }: Message): void {
  for (const at of traceIdAt) bytes.writeUInt32BE(Math.imul(bytes.readUInt32BE(at + 12) + 1, 0x9e37_79b1) >>> 0, at)
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const folder = given.folder ?? (await mkdtemp(join(tmpdir(), 'millrace-archive-')))
const store = new FolderStore(folder)
try {
  const wanted: Buffer[] = []
  let [bytes, objects] = [0, 0]
  const before = process.cpuUsage()
  for (; bytes < Number(given.gb) * 1e9; objects++) {
    const object = placeOf(LAYOUT, '', Date.UTC(2026, 0, 31, objects % 24), `o-${objects}`)
    const writer = new ObjectWriter({ ...LAYOUT, object, tenant: '', masterKey: MASTER, dataKey: newDataKey() })
    while (writer.bytes < OBJECT_BYTES) writer.add(nextRequest())
    const { manifest, frames, index } = await writer.finish(new Date())
    await store.put(object, frames)
    await store.put(`${object}${INDEX_SUFFIX}`, [index])
    await store.put(`${object}${MANIFEST_SUFFIX}`, [bytesOf(manifest)])
    bytes += manifest.bytes
    const { bytes: sent, traceIdAt } = messages[0]!
    const at = traceIdAt[0]!
    wanted.push(Buffer.from(sent.subarray(at, at + 16)))
  }
  const { user, system } = process.cpuUsage(before)
  say(
    `${objects} objects, ${(bytes / 1e9).toFixed(2)} GB, ${spans} spans; ${((user + system) / spans).toFixed(2)} µs of CPU a span, written and synced`,
  )
  for (let i = 0; i < SEARCHES; i++) {
    const id = wanted[Math.floor((wanted.length * (i + 0.5)) / SEARCHES)]!
    const began = performance.now()
    let found = 0
    const look = async (name: string): Promise<readonly Buffer[]> =>
      (await hasTrace(store, name, id)) ? (await ObjectReader.open(store, name, [MASTER])).trace(id) : []
    for await (const requests of eachObject(manifestNames(store, LAYOUT), look)) found += requests.length
    say(`found in ${found} requests after ${(performance.now() - began).toFixed(0)} ms`)
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
