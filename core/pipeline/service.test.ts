import t from 'tap'
import {
  type ConnectorFactory,
  type Consumer,
  type Exporter,
  type ExporterFactory,
  type Lifecycle,
  type Processor,
  type ProcessorFactory,
  PartialError,
  type ReceiverFactory,
  RetryableError,
  defineConnector,
  defineExporter,
  defineProcessor,
  defineReceiver,
} from '../index.ts'
import type { Configured, PipelineConfig, ServiceConfig } from '../config/service.ts'
import { MemoryStorage, CollectingConsumer, TestClock, TestSettings, numberedSpans } from '../testing/index.ts'
import { queueSchema } from '../config/queue-options.ts'
import { type RunningService, startService } from './service.ts'

/** What happened, in order: `start exporter/a`, `stop receiver`, … */
let story: string[] = []
/** Ids of components that fail, by what they were about to do. */
const failing = new Map<string, Error>()
/** The ends of the pipelines and their beginnings, by id. */
const ends = new Map<string, CollectingConsumer>()
const beginnings = new Map<string, Consumer>()

t.beforeEach(() => {
  story = []
  failing.clear()
  ends.clear()
  beginnings.clear()
})

function lifecycle(id: string): Lifecycle {
  const step = async (what: string): Promise<void> => {
    story.push(`${what} ${id}`)
    const failure = failing.get(`${what} ${id}`)
    if (failure !== undefined) throw failure
  }
  return { start: () => step('start'), stop: () => step('stop') }
}

const schema = { type: 'object', properties: {} } as const
const common = { signals: ['traces'], stability: 'development', schema } as const
const receiver: ReceiverFactory = defineReceiver({
  ...common,
  type: 'receiver',
  create: async (_config, next, { id }) => {
    beginnings.set(id, next.traces!)
    return lifecycle(id)
  },
})
const processor: ProcessorFactory = defineProcessor({
  ...common,
  type: 'processor',
  create: async (_config, next, settings): Promise<Processor> => ({
    ...lifecycle(settings.id),
    async consume(batch, deadlineMs) {
      if (settings.id === 'processor/refuses') throw failing.get('refuse')!
      if (settings.id === 'processor/halves') {
        const count = Math.floor(batch.count / 2)
        settings.drop(batch.count - count, 'half')
        return next.consume(numberedSpans(count), deadlineMs)
      }
      if (settings.id === 'processor/again') {
        await next.consume(batch, Infinity).catch(() => settings.create!(batch.count, 'offered again'))
        return next.consume(batch, Infinity)
      }
      if (settings.id !== 'processor/drops') return next.consume(batch, deadlineMs)
      settings.drop(batch.count, `told to, in ${settings.signal}`)
    },
  }),
})
const exporter: ExporterFactory = defineExporter({
  ...common,
  type: 'exporter',
  create: async (_config, { id }): Promise<Exporter> => {
    story.push(`create ${id}`)
    const end = new CollectingConsumer()
    ends.set(id, end)
    return { ...lifecycle(id), consume: (batch, deadlineMs) => end.consume(batch, deadlineMs) }
  },
})
const connector: ConnectorFactory = defineConnector({
  ...common,
  type: 'connector',
  routes: { traces: ['traces'] },
  create: async (_config, next, { id }) => ({ ...lifecycle(id), consume: (batch, deadlineMs) => next.traces!.consume(batch, deadlineMs) }),
})

/** `a,b > c > d`: receivers, processors and exporters of a pipeline. */
function configOf(pipelines: Readonly<Record<string, string>>, drainTimeoutMs = 1000): ServiceConfig {
  const parsed: PipelineConfig[] = Object.entries(pipelines).map(([id, line]) => {
    const [receivers, processors, exporters] = line.split('>').map((part) =>
      part
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== ''),
    )
    return { id, signal: 'traces', receivers: receivers!, processors: processors!, exporters: exporters! }
  })
  const of = <F extends { readonly type: string }>(factory: F, ids: readonly string[]) =>
    new Map(ids.filter((id) => id.split('/')[0] === factory.type).map((id) => [id, { id, factory, config: {} }]))
  return {
    receivers: of(
      receiver,
      parsed.flatMap(({ receivers }) => receivers),
    ),
    processors: of(
      processor,
      parsed.flatMap(({ processors }) => processors),
    ),
    exporters: of(
      exporter,
      parsed.flatMap(({ exporters }) => exporters),
    ),
    connectors: of(
      connector,
      parsed.flatMap(({ exporters }) => exporters),
    ),
    extensions: new Map(),
    pipelines: parsed,
    telemetry: { logLevel: 'info', logEncoding: 'console', metrics: { level: 'none', pages: [], pushes: [] }, resource: {} },
    drainTimeoutMs,
  }
}

