// Code of users in the whole program: a script that throws, and a plugin for log records. What they do is done to one item at a time.

import { join } from 'node:path'
import t from 'tap'
import { logsBatch, numberedSpans } from '../core/testing/index.ts'
import { account, PAGE, pageOf, settled } from './accounts.ts'
import { httpBackend } from './backend.ts'
import { running } from './program.ts'
import { sendHttp } from './senders.ts'

const CONTRACT = join(import.meta.dirname, '../core/plugin.ts')

t.test('a script that throws costs nobody else anything, and says where it stands', async (t) => {
  const [kept, dropped] = [await httpBackend(t), await httpBackend(t)]
  const script = `
export function span(span: { attributes: { get(key: string): number; set(key: string, value: boolean): void } }): void {
  span.attributes.set('seen', true)
  if (span.attributes.get('n') % 3 === 0) throw new RangeError('three')
}
`
  const program = await running(
    t,
    `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
processors: { script: { file: ./a.ts }, script/strict: { file: ./a.ts, on_error: drop } }
exporters: { otlp_http/kept: { endpoint: "http://${kept.address}" }, otlp_http/dropped: { endpoint: "http://${dropped.address}" } }
service:
  telemetry: ${PAGE}
  pipelines:
    traces/kept: { receivers: [otlp], processors: [script], exporters: [otlp_http/kept] }
    traces/dropped: { receivers: [otlp], processors: [script/strict], exporters: [otlp_http/dropped] }
`,
    { 'a.ts': script },
  )
  t.equal((await sendHttp(program.url('receivers.otlp'), 'traces', numberedSpans(9).chunks[0]!)).status, 200)
  t.same(await settled(program), {
    'traces/kept → otlp_http/kept': account({ received: 9, delivered: 9 }),
    'traces/dropped → otlp_http/dropped': account({ received: 9, delivered: 6, dropped: 3 }),
  })
  t.same(
    kept.taken.items('traces').map(({ attributes: { n, seen } }) => [n, seen]),
    Array.from({ length: 9 }, (_, n) => [n, n % 3 === 0 ? undefined : true]),
    'an item for which it threw goes on as it came',
  )
  t.same(dropped.taken.numbers('traces'), [1, 2, 4, 5, 7, 8])
  t.match(program.said(), /error script .*where=a\.ts:4:\d+ reason="?RangeError: three/)
  const page = await pageOf(program)
  t.match(page, /^millrace_script_errors\{processor="script"\} 3$/m)
  t.match(page, /^millrace_script_errors\{processor="script\/strict"\} 3$/m)
})

t.test('a plugin for log records is a file and a line of YAML', async (t) => {
  const backend = await httpBackend(t)
  const plugin = `
import { eachLogRecord } from ${JSON.stringify(CONTRACT)}
export default eachLogRecord({
  type: 'acme_levels',
  stability: 'beta',
  schema: { type: 'object', required: ['least'], properties: { least: { type: 'integer' } } },
  each(record, config) {
    if (record.severityNumber < config.least) return record.drop('not severe enough')
    record.body = String(record.body).toUpperCase()
  },
})
`
  const yaml = (least: string): string => `
plugins: [./acme.ts]
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
processors: { acme_levels: { least: ${least} } }
exporters: { otlp_http: { endpoint: "http://${backend.address}" } }
service:
  telemetry: ${PAGE}
  pipelines: { logs: { receivers: [otlp], processors: [acme_levels], exporters: [otlp_http] } }
`
  const program = await running(t, yaml('13'), { 'acme.ts': plugin })
  const logRecords = [9, 13, 17].map((severityNumber) => ({ severityNumber, body: `level ${severityNumber}` }))
  t.equal((await sendHttp(program.url('receivers.otlp'), 'logs', logsBatch([{ logRecords }]).chunks[0]!, 'json')).status, 200)
  t.match(backend.taken.items('logs'), [{ body: 'LEVEL 13' }, { body: 'LEVEL 17' }])
  t.same(await settled(program), { 'logs → otlp_http': account({ received: 3, delivered: 2, dropped: 1 }) })
  t.match(
    await pageOf(program),
    /^millrace_ledger_items\{destination="otlp_http",fate="dropped",pipeline="logs",reason="acme_levels: not severe enough"\} 1$/m,
  )
  await t.rejects(
    running(t, yaml('many'), { 'acme.ts': plugin }),
    /a\.yaml:4:\d+: processors\.acme_levels\.least: .*many/,
    'its schema is checked as ours are',
  )
})
