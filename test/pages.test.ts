// Every page about options says what the schema says, and every schema is one that the validator takes to the letter.

import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import t from 'tap'
import { Checker } from '../core/config/check.ts'
import { withOptions } from '../core/config/option-table.ts'
import type { ConfigSchema } from '../core/config/schema.ts'
import { pages } from '../docs/pages.ts'

t.test('the tables of options are current', async (t) => {
  const all = await pages()
  t.ok(all.length > 5, 'there are pages')
  for (const { file, schema } of all) {
    const name = relative(process.cwd(), file)
    if (!existsSync(file)) {
      t.fail(`${name} is missing`)
      continue
    }
    const page = readFileSync(file, 'utf8')
    t.equal(page, withOptions(page, schema), `${name}; "npm run docs" writes them`)
  }
})

t.test('every schema passes the strict checks that plugins meet, and describes every option', async (t) => {
  const checker = await Checker.create(true)
  const place = { file: 'a.yaml', line: 1, column: 1 }
  for (const { file, schema } of await pages()) {
    const empty = { path: [], key: place, tree: { kind: 'map', place, entries: new Map() } } as const
    t.doesNotThrow(() => checker.check(empty, schema), relative(process.cwd(), file))
    t.same(undescribed(schema, ''), [], relative(process.cwd(), file))
  }
})

function undescribed(schema: ConfigSchema, prefix: string): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    if (child.folded === true) return child.description === undefined ? [`${prefix}${name}`] : []
    const inner = [...undescribed(child, `${prefix}${name}.`), ...undescribed(child.items ?? {}, `${prefix}${name}[].`)]
    const isSection = child.properties !== undefined || child.items?.properties !== undefined
    return child.description === undefined && !isSection ? [`${prefix}${name}`, ...inner] : inner
  })
}
