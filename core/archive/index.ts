// The door to the archive: what writes objects, what reads them, and how they are called.

export { DATA_KEY_BYTES, type ObjectIdentity } from './frame-cipher.ts'
export { bytesOf, checksumOf, isSealed, type Manifest, type ManifestFault, manifestIn, sealed } from './manifest.ts'
export { CommandKey, LocalKey, type MasterKey, newDataKey, UnwrapError } from './master-key.ts'
export { FolderStore } from './folder-store.ts'
export { ArchiveError, ObjectReader } from './object-reader.ts'
export { type FinishedObject, type ObjectOptions, ObjectWriter } from './object-writer.ts'
export * from './places.ts'
export type { About, Range, Store } from './store.ts'
