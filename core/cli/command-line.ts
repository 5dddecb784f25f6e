// The command line: from words to a command, and to its exit code. main.ts calls it with the built-in factories.

import type { Factories } from '../component.ts'
import { parseArguments } from './arguments.ts'
import { OK, WRONG_USAGE, type Terminal } from './terminal.ts'

/** `builtIn` is called only by commands that need it: `--help` comes at once. Resolves with the exit code. */
export async function commandLine(words: readonly string[], builtIn: () => Promise<Factories>, terminal: Terminal): Promise<number> {
  const parsed = parseArguments(words)
  switch (parsed.command) {
    case 'run':
      return (await import('./run.ts')).run(parsed.files, builtIn, terminal)
    case 'validate':
      return (await import('./validate.ts')).validate(parsed.files, builtIn, terminal)
    case 'components':
      return (await import('./components.ts')).components(builtIn, terminal)
    case 'quickstart':
      return (await import('./quickstart.ts')).quickstart(builtIn, terminal)
    case 'deadletter':
      return (await import('./dead-letters.ts')).deadLetters(parsed.action, parsed.asked, builtIn, terminal)
    case 'sampling':
      return (await import('./sampling.ts')).trySampling(parsed.asked, builtIn, terminal)
    case 'pii':
      return (await import('./pii.ts')).testPii(parsed.asked, builtIn, terminal)
    case 'audit':
      return (await import('./audit.ts')).verifyAudits(parsed.asked, terminal)
    case 'archive':
      return (await import('./archive.ts')).archive(parsed.action, parsed.asked, builtIn, terminal)
    case 'queue':
      return (await import('./queue.ts')).queueStat(parsed.asked, builtIn, terminal)
    case 'version':
      terminal.out(`millrace ${(await import('../config/own-package.ts')).ownVersion()}\n`)
      return OK
    case 'help':
      terminal.out((await import('./help.ts')).HELP)
      return OK
    default:
      terminal.err(`millrace: ${parsed.wrong}\nmillrace --help shows examples\n`)
      return WRONG_USAGE
  }
}
