// The door to the archive: what writes objects, what reads them, and how they are called.

export { DATA_KEY_BYTES, type ObjectIdentity } from './frame-cipher.ts'
export { bytesOf, checksumOf, isSealed, type Manifest, type ManifestFault, manifestIn, sealed } from './manifest.ts'
export { CommandKey, LocalKey, type MasterKey, newDataKey, UnwrapError } from './master-key.ts'
export { eachObject, erase, hasTrace, isErased, manifestNames, manifestOf, type Scope, stillLoose, wasErasedAt } from './catalogue.ts'
export { FolderStore } from './folder-store.ts'
export { ArchiveError, ObjectReader } from './object-reader.ts'
export { type FinishedObject, type ObjectOptions, ObjectWriter } from './object-writer.ts'
export { type Archive, layoutOf, masterKeyOf, openArchive, storeOf } from './open.ts'
export type { ArchiveConfig } from './options.ts'
export * from './places.ts'
export { archivalRecord } from './publish.ts'
export type { About, Range, Store } from './store.ts'
