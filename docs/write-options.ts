// `npm run docs`: writes the table of options into every page that has marks for it, and the page of the trace protocol.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { BEGIN, END, withOptions } from '../core/config/option-table.ts'
import { pages } from './pages.ts'
import { FILE, tracePage } from './trace-protocol.ts'

for (const { file, schema } of await pages()) {
  const name = relative(process.cwd(), file)
  const page = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const written = withOptions(page, schema)
  if (written === undefined) {
    process.stderr.write(`${name}: found no place for the options; accepted: a line ${BEGIN} and a line ${END}\n`)
    process.exitCode = 1
  } else if (written !== page) {
    writeFileSync(file, written)
    process.stdout.write(`${name}: written\n`)
  }
}

const tracePath = join(import.meta.dirname, '..', FILE)
const page = tracePage()
if (!existsSync(tracePath) || readFileSync(tracePath, 'utf8') !== page) {
  writeFileSync(tracePath, page)
  process.stdout.write(`${FILE}: written\n`)
}
