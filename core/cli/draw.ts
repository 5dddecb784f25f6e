// Pipelines as a person reads them, a line each: `validate` prints them, and `run` when it starts.

import type { ServiceConfig } from '../config/service.ts'

export function drawPipelines({ pipelines, extensions }: ServiceConfig): string {
  const rows = pipelines.map(({ id, receivers, processors, exporters }): readonly [string, string] => [
    id,
    [receivers.join(', '), ...processors, exporters.join(', ')].join(' → '),
  ])
  if (extensions.size > 0) rows.push(['extensions', [...extensions.keys()].join(', ')])
  return table(rows, '  ')
}

/** Columns under each other, as wide as they need to be. */
export function table(rows: readonly (readonly string[])[], indent: string): string {
  const widths: number[] = []
  for (const row of rows) for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  return rows.map((row) => `${indent}${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd() + '\n').join('')
}
