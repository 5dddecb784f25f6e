// `millrace/testing`: what tests of components need. No component imports it outside of its tests.

export { CollectingConsumer } from './collector.ts'
export { itemsOf, numberedItems, numbersOf } from './items.ts'
export { type PlainLogRecord, type PlainLogsResource, encodeLogs, logsBatch, numberedLogRecords, readLogRecords } from './logs.ts'
export {
  type PlainDataPoint,
  type PlainMetric,
  type PlainMetricsResource,
  type ReadDataPoint,
  encodeMetrics,
  metricsBatch,
  numberedDataPoints,
  readDataPoints,
} from './metrics.ts'
export { MemoryLog, MemoryStorage } from './memory-storage.ts'
export { type LogLine, TestSettings } from './settings.ts'
export { type ExporterUnderTest, type ProcessorUnderTest, type Test, exporterSuite, lifecycleSuite, processorSuite } from './suite.ts'
export { TestClock } from './test-clock.ts'
export { type PlainAttributes, type PlainEnvelope } from './plain.ts'
export { type PlainResource, type PlainSpan, encodeTraces, numberedSpans, readSpans, tracesBatch } from './traces.ts'
