// Receiver `otlp`: OTLP over gRPC and HTTP. Its schema, and nothing else until a pipeline uses it.
/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */

import { type ConfigFault, type ConfigOf, type ReceiverFactory } from '../../core/factory.ts'
import { grpcFaults, grpcSchema } from './grpc-options.ts'
import { httpFaults, httpSchema } from './http-options.ts'

export const schema = {
  type: 'object',
  required: ['protocols'],
  properties: {
    protocols: {
      type: 'object',
      description: 'What it listens for: one of them, or both.',
      properties: { grpc: grpcSchema as typeof grpcSchema, http: httpSchema as typeof httpSchema },
    },
    max_in_flight_bytes: {
      type: 'integer',
      format: 'bytes',
      minimum: 1,
      default: 268_435_456,
      description: 'How many bytes of requests may be held at once, over all protocols. Past it, senders are told to try again.',
    },
  },
} as const

export type OtlpConfig = ConfigOf<typeof schema>

function check({ protocols: { grpc, http }, max_in_flight_bytes }: OtlpConfig): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  if (grpc === undefined && http === undefined) {
    faults.push({ path: ['protocols'], message: 'neither grpc nor http is set; accepted: one of them, or both' })
  }
  const largest = Math.max(http?.max_request_body_size ?? 0, (grpc?.max_recv_msg_size_mib ?? 0) * 1024 * 1024)
  if (max_in_flight_bytes < largest) {
    const message = `${max_in_flight_bytes} is less than the largest request may have (${largest} bytes)`
    faults.push({ path: ['max_in_flight_bytes'], message })
  }
  if (grpc !== undefined) faults.push(...under('grpc', grpcFaults(grpc)))
  if (http !== undefined) faults.push(...under('http', httpFaults(http)))
  return faults
}

function under(protocol: string, faults: readonly ConfigFault[]): readonly ConfigFault[] {
  return faults.map(({ path, message }) => ({ path: ['protocols', protocol, ...path], message }))
}

export const factory: ReceiverFactory<typeof schema> = {
  type: 'otlp',
  signals: ['traces', 'metrics', 'logs'],
  stability: 'alpha',
  schema,
  check,
  async create(config, next, settings) {
    const { OtlpReceiver } = await import('./otlp-receiver.ts')
    return OtlpReceiver.create(config, next, settings)
  },
}
