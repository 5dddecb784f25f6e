// `millrace/testing`: what tests of components need. No component imports it outside of its tests.

export { CollectingConsumer } from './collector.ts'
export { type LogLine, TestSettings } from './settings.ts'
export { type ExporterUnderTest, type ProcessorUnderTest, type Test, exporterSuite, lifecycleSuite, processorSuite } from './suite.ts'
export { TestClock } from './test-clock.ts'
export { type PlainAttributes, type PlainResource, type PlainSpan, encodeTraces, numberedSpans, readSpans, tracesBatch } from './traces.ts'
