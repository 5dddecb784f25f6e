// Exporter `otlp_grpc` (`otlp`, `otlpgrpc`): OTLP over gRPC to a backend or the next Collector. Its schema, and nothing else until it is used.

import { type ExporterFactory, grpcClientFaults, grpcClientSchema } from '../../core/factory.ts'

export const factory: ExporterFactory<typeof grpcClientSchema> = {
  type: 'otlp_grpc',
  aliases: ['otlp', 'otlpgrpc'],
  signals: ['traces', 'metrics', 'logs'],
  stability: 'beta',
  schema: grpcClientSchema,
  check: grpcClientFaults,
  async create(config, settings) {
    // oxlint-disable-next-line no-restricted-imports -- a door of core, loaded when it is used
    const { GrpcExporter } = await import('../../core/client/index.ts')
    return new GrpcExporter(config, settings)
  },
}
