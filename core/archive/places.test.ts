// Names of archived objects: none leaves the prefix, no two tenants share one, and they sort by time.

import { hash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { daysBetween, hourOf, placeOf, placeOfTrace, tenantFolder } from './places.ts'

const LAYOUT = { prefix: 'traces/prod', encoding: 'otlp_proto', compression: 'zstd' } as const
const AT = Date.parse('2026-01-31T23:59:59.999Z')

t.test('an object lies under its hour, its tenant and its kind', async (t) => {
  t.equal(placeOf(LAYOUT, 'acme', hourOf(AT), 'a-1'), 'traces/prod/2026/01/31/23/tenant=acme/a-1.otlp.zst')
  t.equal(placeOf({ ...LAYOUT, prefix: '', encoding: 'otlp_json', compression: 'gzip' }, '', AT, 'a'), '2026/01/31/23/a.jsonl.gz')
  t.equal(placeOf({ ...LAYOUT, compression: 'none' }, '', AT, 'a'), 'traces/prod/2026/01/31/23/a.otlp')
  t.equal(placeOfTrace(LAYOUT, 'a/..', AT, '0af7'), 'traces/prod/2026/01/31/tenant=a=2F=2E=2E/0af7')
  t.same(daysBetween(LAYOUT, AT, AT + 2), ['traces/prod/2026/01/31/', 'traces/prod/2026/02/01/'])
})

t.test('a tenant of any length is a folder that every disk takes, and shares it with nobody', async (t) => {
  const long = '/'.repeat(500)
  const folders = [long, `${long}a`, `${long}b`, 'a'.repeat(201), 'a'.repeat(200)].map((tenant) => tenantFolder(tenant))
  t.equal(new Set(folders).size, folders.length)
  for (const folder of folders) t.match(folder, /^tenant=[A-Za-z0-9_=-]{1,248}$/)
  t.equal(folders.at(-1), `tenant=${'a'.repeat(200)}`)
  t.equal(folders.at(-2), `tenant=${'a'.repeat(134)}==${hash('sha256', 'a'.repeat(201))}`)
})

t.test('no tenant leads out of the prefix, and no two have one folder', async () => {
  const tenant = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('..', '.', '../../etc', 'a/b', 'a=2Fb', 'tenant=a', '\0', 'A', 'a', 'ä', '%2e'),
  )
  fc.assert(
    fc.property(tenant, tenant, (one, other) => {
      const folder = tenantFolder(one)
      if (one !== '' && !/^tenant=[A-Za-z0-9_=-]+$/.test(folder)) throw new Error(folder)
      if (one.toWellFormed() !== other.toWellFormed() && folder === tenantFolder(other))
        throw new Error(`${one} and ${other} share ${folder}`)
    }),
    { numRuns: 500 },
  )
})
