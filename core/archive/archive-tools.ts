// What an archiver works with, whichever layout it writes: `s3_archive` puts it together from its configuration.

import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'
import type { Manifest } from './manifest.ts'
import type { MasterKey } from './master-key.ts'
import type { ObjectOptions } from './object-writer.ts'
import type { Layout } from './places.ts'
import type { Store } from './store.ts'

export interface ArchiveTools {
  readonly store: Store
  readonly layout: Layout
  /** What is the same for all objects. */
  readonly objectOptions: Pick<ObjectOptions, 'encoding' | 'compression' | 'retention' | 'complianceTags'>
  readonly masterKey: MasterKey | undefined
  readonly clock: Clock
  readonly log: Logger
  /** Told of each object that is there; where it rejects, it is told again. After a crash it may be told of one twice. */
  readonly tell: (manifest: Manifest) => Promise<void>
  /** Called once for each object that was put there. */
  readonly counted: (manifest: Manifest) => void
}
