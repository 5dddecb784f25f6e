// The `cors` section of receivers with an HTTP door, as users of the Collector know it.
/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */

import type { ConfigFault } from '../component.ts'
import type { ConfigOf } from '../config/schema.ts'
import { quoted } from '../printable.ts'

export const corsSchema = {
  type: 'object',
  description: 'Lets pages of other origins send. Without it, none.',
  properties: {
    allowed_origins: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'Such as `https://app.example.org`; `*` stands for anything, and alone for every origin, without credentials.',
    },
    allowed_headers: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'Beside Accept, Content-Type and X-Requested-With, which are always allowed; `*` is any.',
    },
    exposed_headers: { type: 'array', items: { type: 'string' }, default: [], description: 'Headers of answers that a page may read.' },
    max_age: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: 'For how many seconds a browser may remember this. 0 does not say.',
    },
  },
} as const
export type CorsConfig = ConfigOf<typeof corsSchema>

const ORIGIN = /^(\*|[a-z][a-z0-9+.-]*:\/\/[^/\s]+)$/i

/** Origins that are none; paths begin in the section. */
export function corsFaults({ allowed_origins: origins }: CorsConfig): readonly ConfigFault[] {
  return origins.flatMap((origin, index) => {
    if (ORIGIN.test(origin)) return []
    const message = `found ${quoted(origin)}; accepted: an origin such as https://app.example.org or https://*.example.org, or *`
    return [{ path: ['allowed_origins', index], message }]
  })
}
