// Puts a finished object where it belongs: the object, its index, and last its manifest, with which it is there.

import type { Manifest } from './manifest.ts'
import { bytesOf } from './manifest.ts'
import type { FinishedObject } from './object-writer.ts'
import { INDEX_SUFFIX, MANIFEST_SUFFIX } from './places.ts'
import type { Store } from './store.ts'

/** @throws RetryableError where the store cannot take it now: then it may be put again. */
export async function publish(store: Store, { manifest, frames, index }: FinishedObject): Promise<void> {
  const { object } = manifest
  const tags = tagsOf(manifest)
  await store.put(object, frames, { tags, sha256: manifest.checksum.slice('sha256:'.length) })
  await store.put(`${object}${INDEX_SUFFIX}`, [index], { tags })
  await store.put(`${object}${MANIFEST_SUFFIX}`, [bytesOf(manifest)], { tags })
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
