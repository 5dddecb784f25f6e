// What our processors make of items, against what the Collector's processors of the same names make of them: same settings, same input, same
// output. Only conditions differ in language: OTTL there, CEL here.

import { randomUUID } from 'node:crypto'

import t from 'tap'

import { startCollectorBackend, type Inlet } from './backends.ts'
import { sendEveryField } from './clients/every-field.ts'
import { sendWithJavaScript } from './clients/javascript.ts'
import { resourceAttribute, sorted, type SeenItem } from './items.ts'
import { startMillrace } from './millrace.ts'
import { ACTIONS, CONDITIONS, type Case, type Signal } from './processor-cases.ts'
import { REDACTION, whereBothLook } from './redaction-cases.ts'
import { lacks } from './servers/cache.ts'
import { startCollector } from './servers/collector.ts'
import { freePort } from './servers/program.ts'

t.test('processors do what the Collector does', { skip: lacks('go') }, async (t) => {
  const cases = [...ACTIONS, ...CONDITIONS, ...REDACTION]
  const backend = await startCollectorBackend(['theirs', 'ours'])
  t.teardown(() => backend.stop())
  const { theirs, ours } = backend.inlets
  const [theirPort, ourPort] = [await freePort(), await freePort()]
  const collector = await startCollector(configuration(cases, 'collector', theirPort, theirs), theirPort)
  t.teardown(() => collector.stop())
  const millrace = await startMillrace(configuration(cases, 'millrace', ourPort, ours))
  t.teardown(() => millrace.stop())

  // Both are given the very same bytes, by a Collector: what NaN is, to the bit, differs between readers of JSON.
  const frontPort = await freePort()
  const front = await startCollector(spreading(frontPort, [theirPort, ourPort]), frontPort)
  t.teardown(() => front.stop())

  const run = randomUUID()
  const targets = [{ protocol: 'http/json', endpoint: `http://127.0.0.1:${frontPort}`, compression: 'none' } as const]
  await sendEveryField(run, targets)
  await sendWithJavaScript(run, targets)
  // Nothing waits in the Collectors here: they have no queue and no batch processor, so what was answered has been delivered.
  const all = itemsOfCase(theirs, run, 'untouched')
  for (const { name, type, signals, drops } of cases) {
    const untouched = all.filter(({ signal }) => signals.includes(signal as Signal))
    const expected = itemsOfCase(theirs, run, name)
    const compared = type === 'redaction' ? whereBothLook : (item: SeenItem): SeenItem => item
    t.same(itemsOfCase(ours, run, name).map(compared), expected.map(compared), name)
    if (drops) t.ok(expected.length < untouched.length, `${name} drops something: ${untouched.length - expected.length}`)
    else t.not(JSON.stringify(expected), JSON.stringify(untouched), `${name} changes something`)
  }
})

/** A pipeline for each case and signal, which marks what leaves it with the case's name. */
function configuration(cases: readonly Case[], who: 'collector' | 'millrace', port: number, inlet: Inlet): string {
  const processors = [`  resource/untouched: ${mark('untouched')}`]
  const pipelines = ['traces', 'metrics', 'logs'].map((signal) => pipeline(`${signal}/untouched`, ['resource/untouched']))
  for (const [number, { name, type, signals, settings, conditions }] of cases.entries()) {
    const own = conditions?.[who] ?? settings
    processors.push(`  ${type}/${number}: ${JSON.stringify(own)}`, `  resource/mark${number}: ${mark(name)}`)
    pipelines.push(...signals.map((signal) => pipeline(`${signal}/${number}`, [`${type}/${number}`, `resource/mark${number}`])))
  }
  return `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
exporters: { otlp_http: { endpoint: http://127.0.0.1:${inlet.http}, sending_queue: { enabled: false } } }
processors:
${processors.join('\n')}
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
${pipelines.join('\n')}
`
}

function mark(name: string): string {
  return JSON.stringify({ attributes: [{ key: 'case', action: 'upsert', value: name }] })
}

function pipeline(id: string, processors: readonly string[]): string {
  return `    ${id}: { receivers: [otlp], processors: [${processors.join(', ')}], exporters: [otlp_http] }`
}

function spreading(port: number, to: readonly number[]): string {
  const pipeline = '{ receivers: [otlp], exporters: [otlp_http/0, otlp_http/1] }'
  const exporters = to.map((at, number) => `otlp_http/${number}: { endpoint: http://127.0.0.1:${at}, sending_queue: { enabled: false } }`)
  return `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:${port} } } } }
exporters: { ${exporters.join(', ')} }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines: { traces: ${pipeline}, metrics: ${pipeline}, logs: ${pipeline} }
`
}

/** Without the mark. */
function itemsOfCase(inlet: Inlet, run: string, name: string): SeenItem[] {
  return sorted(
    inlet
      .items(run)
      .filter((item) => resourceAttribute(item, 'case') === `string ${name}`)
      .map(withoutMark),
  )
}

function withoutMark(item: SeenItem): SeenItem {
  const resource = item['resource'] as { readonly attributes: Readonly<Record<string, string>> }
  const { case: _, ...attributes } = resource.attributes
  return { ...item, resource: { ...resource, attributes } }
}
