// What a configuration file holds beside the components' own settings. load.ts checks against it; docs/configuration.md is about it.

import type { ConfigSchema } from './schema.ts'
import { TELEMETRY_SCHEMA, type TelemetrySettings } from './telemetry-schema.ts'

const REFERENCES: ConfigSchema = {
  type: 'array',
  items: { type: 'string' },
  description: 'Ids, as they stand in the section of the same name.',
}
const section = (description: string): ConfigSchema => ({ type: 'object', additionalProperties: true, description })

const PIPELINE: ConfigSchema = {
  type: 'object',
  required: ['receivers', 'exporters'],
  properties: {
    receivers: { ...REFERENCES, minItems: 1, description: 'Where items come from: receivers, and connectors that other pipelines end in.' },
    processors: { ...REFERENCES, default: [], description: 'What is done to them, in this order.' },
    exporters: { ...REFERENCES, minItems: 1, description: 'Where they go: exporters, and connectors that other pipelines begin with.' },
  },
}

const SERVICE: ConfigSchema = {
  type: 'object',
  required: ['pipelines'],
  properties: {
    extensions: { ...REFERENCES, default: [], description: 'Extensions to start.' },
    pipelines: {
      type: 'object',
      minProperties: 1,
      additionalProperties: PIPELINE,
      description: 'By signal and name: `traces`, `traces/name`, …',
    },
    telemetry: TELEMETRY_SCHEMA,
    dead_letters: {
      type: 'object',
      properties: {
        storage: {
          type: 'string',
          minLength: 1,
          extension: 'storage',
          examples: ['file_storage'],
          description:
            'The extension that keeps what an exporter without a queue on disk refuses for good and its sender does not hear of. Without it that is lost, and logged.',
        },
      },
    },
    drain_timeout: {
      type: 'string',
      format: 'duration',
      default: '10s',
      description: 'How long stopping may take, for what was accepted to leave.',
    },
  },
}

/** What is read of a file that FILE_SCHEMA accepted; the rest is read with its places. */
export interface FileSettings {
  readonly service: {
    readonly telemetry: TelemetrySettings
    readonly dead_letters?: { readonly storage?: string }
    readonly drain_timeout: string
  }
}

export const FILE_SCHEMA: ConfigSchema = {
  type: 'object',
  required: ['service'],
  properties: {
    receivers: section('Where data comes in, by id.'),
    processors: section('What is done to it.'),
    exporters: section('Where it goes.'),
    connectors: section('What ends one pipeline and begins another.'),
    extensions: section('What stands beside the pipelines.'),
    service: SERVICE,
    plugins: {
      type: 'array',
      items: { type: 'string' },
      default: [],
      description: 'Modules with more components: npm packages, or paths that begin with ./ and are relative to the file.',
    },
  },
}
