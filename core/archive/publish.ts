// Puts a finished object where it belongs: the object, its index, and last its manifest, with which it is there.

import { bytesOf, checksumOf, type Manifest } from './manifest.ts'
import type { FinishedObject } from './object-writer.ts'
import { INDEX_SUFFIX, MANIFEST_SUFFIX } from './places.ts'
import type { About, Store } from './store.ts'

/** @throws RetryableError where the store cannot take it now: then it may be put again. */
export async function publish(store: Store, object: FinishedObject): Promise<void> {
  for (const { name, parts, about } of filesOf(object)) await store.put(name, parts, about)
}

/**
 * The same where others may put one of that name at the same time: false where one of the names is taken, and nothing was replaced.
 * @throws RetryableError where the store cannot take it now; what is there of it by then is taken away, unless it may be there as a whole.
 */
export async function publishNew(store: Store, object: FinishedObject): Promise<boolean> {
  const ours: string[] = []
  const takeAway = async (): Promise<void> => {
    for (const name of ours) await store.remove(name).catch(() => {})
  }
  try {
    for (const { name, parts, about } of filesOf(object)) {
      if (!(await store.putNew(name, parts, about))) {
        await takeAway()
        return false
      }
      ours.push(name)
    }
    return true
  } catch (error) {
    if (ours.length < 2 || store.didNothing(error)) await takeAway()
    throw error
  }
}

interface OneFile {
  readonly name: string
  readonly parts: readonly Uint8Array[]
  readonly about: About
}

function filesOf({ manifest, frames, index }: FinishedObject): readonly OneFile[] {
  const { object } = manifest
  const tags = tagsOf(manifest)
  const last = bytesOf(manifest)
  const about = (checksum: string): About => ({ tags, sha256: checksum.slice('sha256:'.length) })
  return [
    { name: object, parts: frames, about: about(manifest.checksum) },
    { name: `${object}${INDEX_SUFFIX}`, parts: [index], about: about(manifest.index.checksum) },
    { name: `${object}${MANIFEST_SUFFIX}`, parts: [last], about: about(checksumOf(last)) },
  ]
}

/** S3 takes ten tags an object, of 128 and 256 characters: what is more stands in the manifest alone. */
function tagsOf({ retention, compliance_tags: compliance = [] }: Manifest): Readonly<Record<string, string>> {
  const tags = retention === undefined ? [] : [['retention', retention] as const]
  return Object.fromEntries([...tags, ...compliance.slice(0, 9).map((tag) => [tag, 'true'] as const)])
}

/**
 * What the trace protocol says of an archived execution (its `archival_information`), true to what was written: as the body of a log record.
 * `store` is where the object lies: `s3://bucket`.
 */
export function archivalRecord(store: string, manifest: Manifest): Readonly<Record<string, unknown>> {
  const { object, encoding, compression, bytes, raw_bytes: raw, retention, compliance_tags: compliance, encryption, checksum } = manifest
  return {
    archived: true,
    archive_location: `${store}/${object}`,
    archive_format: compression === 'none' ? encoding : `${encoding}_compressed`,
    compression_ratio: raw === 0 ? 1 : Math.round((bytes / raw) * 10_000) / 10_000,
    ...(retention === undefined ? {} : { retention_period: retention }),
    ...(compliance === undefined ? {} : { compliance_tags: compliance }),
    ...(encryption === undefined ? {} : { archive_encryption: encryption.algorithm }),
    archive_checksum: checksum,
  }
}
