// jaeger.api_v2.CollectorService as the exporter calls it: what a batch is there, and what the answers mean.

import { type GrpcService, judgeStatus } from '../../core/client/index.ts'
import { postSpansRequest } from '../../core/jaeger/index.ts'

export const API_V2: GrpcService = {
  path: '/jaeger.api_v2.CollectorService/PostSpans',
  encode: (batch) => [postSpansRequest(batch)],
  judge: (answer, target) => judgeStatus(answer, target, isBusy),
}

/** A collector whose queue is full says RESOURCE_EXHAUSTED and never when there will be room; of a request that is too large, gRPC itself says so. */
function isBusy(name: string, message: string): boolean {
  return name === 'RESOURCE_EXHAUSTED' && !/larger than max/.test(message)
}
