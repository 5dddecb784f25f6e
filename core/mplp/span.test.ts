// What executions become as spans.

import t from 'tap'
import { readSpans } from '../testing/traces.ts'
import { type Message, FINISHED, isRejection, partOf, readMessage, spanOf } from './index.ts'

const message = (fields: Readonly<Record<string, unknown>>): Message => {
  const read = readMessage({
    version: '1.0.0-alpha',
    timestamp: '2026-02-03T04:05:06.000000007Z',
    trace_id: 'run 7',
    span_id: 'step 1',
    ...fields,
  })
  if (isRejection(read)) throw new Error(JSON.stringify(read.faults))
  return read
}
const start = message({
  message_type: 'start_execution_trace',
  operation_name: 'plan',
  service_name: 'planner',
  attributes: { a: 1, b: [true] },
})
const finish = message({
  message_type: 'finish_execution_trace',
  timestamp: '2026-02-03T04:05:07Z',
  final_status: { code: 'failed', message: 'no' },
})

t.test('a start and a finish become one span', async (t) => {
  const [span, ...others] = readSpans(spanOf(start.execution!, [partOf(start), partOf(finish)], FINISHED))
  t.same(others, [])
  t.match(span, {
    traceId: start.traceId.bytes.toString('hex'),
    spanId: start.spanId!.bytes.toString('hex'),
    name: 'plan',
    kind: 1,
    startTimeUnixNano: 1_770_091_506_000_000_007n,
    endTimeUnixNano: 1_770_091_507_000_000_000n,
    statusCode: 2,
    resource: { 'service.name': 'planner' },
    scopeName: 'mplp',
  })
  t.strictSame(span?.attributes, { 'mplp.trace_id': 'run 7', 'mplp.span_id': 'step 1', a: 1, b: [true], 'mplp.status': 'failed' })
})
