// Where the commands that look at an archive write down who looked and who erased: beside the audit log of the configuration, for that one belongs to the
// process that runs. `archive.ts` opens it.

import { userInfo } from 'node:os'
import { systemClock } from '../clock.ts'
import type { AuditEntry, Auditor, ExtensionFactory, Service, Settings } from '../component.ts'
import type { Configured, ServiceConfig } from '../config/service.ts'
import { MemoryMeter } from '../telemetry/meter.ts'
import { createLog } from '../telemetry/log.ts'
import { CommandError } from './queue-folders.ts'
import type { Terminal } from './terminal.ts'

/** Behind the name of the log: `millrace audit verify` reads it as any other. */
export const COMMANDS_SUFFIX = '.commands'

export interface CommandAudit {
  /** @throws CommandError where it could not be written. */
  record(entry: Pick<AuditEntry, 'kind' | 'act' | 'component' | 'tenant' | 'object' | 'reason'>): Promise<void>
  close(): Promise<void>
}

/** Nothing is written down. */
export const UNTOLD: CommandAudit = { record: async () => {}, close: async () => {} }

/** Says so where nothing is written down. @throws CommandError where the log cannot be opened. */
export async function openAudit({ extensions }: ServiceConfig, terminal: Terminal): Promise<CommandAudit> {
  const audit = [...extensions.values()].find(({ factory, config }) => factory.provides?.(config).includes('audit') === true)
  if (audit === undefined) {
    terminal.err('note: service.extensions has no audit_log, so nobody is told of this\n')
    return UNTOLD
  }
  const auditor = await started(audit, terminal)
  const subject = userInfo().username
  return {
    async record(entry) {
      if (!(await auditor.record({ ...entry, subject }))) throw new CommandError(`${audit.id} could not be written; nothing was done`)
    },
    close: () => auditor.stop(AbortSignal.abort()),
  }
}

async function started({ id, factory, config }: Configured<ExtensionFactory>, terminal: Terminal): Promise<Auditor> {
  const { file } = config as { readonly file?: string }
  const own = file === undefined ? config : { ...(config as object), file: `${file}${COMMANDS_SUFFIX}` }
  const log = createLog({ level: 'error', clock: systemClock, write: (text) => terminal.err(text) })
  const settings: Settings = {
    id,
    log: log(id),
    meter: new MemoryMeter(),
    clock: systemClock,
    drop: () => {},
    extension: (capability, other) => {
      throw new CommandError(`${id} asks for ${capability} of ${other}, which does not run here`)
    },
  }
  try {
    const auditor = (await factory.create(own, NOT_RUNNING, settings)) as Auditor
    await auditor.start(new AbortController().signal)
    return auditor
  } catch (cause) {
    throw new CommandError(`the audit log cannot be written, so nothing was done: ${(cause as Error).message}`, { cause })
  }
}

/** No pipeline runs in a command. */
const NOT_RUNNING: Service = { status: () => 'starting' }
