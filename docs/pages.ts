// The pages that show options, and the schemas they show: every component's README, and the page about the file itself.
// docs/write-options.ts writes them; a test holds that they are current.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { SECTIONS } from '../core/config/registry.ts'
import type { ConfigSchema } from '../core/config/schema.ts'
import { FILE_SCHEMA } from '../core/config/service-schema.ts'
import { authSchema } from '../core/trust/auth-schema.ts'
import { rolesSchema } from '../core/trust/roles-schema.ts'
import { trustSchema } from '../core/trust/trust-schema.ts'

export interface Page {
  readonly file: string
  readonly schema: ConfigSchema
}

const ROOT = join(import.meta.dirname, '..')

/** What receivers share of trust, with the roles that their own pages leave out. */
const TRUST: ConfigSchema = {
  type: 'object',
  properties: {
    auth: { ...authSchema, properties: { ...authSchema.properties, roles: { ...rolesSchema, folded: false } } },
    trust: trustSchema,
  },
}

export async function pages(): Promise<readonly Page[]> {
  const found: Page[] = [
    { file: join(ROOT, 'docs/configuration.md'), schema: FILE_SCHEMA },
    { file: join(ROOT, 'docs/trust.md'), schema: TRUST },
  ]
  for (const folder of SECTIONS.map((section) => join(ROOT, section)).filter((path) => existsSync(path))) {
    for (const type of readdirSync(folder).sort()) {
      const module = join(folder, type, 'factory.ts')
      if (!existsSync(module)) continue
      const { factory } = (await import(module)) as { readonly factory: { readonly schema: ConfigSchema } }
      found.push({ file: join(folder, type, 'README.md'), schema: factory.schema })
    }
  }
  return found
}
