// `millrace archive ls | get | verify | replay | erase`: what an archive has, and what becomes of it. Each works while the pipelines run and while they do
// not. Who looked, and who erased, is written into the audit log.

import { type ArchiveConfig, ArchiveError, masterKeyOf, type Store, storeOf } from '../archive/index.ts'
import type { Factories } from '../component.ts'
import { redactor } from '../config/secrets.ts'
import type { ServiceConfig } from '../config/service.ts'
import { printable, quoted } from '../printable.ts'
import { type ArchiveAct, eraseObjects, getTrace, listObjects, told, verifyObjects } from './archive-acts.ts'
import { type CommandAudit, openAudit, UNTOLD } from './archive-audit.ts'
import type { ArchiveAction, ArchiveAsked } from './arguments.ts'
import { loadPrinting } from './loading.ts'
import { CommandError } from './queue-folders.ts'
import { FAILED, INVALID_CONFIGURATION, type Terminal } from './terminal.ts'

const TYPE = 's3_archive'

export async function archive(
  action: ArchiveAction,
  asked: ArchiveAsked,
  builtIn: () => Promise<Factories>,
  terminal: Terminal,
): Promise<number> {
  const loaded = await loadPrinting(asked.files, builtIn, terminal)
  if (loaded === undefined) return INVALID_CONFIGURATION
  const { config, secrets } = loaded
  const redact = redactor(secrets)
  const shown: Terminal = { ...terminal, err: (text) => terminal.err(redact(text)) }
  let store: Store | undefined
  let audit: CommandAudit | undefined
  try {
    const { id, settings } = archiveIn(config, asked.exporter)
    store = await storeOf(settings)
    // Who only lists sees no trace.
    const master = action === 'ls' ? undefined : masterKeyOf(settings)
    audit = action === 'ls' ? UNTOLD : await openAudit(config, shown)
    const act: ArchiveAct = {
      id,
      store,
      prefix: settings.prefix,
      layout: settings.layout,
      keys: master === undefined ? [] : [master],
      asked,
      audit,
      terminal: shown,
    }
    return await done(action, act, config)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    shown.err(
      `millrace: ${error instanceof CommandError ? error.message : error instanceof ArchiveError ? told(error) : printable(error.message, 2000)}\n`,
    )
    return FAILED
  } finally {
    store?.close()
    await audit?.close()
  }
}

async function done(action: ArchiveAction, act: ArchiveAct, config: ServiceConfig): Promise<number> {
  switch (action) {
    case 'ls':
      return listObjects(act)
    case 'get':
      return getTrace(act)
    case 'verify':
      return verifyObjects(act)
    case 'erase':
      return eraseObjects(act)
    case 'replay':
      return (await import('./archive-replay.ts')).replayObjects(act, config)
  }
}

/** The one that is asked for, exporter or connector; without a word, the only one. */
function archiveIn(
  { exporters, connectors }: ServiceConfig,
  wanted: string | undefined,
): { readonly id: string; readonly settings: ArchiveConfig } {
  const all = [...exporters.values(), ...connectors.values()].filter(({ factory }) => factory.type === TYPE)
  const ids = [...new Set(all.map(({ id }) => id))]
  if (all.length === 0)
    throw new CommandError(`no pipeline of this configuration ends in an archive; accepted: an exporter or a connector of type ${TYPE}`)
  if (wanted !== undefined && !ids.includes(wanted))
    throw new CommandError(`no archive ${quoted(wanted)} in this configuration; accepted: ${ids.join(', ')}`)
  if (wanted === undefined && ids.length > 1)
    throw new CommandError(`there are several archives; choose one: ${ids.map((id) => `--exporter ${id}`).join(', ')}`)
  const found = all.find(({ id }) => id === (wanted ?? ids[0]))!
  return { id: found.id, settings: found.config as ArchiveConfig }
}
