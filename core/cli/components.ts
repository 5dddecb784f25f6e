// `millrace components`: what a configuration can name. Plugins add to it; this lists what is built in.

import type { Factories } from '../component.ts'
import { SECTIONS } from '../config/registry.ts'
import { table } from './draw.ts'
import { OK, type Terminal } from './terminal.ts'

export async function components(builtIn: () => Promise<Factories>, terminal: Terminal): Promise<number> {
  const factories = await builtIn()
  const rows = SECTIONS.flatMap((section) => [
    [section],
    ...factories[section].map(({ type, signals, stability, aliases = [] }) => {
      const also = aliases.length === 0 ? '' : `also ${aliases.join(', ')}`
      return [`  ${type}`, signals.length === 0 ? '–' : signals.join(', '), stability, also]
    }),
  ])
  terminal.out(table(rows, ''))
  return OK
}