function start(config: ServiceConfig, clock = new TestClock()): Promise<RunningService> {
  const settings = new TestSettings('service', clock)
  return startService(config, { log: () => settings.log, meter: () => settings.meter, clock })
}

t.test('starts from the exporters up, and stops the other way round', async (t) => {
  const service = await start(configOf({ traces: 'receiver > processor/a, processor/b > exporter' }))
  t.equal(service.status(), 'ready')
  t.same(await service.stop(), [])
  const order = ['exporter', 'processor/b', 'processor/a', 'receiver']
  t.same(story, ['create exporter', ...order.map((id) => `start ${id}`), ...order.toReversed().map((id) => `stop ${id}`)])
})

t.test('stopping twice is stopping once', async (t) => {
  const service = await start(configOf({ traces: 'receiver > > exporter' }))
  await Promise.all([service.stop(), service.stop()])
  t.same(
    story.filter((step) => step.startsWith('stop')),
    ['stop receiver', 'stop exporter'],
  )
})

t.test('exporters are shared between pipelines, processors are not', async (t) => {
  const config = configOf({ 'traces/1': 'receiver/1 > processor > exporter', 'traces/2': 'receiver/2 > processor > exporter' })
  const service = await start(config)
  t.same(
    story.filter((step) => step.startsWith('start')),
    ['start exporter', 'start processor', 'start processor', 'start receiver/1', 'start receiver/2'],
  )
  await beginnings.get('receiver/1')!.consume(numberedSpans(2), 0)
  await beginnings.get('receiver/2')!.consume(numberedSpans(3), 0)
  t.equal(ends.get('exporter')!.count, 5)
  t.match(service.ledger.rows(), [
    { pipeline: 'traces/1', destination: 'exporter', received: 2, delivered: 2, inFlight: 0 },
    { pipeline: 'traces/2', destination: 'exporter', received: 3, delivered: 3, inFlight: 0 },
  ])
  await service.stop()
})

t.test('a receiver of two pipelines feeds both, and each keeps its account', async (t) => {
  const service = await start(configOf({ 'traces/1': 'receiver > processor/drops > exporter/1', 'traces/2': 'receiver > > exporter/2' }))
  await beginnings.get('receiver')!.consume(numberedSpans(4), 0)
  t.match(service.ledger.rows(), [
    { pipeline: 'traces/1', received: 4, delivered: 0, dropped: { 'processor/drops: told to, in traces': 4 }, inFlight: 0 },
    { pipeline: 'traces/2', received: 4, delivered: 4, dropped: {}, inFlight: 0 },
  ])
  await service.stop()
})

t.test('what a component offers again is in the ledger once for every offer', async (t) => {
  const service = await start(configOf({ traces: 'receiver > processor/again > exporter' }))
  let offers = 0
  ends.get('exporter')!.refuse = () => {
    if (offers++ === 0) throw new RetryableError('later')
  }
  await beginnings.get('receiver')!.consume(numberedSpans(4), 0)
  t.match(service.ledger.rows(), [{ received: 4, created: { 'processor/again: offered again': 4 }, refused: 4, delivered: 4, inFlight: 0 }])
  await service.stop()
})

