// Where the program's own telemetry is sent as OTLP over HTTP: what stands under `exporter.otlp` of its metrics and of its traces.

import { quoted } from '../printable.ts'
import type { ConfigSchema } from './schema.ts'

export interface OtlpTarget {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

/** `path` is added to an address without one. */
export function ownOtlpSchema(path: string): ConfigSchema {
  return {
    type: 'object',
    required: ['endpoint'],
    properties: {
      protocol: { enum: ['http/protobuf'], default: 'http/protobuf', description: 'How they are sent.' },
      endpoint: { type: 'string', description: `Where to; \`${path}\` is added to an address without a path.` },
      headers: {
        type: 'array',
        default: [],
        description: 'Sent with each request.',
        items: {
          type: 'object',
          required: ['name', 'value'],
          properties: {
            name: { type: 'string', description: 'The name of a header.' },
            value: { type: 'string', secret: true, description: 'Its value.' },
          },
        },
      },
      timeout: { type: 'integer', minimum: 1, default: 10_000, description: 'How long one request may take, in milliseconds.' },
    },
  }
}

/** What the schema accepted. */
export interface OwnOtlpSettings {
  readonly endpoint: string
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  readonly timeout: number
}

export function otlpTarget({ endpoint, headers, timeout }: OwnOtlpSettings): OtlpTarget {
  return { endpoint, headers: Object.fromEntries(headers.map(({ name, value }) => [name, value])), timeoutMs: timeout }
}

/** What is wrong with it, where something is. */
export function endpointFault(endpoint: string): string | undefined {
  const url = URL.parse(endpoint)
  if (url !== null && ['http:', 'https:'].includes(url.protocol) && url.username === '') return undefined
  return `found ${quoted(endpoint)}; accepted: an address such as http://127.0.0.1:4318, without a password`
}
