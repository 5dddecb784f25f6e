// What an archive has: manifests by day and tenant, and where a trace is. The commands that look at an archive call it.

import { ArchiveError, ObjectReader } from './object-reader.ts'
import { bytesOf, isSealed, type Manifest, manifestIn, sealed } from './manifest.ts'
import type { MasterKey } from './master-key.ts'
import { INDEX_SUFFIX, MANIFEST_SUFFIX, tenantFolder } from './places.ts'
import type { Store } from './store.ts'
import { bucketOf, FAN_OUT_BYTES, framesOf } from './trace-index.ts'

/** Which objects are meant: all where nothing is said. */
export interface Scope {
  readonly prefix: string
  /** Empty: what names no tenant. */
  readonly tenant?: string
  /** 2026-01-31, in UTC. */
  readonly day?: string
}

/** Objects that are looked at at once. */
const AT_ONCE = 16

/** What an object or an index is called: a bucket may have other things. */
const OURS = /\/(?:\d{8}t\d{6}-[0-9a-f]{12}\.(?:otlp|jsonl)(?:\.gz|\.zst)?|[0-9a-f]{32}(?:\.[0-9a-f]{16}(?:\.\d)?)?)(?:\.index)?$/

/** The names of manifests, in their order. In the end `loose` has the names of objects and indexes that came without one. */
export async function* manifestNames(
  store: Store,
  { prefix, tenant, day }: Scope,
  loose?: Set<string>,
): AsyncGenerator<string, void, undefined> {
  const begin = [prefix, day?.replaceAll('-', '/')].filter((part) => part !== undefined && part !== '').join('/')
  for await (const name of store.list(begin === '' ? '' : `${begin}/`)) {
    if (tenant !== undefined && !isOf(tenant, name)) continue
    if (name.endsWith(MANIFEST_SUFFIX)) {
      // It stands behind both in their order.
      for (const suffix of ['', INDEX_SUFFIX]) loose?.delete(`${objectOf(name)}${suffix}`)
      yield name
    } else if (OURS.test(name)) loose?.add(name)
  }
}

/** Those that have no manifest by now either: others may have got theirs after they were listed. */
export async function stillLoose(store: Store, loose: Iterable<string>): Promise<readonly string[]> {
  const still: string[] = []
  for (const name of loose) {
    const object = name.endsWith(INDEX_SUFFIX) ? name.slice(0, -INDEX_SUFFIX.length) : name
    if ((await store.get(`${object}${MANIFEST_SUFFIX}`, { start: 0, end: 1 })) === undefined) still.push(name)
  }
  return still
}

function objectOf(manifestName: string): string {
  return manifestName.slice(0, -MANIFEST_SUFFIX.length)
}

function isOf(tenant: string, name: string): boolean {
  const folder = name.split('/').at(-2) ?? ''
  return folder === tenantFolder(tenant) || (tenant === '' && !folder.startsWith('tenant='))
}

/** Calls `work` with each, several at once, and hands over what it says in the order of the names. */
export async function* eachObject<T>(names: AsyncIterable<string>, work: (name: string) => Promise<T>): AsyncGenerator<T, void, undefined> {
  const running: Promise<T>[] = []
  try {
    for await (const name of names) {
      const one = work(name)
      // Whoever waits for those before it hears of its failure when its turn comes.
      one.catch(() => {})
      running.push(one)
      if (running.length >= AT_ONCE) yield running.shift()!
    }
    for (const one of running) yield one
  } finally {
    // Nothing goes on behind whoever gives up.
    await Promise.allSettled(running)
  }
}

/** Whether the object has anything of the trace: two small reads. @throws ArchiveError where its index is none. */
export async function hasTrace(store: Store, manifestName: string, traceId: Uint8Array): Promise<boolean> {
  const name = `${objectOf(manifestName)}${INDEX_SUFFIX}`
  const fanOut = await store.get(name, { start: 0, end: FAN_OUT_BYTES })
  const bucket = fanOut && bucketOf(fanOut, traceId)
  if (bucket === undefined) throw new ArchiveError(name, 'is not there, or no index')
  if (bucket.start === bucket.end) return false
  const entries = await store.get(name, bucket)
  return entries !== undefined && framesOf(entries, traceId).length > 0
}

/** @throws ArchiveError where it is none. */
export async function manifestOf(store: Store, name: string): Promise<Manifest> {
  const bytes = await store.get(name)
  const manifest = bytes === undefined ? { fault: 'is not there' } : manifestIn(bytes)
  if ('fault' in manifest) throw new ArchiveError(name, manifest.fault)
  return manifest
}

/** As its manifest says; whether that is as it was written is asked apart. */
export function isErased({ encryption }: Manifest): boolean {
  return encryption !== undefined && encryption.wrapped_key === undefined
}

/** Not one whose key is there still, and hidden by a change. */
export function wasErasedAt(name: string, manifest: Manifest): boolean {
  return isErased(manifest) && `${manifest.object}${MANIFEST_SUFFIX}` === name && isSealed(manifest, undefined)
}

/**
 * Nobody can read the object any more: the key of an encrypted one is destroyed, one that is not encrypted is removed. Whether that is so is looked at.
 * @throws ArchiveError where it can be read all the same.
 */
export async function erase(
  store: Store,
  name: string,
  keys: readonly MasterKey[],
): Promise<'key destroyed' | 'removed' | 'was erased before'> {
  const manifest = await manifestOf(store, name)
  if (wasErasedAt(name, manifest)) return 'was erased before'
  const { object, encryption } = manifest
  if (encryption === undefined) {
    // The manifest first: without it, there is no object.
    for (const one of [name, object, `${object}${INDEX_SUFFIX}`]) await store.remove(one)
    if ((await store.get(object)) !== undefined) throw new ArchiveError(object, 'is there still')
    return 'removed'
  }
  const { seal: _, content: __, ...rest } = manifest
  // Nothing else of it is kept: a key may lie there under another name.
  const { algorithm, master_key } = encryption
  await store.put(name, [bytesOf(sealed({ ...rest, encryption: { algorithm, master_key } }, undefined))])
  const opened = await ObjectReader.open(store, name, keys).then(
    () => true,
    (error: unknown) => {
      if (!(error instanceof ArchiveError)) throw error
      return false
    },
  )
  if (opened) throw new ArchiveError(object, 'can be read still')
  return 'key destroyed'
}
