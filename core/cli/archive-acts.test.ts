// What the commands that look at an archive say: as much as they did, and of everything that is there.

import t from 'tap'
import { MemoryStore } from '../archive/fixtures/memory-store.ts'
import { batchOf, Bench, MASTER } from '../archive/fixtures/bench.ts'
import { INDEX_SUFFIX, MANIFEST_SUFFIX } from '../archive/index.ts'
import { TraceArchiver } from '../archive/trace-archiver.ts'
import { type ArchiveAct, eraseObjects, listObjects, verifyObjects } from './archive-acts.ts'
import { UNTOLD } from './archive-audit.ts'
import { CommandError } from './queue-folders.ts'

/** An archive of three objects, and what looks at it. */
async function place(): Promise<{ readonly store: MemoryStore; readonly act: ArchiveAct; readonly said: string[] }> {
  const { store, ...bench } = new Bench()
  await new TraceArchiver(Object.assign(new Bench(), bench, { store }).tools()).consume(batchOf([['a', 0], ['bb', 0], ['ccc', 0]], 'acme')) // prettier-ignore
  const said: string[] = []
  const say = (text: string): void => void said.push(text)
  const act = {
    id: 's3_archive',
    store,
    prefix: 'a',
    layout: 'trace',
    keys: [MASTER],
    asked: { files: [], exporter: undefined, tenant: 'acme', day: undefined, to: undefined, traceIds: [], json: false },
    audit: UNTOLD,
    terminal: { out: say, err: say },
  } as unknown as ArchiveAct
  return { store, act, said }
}

const objectsIn = (store: MemoryStore): readonly string[] =>
  [...store.objects.keys()].filter((name) => name.endsWith(MANIFEST_SUFFIX)).map((name) => name.slice(0, -MANIFEST_SUFFIX.length))

t.test('verify finds what has no manifest, and manifests of what is not there; not what somebody else put into the bucket', async (t) => {
  const { store, act, said } = await place()
  store.objects.set('a/2026/01/31/tenant=acme/README', Buffer.from('x'))
  t.equal(await verifyObjects(act), 0)
  t.same(said, ['3 objects are as they were written\n'])
  const [first, second, third] = objectsIn(store) as [string, string, string]
  store.objects.delete(`${first}${MANIFEST_SUFFIX}`)
  store.objects.delete(second)
  store.objects.delete(third)
  store.objects.delete(`${third}${MANIFEST_SUFFIX}`)
  const half = 'a/2026/01/31/12/tenant=acme/20260131t120000-1f3a9c2e77aa.jsonl.gz'
  store.objects.set(half, Buffer.from('x'))
  said.length = 0
  t.equal(await verifyObjects(act), 1)
  t.equal(said.filter((line) => line.includes('has no manifest: it is being written, or was left half-written')).length, 4)
  for (const name of [first, `${first}${INDEX_SUFFIX}`, `${third}${INDEX_SUFFIX}`, half])
    t.ok(said.some((line) => line.startsWith(`${name}: has no manifest`)), name) // prettier-ignore
  t.ok(said.includes(`${second}: is not there\n`))
  t.equal(said.at(-1), '0 objects are as they were written, 1 are not; 4 files have no manifest\n')
  said.length = 0
  await verifyObjects({ ...act, asked: { ...act.asked, json: true } })
  t.same(JSON.parse(said.at(-1)!), { good: 0, erased: 0, bad: 1, without_manifest: 4 })
})

t.test('what gets its manifest while verify is at work is no fault', async (t) => {
  const { store, act } = await place()
  const [first] = objectsIn(store) as [string]
  const manifest = store.objects.get(`${first}${MANIFEST_SUFFIX}`)!
  store.objects.delete(`${first}${MANIFEST_SUFFIX}`)
  const list = (prefix: string): AsyncIterable<string> => MemoryStore.prototype.list.call(store, prefix)
  store.list = async function* (prefix) {
    yield* list(prefix)
    store.objects.set(`${first}${MANIFEST_SUFFIX}`, manifest)
  }
  t.equal(await verifyObjects(act), 0)
})

t.test('erase says what it did where its last record cannot be written down, and of what it could not erase', async (t) => {
  const { store, act, said } = await place()
  let records = 0
  const audit = {
    ...UNTOLD,
    record: async () => {
      if (++records === 2) throw new CommandError('the disk is full; nothing was done')
    },
  }
  const [first, second] = objectsIn(store) as [string, string]
  store.objects.delete(`${first}${MANIFEST_SUFFIX}`)
  store.objects.set(`${second}${MANIFEST_SUFFIX}`, Buffer.from('{}'))
  await t.rejects(eraseObjects({ ...act, audit }), {
    name: 'CommandError',
    message: 'this was done; the audit log says that it was begun, and could not take what became of it',
  })
  t.match(said.at(-1), /^tenant acme: 1 keys destroyed, 0 readable objects removed, 0 erased before, 3 failed; each that did not fail/)
  t.ok(said.some((line) => line.startsWith(`${first}: has no manifest`) && line.endsWith('it was not erased\n')))
  t.ok(said.some((line) => line.startsWith(`${second}${MANIFEST_SUFFIX}: `)))
})

t.test('a bucket that goes away half-way ends an erasure with what was done', async (t) => {
  const { store, act, said } = await place()
  const list = (prefix: string): AsyncIterable<string> => MemoryStore.prototype.list.call(store, prefix)
  store.list = async function* (prefix) {
    let names = 0
    for await (const name of list(prefix)) {
      if (names++ === 5) throw new Error('the bucket is away')
      yield name
    }
  }
  t.equal(await eraseObjects(act), 1)
  t.match(said.join(''), /memory:: there may be more: the bucket is away/)
  t.match(said.at(-1), /1 keys destroyed/)
})

t.test('listing needs no key', async (t) => {
  const { act, said } = await place()
  t.equal(await listObjects({ ...act, keys: [] }), 0)
  t.match(said.at(-1), /^3 objects with 3 spans/)
})
