// The page for users says what the code does.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { FILE, tracePage } from '../../docs/trace-protocol.ts'

t.test('docs/trace-protocol.md is what `npm run docs` writes', async (t) => {
  t.equal(readFileSync(join(import.meta.dirname, '../..', FILE), 'utf8'), tracePage())
})
