// An archive of a configuration: its store, its master key, and what writes it. The components `s3_archive` and the commands that look at an archive call it.

import type { Batch } from '../batch.ts'
import type { Settings } from '../component.ts'
import { parseDuration } from '../config/duration.ts'
import { encryptionKeyIn, encryptionKeyOf } from '../durable/key.ts'
import { Archiver } from './archiver.ts'
import { FolderStore } from './folder-store.ts'
import type { Manifest } from './manifest.ts'
import { CommandKey, LocalKey, type MasterKey } from './master-key.ts'
import type { ArchiveConfig } from './options.ts'
import type { Layout } from './places.ts'
import type { Store } from './store.ts'
import { TraceArchiver } from './trace-archiver.ts'

/** What gets traces and archives them. */
export interface Archive {
  start(abort: AbortSignal): Promise<void>
  consume(batch: Batch): Promise<void>
  stop(abort: AbortSignal): Promise<void>
}

/** The SDK of AWS is loaded for a bucket alone. */
export async function storeOf({ target, directory, s3, timeout }: ArchiveConfig): Promise<Store> {
  if (target === 'file') return new FolderStore(directory!)
  const { S3Store } = await import('./s3-store.ts')
  const { bucket, region, endpoint, force_path_style: pathStyle, access_key_id: id, secret_access_key: secret, session_token: token } = s3!
  return new S3Store({
    bucket,
    region,
    pathStyle,
    timeoutMs: parseDuration(timeout),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(s3!.storage_class === undefined ? {} : { storageClass: s3!.storage_class }),
    ...(id === undefined
      ? {}
      : { credentials: { accessKeyId: id, secretAccessKey: secret!, ...(token === undefined ? {} : { sessionToken: token }) } }),
  })
}

/** Undefined where nothing is encrypted. @throws Error in words where the key cannot be had. */
export function masterKeyOf({ encryption }: ArchiveConfig): MasterKey | undefined {
  if (encryption === undefined) return undefined
  const { key_id: id, key, key_file: file, command, command_timeout: timeout } = encryption
  if (command !== undefined) return new CommandKey(id, command, parseDuration(timeout))
  // What is no key was refused with the configuration.
  return new LocalKey(id, key === undefined ? encryptionKeyIn('encryption.key_file', file!) : encryptionKeyOf(key)!)
}

export function layoutOf({ prefix, encoding, compression }: ArchiveConfig): Layout {
  return { prefix, encoding, compression }
}

/** `written` is told of each object that is there; where it rejects, it is told again. */
export async function openArchive(
  config: ArchiveConfig,
  settings: Settings,
  written: (manifest: Manifest, store: Store) => Promise<void>,
): Promise<Archive> {
  const { clock, log, meter, storage } = settings
  const store = await storeOf(config)
  const objects = meter.counter('millrace_archive_objects', '{object}', 'Objects that were archived.')
  const bytes = meter.counter('millrace_archive_bytes', 'By', 'What archived objects take, compressed.')
  const spans = meter.counter('millrace_archive_spans', '{span}', 'Spans in archived objects.')
  const layout = layoutOf(config)
  const { retention, compliance_tags: complianceTags } = config
  const tools = {
    store,
    layout,
    objectOptions: {
      encoding: layout.encoding,
      compression: layout.compression,
      ...(retention === undefined ? {} : { retention }),
      ...(complianceTags.length === 0 ? {} : { complianceTags }),
    },
    masterKey: masterKeyOf(config),
    clock,
    log,
    tell: (manifest: Manifest) => written(manifest, store),
    counted: (manifest: Manifest) => {
      objects(1)
      bytes(manifest.bytes)
      spans(manifest.spans)
    },
  }
  if (config.layout === 'trace') return new TraceArchiver(tools)
  const archiver = new Archiver(tools, {
    maxObjectBytes: config.max_object_size,
    maxObjectAgeMs: parseDuration(config.max_object_age),
    maxOpen: config.max_open_objects,
    maxWaitingBytes: config.max_waiting_bytes,
    storage,
    lost: (count) => {
      settings.drop(count, 'not archived')
      log.error({ spans: count }, 'spans waited in memory and could not be archived before the end; with `storage` they would not be lost')
    },
  })
  meter.gauge('millrace_archive_open_objects', '{object}', 'Objects that are being filled.', () => archiver.open)
  meter.gauge('millrace_archive_leaving_objects', '{object}', 'Objects that wait to be put where they belong.', () => archiver.leaving)
  const failing = 'Objects that could not be put where they belong, and are tried again.'
  meter.gauge('millrace_archive_failing_objects', '{object}', failing, () => archiver.failing)
  meter.gauge(
    'millrace_archive_waiting',
    'By',
    'What waits to be archived takes in memory: compressed, with what its index will have, and 8 KiB for each object.',
    () => archiver.waitingBytes,
  )
  return archiver
}