t.test('what a processor refuses behind one that dropped is counted once, also where it throws the same error again', async (t) => {
  const service = await start(configOf({ traces: 'receiver > processor/halves, processor, processor/refuses > exporter' }))
  const error = new RetryableError('too much')
  failing.set('refuse', error)
  for (const received of [10, 20]) {
    await t.rejects(beginnings.get('receiver')!.consume(numberedSpans(10), 0), { name: 'RetryableError', message: 'too much' })
    const half = received / 2
    t.match(service.ledger.rows(), [{ received, delivered: 0, dropped: { 'processor/halves: half': half }, refused: half, inFlight: 0 }])
  }
  failing.set('refuse', new PartialError(2, 'two'))
  await t.rejects(beginnings.get('receiver')!.consume(numberedSpans(10), 0), { name: 'PartialError', refused: 2 })
  await service.stop()
})

t.test('a connector joins pipelines, and starts between them', async (t) => {
  const service = await start(
    configOf({
      traces: 'receiver > > connector',
      'traces/1': 'connector > processor > exporter/1',
      'traces/2': 'connector > > exporter/2',
    }),
  )
  t.same(
    story.filter((step) => step.startsWith('start')),
    ['start exporter/1', 'start processor', 'start exporter/2', 'start connector', 'start receiver'],
  )
  await beginnings.get('receiver')!.consume(numberedSpans(4), 0)
  t.same([ends.get('exporter/1')!.count, ends.get('exporter/2')!.count], [4, 4])
  await service.stop()
})

t.test('pipelines that feed each other in a circle are refused with the circle', async (t) => {
  const config = configOf({ 'traces/a': 'receiver, connector/2 > > connector/1', 'traces/b': 'connector/1 > > connector/2' })
  await t.rejects(start(config), { message: /circle: traces\/a -> traces\/b -> traces\/a/ })
})

t.test('what fails to start is named, and what had started is stopped again', async (t) => {
  failing.set('start receiver', new Error('port 4318 is taken'))
  await t.rejects(start(configOf({ traces: 'receiver > processor > exporter' })), {
    name: 'ComponentError',
    component: 'receivers.receiver',
    message: 'receivers.receiver: port 4318 is taken',
  })
  t.same(
    story.filter((step) => step.startsWith('stop')),
    ['stop receiver', 'stop processor', 'stop exporter'],
  )
})

t.test('a start that takes its time ends when that is asked for, and what had started is stopped again', async (t) => {
  const config = configOf({ traces: 'receiver > > exporter' })
  const hanging = { ...receiver, create: async () => ({ start: () => new Promise<void>(() => {}), stop: async () => {} }) }
  const asked = new AbortController()
  const parts = { log: () => new TestSettings('').log, meter: () => new TestSettings('').meter, clock: new TestClock() }
  const receivers = new Map([['receiver', { id: 'receiver', factory: hanging, config: {} }]])
  const started = startService({ ...config, receivers }, parts, asked.signal)
  asked.abort(new Error('SIGTERM came'))
  await t.rejects(started, { name: 'ComponentError', message: 'receivers.receiver: SIGTERM came' })
  t.equal(story.at(-1), 'stop exporter')
})

t.test('what fails to stop is told, and keeps nobody else from stopping', async (t) => {
  const service = await start(configOf({ traces: 'receiver > processor > exporter' }))
  failing.set('stop processor', new Error('no'))
  t.same(
    (await service.stop()).map(({ message }) => message),
    ['service.pipelines.traces.processors.processor: no'],
  )
  t.equal(story.at(-1), 'stop exporter')
})

t.test('stopping is bounded although a component never stops', async (t) => {
  const clock = new TestClock()
  const config = configOf({ traces: 'receiver > > exporter' }, 50)
  const hanging = { ...receiver, create: async () => ({ start: async () => {}, stop: () => new Promise<void>(() => {}) }) }
  const service = await start({ ...config, receivers: new Map([['receiver', { id: 'receiver', factory: hanging, config: {} }]]) }, clock)
  const stopped = service.stop()
  await clock.advance(50)
  const failures = await stopped
  t.match(failures, [{ message: /^receivers.receiver: did not stop/ }, { message: 'not drained within 50 ms' }])
  t.equal(story.at(-1), 'stop exporter')
})

