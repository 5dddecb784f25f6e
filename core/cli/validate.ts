// `millrace validate`: every mistake of a configuration, or its pipelines drawn. Starts nothing.

import type { Factories } from '../component.ts'
import { printable } from '../printable.ts'
import { drawPipelines } from './draw.ts'
import { loadPrinting } from './loading.ts'
import { INVALID_CONFIGURATION, OK, type Terminal } from './terminal.ts'

export async function validate(files: readonly string[], builtIn: () => Promise<Factories>, terminal: Terminal): Promise<number> {
  const loaded = await loadPrinting(files, builtIn, terminal)
  if (loaded === undefined) return INVALID_CONFIGURATION
  terminal.out(`${files.map((file) => printable(file)).join(', ')}: valid\n${drawPipelines(loaded.config)}`)
  return OK
}
