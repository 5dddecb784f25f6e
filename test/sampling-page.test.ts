// docs/sampling.md has the figures that its script gives.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { figures, withFigures } from '../docs/sampling-figures.ts'

t.test('the figures are those of the samplers as they are; "npx node docs/sampling-figures.ts" writes them', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../docs/sampling.md'), 'utf8')
  t.equal(page, withFigures(page, await figures()))
})
