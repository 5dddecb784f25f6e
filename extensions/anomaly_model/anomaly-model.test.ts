import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type AnomalyModel, FEATURE_NAMES } from '../../core/anomaly/index.ts'
import { SegmentLog } from '../../core/durable/index.ts'
import { type ConfigOf, otlp, type Service, type Storage, type StorageProvider, systemClock } from '../../core/index.ts'
import { encodeTraces, lifecycleSuite, MemoryStorage, type PlainSpan, TestSettings } from '../../core/testing/index.ts'
import { factory, schema } from './factory.ts'

const service: Service = { status: () => 'ready' }
const NOW = new AbortController().signal
const DEFAULTS: ConfigOf<typeof schema> = {
  threads: 1,
  timeout_ms: 60_000,
  max_heap_mb: 64,
  warm_up: 256,
  min_samples: 10,
  max_operations: 100,
  reservoir_size: 512,
  window: '1h',
  retrain_interval: '10m',
  flagged_share: 0.01,
  features: Object.fromEntries(FEATURE_NAMES.map((name) => [name, true])) as Record<(typeof FEATURE_NAMES)[number], boolean>,
  attributes: [],
  seed: 1,
}

class Settings extends TestSettings {
  storage?: Storage
}
async function modelOf(
  t: Test,
  storage?: Pick<StorageProvider, 'open'>,
): Promise<{ readonly model: AnomalyModel; readonly settings: Settings }> {
  const settings = new Settings('anomaly_model', systemClock)
  if (storage !== undefined) settings.storage = { open: (name) => storage.open(`extension.anomaly_model.${name}`) }
  const model = (await factory.create(DEFAULTS, service, settings)) as AnomalyModel
  t.teardown(() => model.stop(NOW))
  return { model, settings }
}

let n = 0
/** One-span traces of one operation: a tenth more or less than 10 ms, unless told otherwise. */
async function judge(model: AnomalyModel, count: number, ms?: number): Promise<readonly number[]> {
  const scorer = model.scorer('traces')
  const spans = Array.from({ length: count }, (_, i): PlainSpan => {
    const startTimeUnixNano = 1_767_225_600_000_000_000n
    return {
      name: 'GET /',
      startTimeUnixNano,
      endTimeUnixNano: startTimeUnixNano + BigInt(Math.round((ms ?? 9 + ((n++ + i) % 20) / 10) * 1e6)),
    }
  })
  const index = otlp.indexChunk('traces', encodeTraces([{ resource: { 'service.name': 'shop' }, spans }]))
  const traces = spans.map((_, span) => scorer.note(index, span, -1))
  const { scores, bound } = await scorer.judge(traces, count)
  return Array.from(scores, (score) => score - bound)
}
async function warmUp(model: AnomalyModel, settings: TestSettings): Promise<void> {
  await judge(model, 300)
  while (settings.counters['millrace_anomaly_trainings'] !== 1) {
    await judge(model, 1)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

lifecycleSuite(
  (name, run) => void t.test(name, run),
  () => factory.create(DEFAULTS, service, new TestSettings('anomaly_model')),
)

t.test('whoever asks for a kind of scorer has the same one', async (t) => {
  const { model } = await modelOf(t)
  t.equal(model.scorer('traces'), model.scorer('traces'))
  t.not(model.scorer('traces'), model.scorer('spans'))
  t.equal(model.timeoutMs, 60_000)
})

t.test('what was learned is there after a restart, and only the newest of it is kept', async (t) => {
  const storage = new MemoryStorage()
  const first = await modelOf(t, storage)
  first.model.scorer('traces')
  await first.model.start(NOW)
  await warmUp(first.model, first.settings)
  t.ok((await judge(first.model, 1, 500))[0]! > 0)
  await first.model.stop(NOW)
  const log = storage.logs.get('extension.anomaly_model.traces')!
  t.equal(log.records, 1)
  await log.close()

  const second = await modelOf(t, storage)
  second.model.scorer('traces')
  await second.model.start(NOW)
  t.match(second.settings.lines, [{ level: 'info', message: 'a saved model was loaded' }])
  t.ok((await judge(second.model, 1, 500))[0]! > 0, 'without a warm-up')
  t.ok((await judge(second.model, 1, 10))[0]! <= 0)
})

t.test('a saved model that cannot be read is said, and learned anew', async (t) => {
  const storage = new MemoryStorage()
  const log = await storage.open('extension.anomaly_model.traces')
  await log.append([Buffer.from('no model')])
  await log.close()
  const { model, settings } = await modelOf(t, storage)
  model.scorer('traces')
  await model.start(NOW)
  t.match(settings.lines, [{ level: 'warn', message: /cannot be read/ }])
  t.ok(Number.isNaN((await judge(model, 1, 500))[0]!))
  await warmUp(model, settings)
  t.ok((await judge(model, 1, 500))[0]! > 0)
})

const HARM = {
  changed(file: string) {
    const bytes = readFileSync(file)
    bytes[bytes.length - 100]! ^= 1
    writeFileSync(file, bytes)
  },
  cut: (file: string) => truncateSync(file, readFileSync(file).length - 100),
}

t.test('a saved model that the disk has damaged is said: nothing tells it from none that was ever saved', async (t) => {
  for (const [name, harm] of Object.entries(HARM)) {
    const folder = t.testdir({})
    const saved = await SegmentLog.open(folder, { maxBytes: 2 ** 20 })
    await saved.append([Buffer.alloc(1000)])
    await saved.close()
    harm(
      join(
        folder,
        readdirSync(folder).find((file) => file.endsWith('.segment'))!,
      ),
    )
    const log = await SegmentLog.open(folder, { maxBytes: 2 ** 20 })
    const { model, settings } = await modelOf(t, { open: async () => log })
    model.scorer('traces')
    await model.start(NOW)
    t.match(settings.lines, [{ level: 'warn', fields: { kind: 'traces' }, message: /damaged on disk: another one is trained/ }], name)
    t.ok(Number.isNaN((await judge(model, 1, 500))[0]!))
    await model.stop(NOW)
    await log.close()
  }
})

t.test('a disk that is full is said, and scoring goes on', async (t) => {
  const storage = new MemoryStorage(10)
  const { model, settings } = await modelOf(t, storage)
  model.scorer('traces')
  await model.start(NOW)
  await warmUp(model, settings)
  while (!settings.lines.some(({ message }) => message === 'the model could not be saved'))
    await new Promise((resolve) => setTimeout(resolve, 5))
  t.ok((await judge(model, 1, 500))[0]! > 0)
})

t.test('every feature can be switched off by its name', (t) => {
  t.same(Object.keys(schema.properties.features.properties), [...FEATURE_NAMES])
  t.end()
})

t.test('what is wrong is told at load', (t) => {
  t.same(factory.check!(DEFAULTS), [])
  t.match(factory.check!({ ...DEFAULTS, window: '0s', retrain_interval: '0s' }), [{ path: ['window'] }, { path: ['retrain_interval'] }])
  const features = Object.fromEntries(FEATURE_NAMES.map((name) => [name, false])) as typeof DEFAULTS.features
  t.match(factory.check!({ ...DEFAULTS, features }), [{ path: ['features'], message: /nothing is left to look at/ }])
  t.same(factory.check!({ ...DEFAULTS, features, attributes: ['rows'] }), [])
  t.match(factory.check!({ ...DEFAULTS, attributes: ['rows', 'rows'] }), [{ path: ['attributes', 1] }])
  t.match(factory.check!({ ...DEFAULTS, warm_up: 1000 }), [{ path: ['warm_up'], message: /more than reservoir_size \(512\)/ }])
  t.end()
})
