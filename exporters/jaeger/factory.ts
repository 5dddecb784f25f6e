// Exporter `jaeger`: traces to Jaeger, in OTLP or in the protocol of its collectors before they knew that. Its schema, and nothing else until it is used.

import { defineExporter, type ExporterFactory, grpcClientFaults, grpcClientSchema } from '../../core/factory.ts'

type JaegerSchema = {
  readonly type: 'object'
  readonly required: readonly ['endpoint']
  readonly properties: typeof grpcClientSchema.properties & {
    readonly protocol: { readonly enum: readonly ['otlp', 'api_v2']; readonly default: 'otlp'; readonly description: string }
  }
}

const { endpoint, ...others } = grpcClientSchema.properties
const schema: JaegerSchema = {
  type: 'object',
  required: ['endpoint'],
  properties: {
    endpoint,
    protocol: {
      enum: ['otlp', 'api_v2'],
      default: 'otlp',
      description: '`otlp` is for Jaeger 1.35 and newer, by convention at port 4317; `api_v2` for any, at port 14250.',
    },
    ...others,
  },
}

export const factory: ExporterFactory<JaegerSchema> = defineExporter({
  type: 'jaeger',
  signals: ['traces'],
  stability: 'beta',
  schema,
  check: grpcClientFaults,
  async create(config, settings) {
    // oxlint-disable-next-line no-restricted-imports -- a door of core, loaded when it is used
    const { GrpcExporter } = await import('../../core/client/index.ts')
    if (config.protocol === 'otlp') return new GrpcExporter(config, settings)
    const { API_V2 } = await import('./api-v2.ts')
    return new GrpcExporter(config, settings, API_V2)
  },
})
