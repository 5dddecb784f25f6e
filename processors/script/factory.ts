// Processor `script`: a function of the user's own, in a file. Its schema, and nothing else until a pipeline uses it.

import { existsSync } from 'node:fs'
import type { ConfigFault, ConfigOf, ProcessorFactory } from '../../core/factory.ts'
import { quoted } from '../../core/factory.ts'

export const schema = {
  type: 'object',
  required: ['file'],
  properties: {
    file: {
      type: 'string',
      format: 'path',
      description:
        'A TypeScript or JavaScript module, beside this file where it begins with `./`; it exports `span`, `dataPoint` or `logRecord`.',
    },
    on_error: {
      enum: ['keep', 'drop'],
      default: 'keep',
      description: 'What becomes of an item for which the function threw: `keep` hands it on as it came, `drop` leaves it out.',
    },
  },
} as const

export type ScriptConfig = ConfigOf<typeof schema>

/** It runs when the pipelines start: `validate` must not execute anything. */
function check({ file }: ScriptConfig): readonly ConfigFault[] {
  return existsSync(file) ? [] : [{ path: ['file'], message: `there is no file ${quoted(file, 300)}` }]
}

export const factory: ProcessorFactory<typeof schema> = {
  type: 'script',
  signals: ['traces', 'metrics', 'logs'],
  stability: 'alpha',
  schema,
  check,
  async create(config, next, settings) {
    const { createScript } = await import('./script.ts')
    return createScript(config, next, settings)
  },
}
