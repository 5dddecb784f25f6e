import t from 'tap'
import type { ExtensionFactory, Factories, ProcessorFactory } from '../component.ts'
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
const known: Factories = { ...factories, processors: [holds, hides], extensions: [disk] }

async function faults(processors: string, extension = '', storage = '{ storage: disk }'): Promise<readonly string[]> {
  const text = `receivers: { otlp: { protocols: { http: } } }
processors: { holds: ${storage}, hides: }
exporters: { debug: }
extensions: { disk: ${extension} }
service:
  extensions: [disk]
  pipelines: { traces: { receivers: [otlp], processors: ${processors}, exporters: [debug] } }
`
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
