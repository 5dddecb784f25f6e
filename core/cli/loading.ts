// The step that `run` and `validate` share: load the files, print what is wrong or odd about them.

import type { Factories } from '../component.ts'
import { ConfigError, renderFault, type Fault } from '../config/fault.ts'
import type { Loaded } from '../config/load.ts'
import type { Terminal } from './terminal.ts'

/** A terminal's worth, and then some: a file with more is broken as a whole. */
const MAX_PRINTED = 100

/** The configuration, or undefined when it is not valid and everything about that has been printed. */
export async function loadPrinting(
  files: readonly string[],
  builtIn: () => Promise<Factories>,
  terminal: Terminal,
): Promise<Loaded | undefined> {
  const [{ load }, factories] = await Promise.all([import('../config/load.ts'), builtIn()])
  try {
    const loaded = await load(files, factories, terminal.environment)
    print('warning: ', loaded.warnings, terminal)
    return loaded
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    print('warning: ', error.warnings, terminal)
    print('', error.faults, terminal)
    const count = error.faults.length
    terminal.err(`${count === 1 ? '1 error' : `${count} errors`} in the configuration; nothing was started\n`)
    return undefined
  }
}

function print(prefix: string, faults: readonly Fault[], terminal: Terminal): void {
  for (const fault of faults.slice(0, MAX_PRINTED)) terminal.err(`${prefix}${renderFault(fault)}\n`)
  if (faults.length > MAX_PRINTED) terminal.err(`${prefix}… and ${faults.length - MAX_PRINTED} more\n`)
}
