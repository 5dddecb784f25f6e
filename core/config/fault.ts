// What is wrong with a configuration, and where: every check makes these, and the command line prints them.

import { printable } from '../printable.ts'

/** Where in which file, counted from 1. A fault of a whole file (it cannot be read) has line 0. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}
export type Path = readonly (string | number)[]

export interface Fault {
  readonly place: Place
  /** Where in the configuration, e.g. `['receivers', 'otlp', 'protocols']`. Empty for the whole. */
  readonly path: Path
  readonly message: string
}

/** The one error that loading throws: everything that is wrong, in the order of the files. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly faults: readonly Fault[]
  readonly warnings: readonly Fault[]

  constructor(faults: readonly Fault[], warnings: readonly Fault[] = []) {
    super(faults.map(renderFault).join('\n'))
    this.faults = faults
    this.warnings = warnings
  }
}

/** `pipeline.yaml:12:7: receivers.otlp: what is wrong` */
export function renderFault({ place, path, message }: Fault): string {
  const where = place.line === 0 ? place.file : `${place.file}:${place.line}:${place.column}`
  const inside = renderPath(path)
  return `${printable(where)}: ${inside === '' ? '' : `${inside}: `}${printable(message)}`
}

/** `processors.attributes/b.actions[2].key` */
export function renderPath(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else text += `${text === '' ? '' : '.'}${printable(step, 100)}`
  }
  return text
}

/** In the order of the files and of the text in them; what is said twice at one place is said once. */
export function inOrder(faults: readonly Fault[], files: readonly string[]): readonly Fault[] {
  const rank = new Map(files.map((file, index) => [file, index]))
  const said = new Set<string>()
  const sorted = [...faults].sort(
    (a, b) =>
      (rank.get(a.place.file) ?? files.length) - (rank.get(b.place.file) ?? files.length) ||
      a.place.line - b.place.line ||
      a.place.column - b.place.column,
  )
  return sorted.filter((fault) => !said.has(renderFault(fault)) && said.add(renderFault(fault)))
}
