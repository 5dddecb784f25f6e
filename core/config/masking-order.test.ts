import t from 'tap'
import type { ConnectorFactory, ExtensionFactory, Factories, ProcessorFactory } from '../component.ts'
import { factories } from './fixtures/factories.ts'
import { ConfigError, renderFault } from './fault.ts'
import { loadSources } from './load.ts'

const common = { signals: ['traces'], stability: 'beta', create: () => Promise.reject(new Error('loading creates nothing')) } as const
const holds: ProcessorFactory = {
  ...common,
  type: 'holds',
  schema: { type: 'object', properties: { storage: { type: 'string', extension: 'storage' } } },
}
const hides: ProcessorFactory = { ...common, type: 'hides', masks: true, schema: { type: 'object', properties: {} } }
const disk: ExtensionFactory = {
  ...common,
  type: 'disk',
  schema: { type: 'object', properties: { encryption_key: { type: 'string' } } },
  provides: () => ['storage'],
  encrypts: (config) => (config as { readonly encryption_key?: string }).encryption_key !== undefined,
}
const leads: ConnectorFactory = {
  ...common,
  type: 'leads',
  schema: { type: 'object', properties: { storage: { type: 'string', extension: 'storage' } } },
  routes: { traces: ['traces', 'metrics'], metrics: ['metrics'] },
}
const anySignal = { ...holds, signals: ['traces', 'metrics'] } as const
const known: Factories = {
  ...factories,
  processors: [anySignal, { ...hides, signals: ['traces', 'metrics'] }],
  connectors: [leads],
  exporters: factories.exporters.map((one) => ({ ...one, signals: ['traces', 'metrics'] }) as const),
  extensions: [disk],
}

async function faults(processors: string, extension = '', storage = '{ storage: disk }'): Promise<readonly string[]> {
  return faultsIn(`receivers: { otlp: { protocols: { http: } } }
processors: { holds: ${storage}, hides: }
exporters: { debug: }
extensions: { disk: ${extension} }
service:
  extensions: [disk]
  pipelines: { traces: { receivers: [otlp], processors: ${processors}, exporters: [debug] } }
`)
}

async function faultsIn(text: string): Promise<readonly string[]> {
  try {
    await loadSources([{ file: 'a.yaml', text }], known, {})
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map(renderFault)
    throw error
  }
}

t.test('what is written down before it is masked must be encrypted', async (t) => {
  t.strictSame(await faults('[holds, hides]'), [
    'a.yaml:7:58: service.pipelines.traces.processors[0]: "holds" stands before "hides" and writes to "disk" what is not masked yet; set encryption_key there, or put "hides" first',
  ])
  t.strictSame(await faults('[holds, hides]', '{ encryption_key: x }'), [])
  t.strictSame(await faults('[hides, holds]'), [])
  t.strictSame(await faults('[holds]'), [])
  t.strictSame(await faults('[holds, hides]', '', '{}'), [])
})

/** Three pipelines, one behind the other. */
async function chained(
  first: string,
  second: string,
  third: string,
  connector = '{}',
  signals = ['traces', 'traces'],
): Promise<readonly string[]> {
  const list = await faultsIn(`receivers: { otlp: { protocols: { http: } } }
processors: { holds: { storage: disk }, hides: }
connectors: { leads/a: ${connector}, leads/b: }
exporters: { debug: }
extensions: { disk: }
service:
  extensions: [disk]
  pipelines:
    traces/1: { receivers: [otlp], processors: ${first}, exporters: [leads/a] }
    ${signals[0]}/2: { receivers: [leads/a], processors: ${second}, exporters: [leads/b] }
    ${signals[1]}/3: { receivers: [leads/b], processors: ${third}, exporters: [debug] }
`)
  return list.map((fault) => fault.replace(/^a.yaml:[\d:]+ /, ''))
}

t.test('what is written down in a pipeline that a connector leads to one that masks must be encrypted, too', async (t) => {
  const before = (where: string, what: string, pipeline: string): string =>
    `${where}: "${what}" stands before "hides" of pipeline "${pipeline}" and writes to "disk" what is not masked yet; set encryption_key there, or put "hides" first`
  t.strictSame(await chained('[holds]', '[hides]', '[]'), [before('service.pipelines.traces/1.processors[0]', 'holds', 'traces/2')])
  t.strictSame(await chained('[holds]', '[]', '[hides]'), [before('service.pipelines.traces/1.processors[0]', 'holds', 'traces/3')])
  t.strictSame(
    await chained('[holds]', '[]', '[hides]', '{}', ['metrics', 'metrics']),
    [before('service.pipelines.traces/1.processors[0]', 'holds', 'metrics/3')],
    'whatever the connector makes of it',
  )
  t.strictSame(await chained('[hides, holds]', '[hides]', '[hides]'), [], 'it is masked before')
  t.strictSame(await chained('[]', '[hides]', '[holds]'), [], 'it is masked before')
  t.strictSame(await chained('[hides]', '[holds]', '[hides]'), [], 'it is masked before')
  t.strictSame(await chained('[hides]', '[]', '[holds, hides]'), [], 'it is masked before')
  t.match(await chained('[]', '[]', '[hides]', '{ storage: disk }'), [
    /service.pipelines.traces\/2.receivers\[0\]: "leads\/a" stands before/,
  ])
  t.match(await chained('[holds]', '[hides]', '[hides]'), { length: 1 }, 'it is said once')
})
