// `millrace deadletter list | show | replay | drop`: what destinations refused for good. Each works while the pipelines run and while they
// do not.

import type { Factories } from '../component.ts'
import { redactor } from '../config/secrets.ts'
import type { ServiceConfig } from '../config/service.ts'
import { Onlooker } from '../durable/index.ts'
import { DEAD_LETTERS_LOG } from '../pipeline/dead-letters.ts'
import { printable } from '../printable.ts'
import type { Asked, DeadLetterAction } from './arguments.ts'
import { counted, listLetters, showLetter, tellMissing, widthsOf } from './dead-letters-shown.ts'
import { LetterBox } from './dead-letters-box.ts'
import { loadPrinting } from './loading.ts'
import { CommandError, explained, logFolder, storageOf } from './queue-folders.ts'
import { FAILED, INVALID_CONFIGURATION, type Terminal } from './terminal.ts'

export async function deadLetters(
  action: DeadLetterAction,
  asked: Asked,
  builtIn: () => Promise<Factories>,
  terminal: Terminal,
): Promise<number> {
  const loaded = await loadPrinting(asked.files, builtIn, terminal)
  if (loaded === undefined) return INVALID_CONFIGURATION
  const { config, secrets } = loaded
  // A destination may have put into its answer what it was sent.
  const redact = redactor(secrets)
  const shown: Terminal = { ...terminal, out: (text) => terminal.out(redact(text)), err: (text) => terminal.err(redact(text)) }
  try {
    const storage = storageOf(config, asked.storage)
    const { folder } = logFolder(storage, DEAD_LETTERS_LOG)
    const letters = new LetterBox(new Onlooker(folder, storage.key), asked)
    return await explained(storage, () => act(action, { letters, asked, config, terminal: shown }))
  } catch (error) {
    if (!(error instanceof Error)) throw error
    shown.err(`millrace: ${error instanceof CommandError ? error.message : printable(error.message, 2000)}\n`)
    return FAILED
  }
}

interface Act {
  readonly letters: LetterBox
  readonly asked: Asked
  readonly config: ServiceConfig
  readonly terminal: Terminal
}

async function act(action: DeadLetterAction, { letters, asked, config, terminal }: Act): Promise<number> {
  switch (action) {
    case 'list':
      return listLetters(letters, widthsOf(config), asked, terminal)
    case 'show':
      return showLetter(letters, asked, terminal)
    case 'drop':
      return dropLetters(letters, terminal)
    case 'replay':
      return (await import('./dead-letters-replay.ts')).replayLetters(letters, asked, config, terminal)
  }
}

async function dropLetters(letters: LetterBox, terminal: Terminal): Promise<number> {
  const { found, missing } = await letters.chosen()
  await letters.release(found.map(({ position }) => position))
  const items = found.reduce((sum, { head }) => sum + (head?.count ?? 0), 0)
  terminal.out(`dropped ${counted(found.length, 'letter')} with ${counted(items, 'item')}: gone for good\n`)
  return tellMissing(missing, terminal)
}
