import t from 'tap'
import { type Batch, PartialError, PermanentError, RetryableError } from '../../core/index.ts'
import { CollectingConsumer, type PlainAttributes, readLogRecords, TestClock, TestSettings, tracesBatch } from '../../core/testing/index.ts'
import { type AnomalyConfig, factory } from './factory.ts'

const CONFIG: AnomalyConfig = { min_score: 0, severity: { medium: 0.35, high: 0.45, critical: 0.6 } }
const FOUND: PlainAttributes = {
  'anomaly.score': 0.5,
  'anomaly.confidence': 0.999,
  'anomaly.reasons': ['duration: payments INSERT payment took 1200 ms, usually 12 ms'],
  'anomaly.feature': 'duration',
  'anomaly.operation': 'payments INSERT payment',
  'anomaly.value': 1200,
  'anomaly.usual': 12,
  'anomaly.unit': 'ms',
}
const TRACE = '0102030405060708090a0b0c0d0e0f10'
const SPAN = '1112131415161718'

function spans(...attributes: readonly PlainAttributes[]): Batch {
  const all = attributes.map((one) => ({ traceId: TRACE, spanId: SPAN, name: 'POST /checkout', attributes: one }))
  return tracesBatch([{ resource: { 'service.name': 'frontend', region: 'eu' }, spans: all }])
}
async function connector(config: Partial<AnomalyConfig> = {}) {
  const next = new CollectingConsumer()
  const settings = new TestSettings('anomaly', new TestClock())
  const made = await factory.create({ ...CONFIG, ...config }, { logs: next }, settings)
  const records = () => next.batches.flatMap((batch) => readLogRecords(batch))
  return { next, records, consume: (batch: Batch) => made.consume(batch, 10) }
}

t.test('a finding becomes a record in the form of the anomaly message, with what is known and nothing else', async (t) => {
  const { consume, records } = await connector()
  await consume(spans({}, FOUND, { 'anomaly.score': 0.2 }))
  const [record, ...others] = records()
  t.same(others, [])
  t.match(record, { eventName: 'mplp.anomaly', severityNumber: 17, severityText: 'high', traceId: TRACE, spanId: SPAN })
  t.same({ ...record!.resource }, { 'service.name': 'frontend', region: 'eu' })
  t.same(JSON.parse(JSON.stringify(record!.body)), {
    message_type: 'anomaly_detection_result',
    version: '1.0.0-alpha',
    timestamp: '2026-01-01T00:00:00.000Z',
    trace_id: TRACE,
    span_id: SPAN,
    detection_id: `${TRACE}-${SPAN}`,
    anomaly_info: {
      anomaly_type: 'performance_degradation',
      severity: 'high',
      confidence: 0.999,
      detection_method: 'isolation_forest',
      detection_time: '2026-01-01T00:00:00.000Z',
      score: 0.5,
      reasons: ['duration: payments INSERT payment took 1200 ms, usually 12 ms'],
    },
    affected_metric: { metric_name: 'duration', current_value: 1200, expected_value: 12, deviation_percent: 9900, unit: 'ms' },
    context: { service_name: 'frontend', operation_name: 'POST /checkout' },
    impact_assessment: { affected_operations: ['payments INSERT payment'] },
  })
})

t.test('a value that has no usual one has no deviation either', async (t) => {
  const { consume, records } = await connector()
  const { 'anomaly.usual': _, 'anomaly.confidence': __, ...rest } = FOUND
  await consume(
    spans({ ...rest, 'anomaly.feature': 'operation', 'anomaly.value': 0, 'anomaly.unit': '{span}' }, { ...FOUND, 'anomaly.usual': 0 }),
  )
  const [fresh, zero] = records().map(({ body }) => JSON.parse(JSON.stringify(body)))
  t.same(fresh.affected_metric, { metric_name: 'operation', current_value: 0, unit: '{span}' })
  t.equal(fresh.anomaly_info.anomaly_type, 'new_operation')
  t.notOk('confidence' in fresh.anomaly_info)
  t.same(zero.affected_metric, { metric_name: 'duration', current_value: 1200, expected_value: 0, unit: 'ms' })
})

t.test('how severe it is follows from its score, and what is below `min_score` makes no record', async (t) => {
  const { consume, records } = await connector({ min_score: 0.31 })
  await consume(spans(...[0.3, 0.34, 0.35, 0.45, 0.6].map((score) => ({ ...FOUND, 'anomaly.score': score }))))
  t.same(
    records().map(({ severityText, severityNumber }) => [severityText, severityNumber]),
    [
      ['low', 9],
      ['medium', 13],
      ['high', 17],
      ['critical', 21],
    ],
  )
})

t.test('spans without findings make nothing, also where they hold such words of another type', async (t) => {
  const { consume, next } = await connector()
  await consume(spans({}, { 'anomaly.score': 0.9 }, { 'anomaly.feature': 'duration' }, { ...FOUND, 'anomaly.score': 'high' }))
  t.equal(next.batches.length, 0)
})

t.test(
  'what becomes of the records is said of the spans: they were not refused, and come again where records could not leave',
  async (t) => {
    const { consume, next } = await connector()
    const answer = (error: Error): void => void (next.consume = () => Promise.reject(error))
    const cause = new RetryableError('later', { retryAfterMs: 7, chunks: new Map([[0, new RetryableError('x')]]) })
    answer(cause)
    const error = (await consume(spans(FOUND)).catch((thrown: unknown) => thrown)) as RetryableError
    t.match(error, { name: 'RetryableError', retryAfterMs: 7, cause })
    t.equal(error.chunks, undefined)
    answer(new PermanentError('never'))
    await t.rejects(consume(spans(FOUND)), { name: 'PermanentError', message: 'records of anomalies: never' })
    answer(new PartialError(1, 'one'))
    await t.rejects(consume(spans(FOUND)), { name: 'PartialError', refused: 0 })
  },
)

t.test('what is wrong is told at load', (t) => {
  t.same(factory.check!(CONFIG), [])
  t.match(factory.check!({ ...CONFIG, severity: { medium: 0.5, high: 0.4, critical: 0.6 } }), [{ path: ['severity'] }])
  t.end()
})