t.test('an extension starts first, stops last, and is handed to whom the configuration names it, in any spelling', async (t) => {
  const authenticator = { ...lifecycle('auth'), headers: async () => ({}) }
  const auth = {
    type: 'auth',
    aliases: ['oldauth'],
    signals: [],
    stability: 'development',
    schema,
    create: async () => authenticator,
  } as const
  let handed: unknown
  const asking: ExporterFactory = defineExporter({
    ...common,
    type: 'exporter',
    create: async (_config, settings): Promise<Exporter> => {
      handed = settings.extension('client_auth', 'oldauth/a')
      t.throws(() => settings.extension('client_auth', 'auth'), /no extension auth/)
      return { ...lifecycle(settings.id), consume: async () => {} }
    },
  })
  const config = configOf({ traces: 'receiver > > exporter' })
  const service = await start({
    ...config,
    extensions: new Map([['auth/a', { id: 'auth/a', factory: auth, config: {} }]]),
    exporters: new Map([['exporter', { id: 'exporter', factory: asking, config: {} }]]),
  })
  t.equal(handed, authenticator)
  t.same(await service.stop(), [])
  t.same(story, ['start auth', 'start exporter', 'start receiver', 'stop receiver', 'stop exporter', 'stop auth'])
})

t.test('an exporter that is configured so has a queue, which is empty before the exporter stops', async (t) => {
  const queueing: ExporterFactory = { ...exporter, schema: { type: 'object', properties: { sending_queue: queueSchema } } }
  const sending_queue = { enabled: true, num_consumers: 1, queue_size: 9, sizer: 'requests', max_bytes: 1e6, block_on_overflow: false }
  const service = await start({
    ...configOf({ traces: 'receiver > > exporter' }),
    exporters: new Map([['exporter', { id: 'exporter', factory: queueing, config: { sending_queue } }]]),
  })
  const end = ends.get('exporter')!
  end.hold()
  await beginnings.get('receiver')!.consume(numberedSpans(3), 0)
  await beginnings.get('receiver')!.consume(numberedSpans(4), 0)
  t.match(service.ledger.rows(), [{ received: 7, queued: 7, delivered: 0, inFlight: 0 }])
  const stopped = service.stop()
  await new Promise(setImmediate)
  t.notOk(story.includes('stop exporter'))
  end.release()
  t.same(await stopped, [])
  t.match(service.ledger.rows(), [{ received: 7, queued: 0, delivered: 7, inFlight: 0 }])
  t.same(story, ['create exporter', 'start exporter', 'start receiver', 'stop receiver', 'stop exporter'])
})

t.test('a component has logs of its own where its configuration names a storage: each pipeline’s processor another', async (t) => {
  const opened: string[] = []
  const disk = new MemoryStorage()
  const open = (name: string) => {
    opened.push(name)
    return disk.open(name)
  }
  const storage = {
    type: 'disk',
    signals: [],
    stability: 'development',
    schema,
    create: async () => ({ ...lifecycle('disk'), open }),
  } as const
  const keeping = defineProcessor({
    ...common,
    type: 'processor',
    schema: { type: 'object', properties: { storage: { type: 'string', extension: 'storage' } } },
    create: async (_config, next, settings) => ({
      consume: (batch, deadlineMs) => next.consume(batch, deadlineMs),
      async start() {
        await settings.storage?.open()
        await settings.storage?.open('marks')
      },
      async stop() {},
    }),
  })
  const config = configOf({
    traces: 'receiver > processor > exporter',
    'traces/b': 'receiver > processor > exporter',
    'traces/c': 'receiver > other > exporter',
  })
  const processor: Configured<ProcessorFactory> = { id: 'processor', factory: keeping, config: { storage: 'disk' } }
  const service = await start({
    ...config,
    extensions: new Map([['disk', { id: 'disk', factory: storage, config: {} }]]),
    processors: new Map([
      ['processor', processor],
      ['other', { ...processor, id: 'other', config: {} }],
    ]),
  })
  t.same(opened.toSorted(), [
    'processor.processor.traces',
    'processor.processor.traces.marks',
    'processor.processor.traces/b',
    'processor.processor.traces/b.marks',
  ])
  t.same(await service.stop(), [])
})
