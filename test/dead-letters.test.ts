// What a destination refuses for good, from the first answer to the last command: kept, listed, shown, dropped and replayed, while the program
// runs and while it does not.

import { join } from 'node:path'
import type { ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { encodeStatus } from '../core/otlp/rpc-status.ts'
import { httpBackend } from './backend.ts'
import { jsonSpan, postSpans, type Program, start } from './program.ts'

const yamlFor = (address: string): string => `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:0 } } } }
exporters:
  otlp_http: { endpoint: 'http://${address}', sending_queue: { enabled: true, storage: file_storage } }
extensions: { file_storage: { directory: ./stored } }
service:
  extensions: [file_storage]
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [otlp_http] } }
`

interface Said {
  readonly code: number | null
  readonly out: string
}
async function millrace(t: Test, ...words: string[]): Promise<Said> {
  const program = start(t, words)
  const code = await program.ended
  return { code, out: program.said() }
}

async function stop(program: Program): Promise<void> {
  program.child.kill('SIGTERM')
  await program.ended
}

t.test('a refused batch is kept with the reason; the commands list, show, drop and replay it while the program runs', async (t) => {
  let refusing = true
  const backend = await httpBackend(t, (response: ServerResponse) => {
    if (refusing) response.writeHead(400).end(encodeStatus('protobuf', 3, 'no such tenant: shop\u001B[2J'))
    return refusing
  })
  const config = join(t.testdir({ 'a.yaml': yamlFor(backend.address) }), 'a.yaml')
  const letters = async (): Promise<{ id: number }[]> => {
    const { code, out } = await millrace(t, 'deadletter', 'list', '--json', '-c', config)
    t.equal(code, 0, out)
    return out
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { id: number })
  }
  t.match(await millrace(t, 'deadletter', 'list', '-c', config), {
    code: 1,
    out: /there is no .*stored: nothing has run with this configuration/,
  })

  const program = start(t, ['run', '-c', config])
  await program.says(/^ready in/m)
  t.same(await letters(), [], 'none yet')
  const url = program.url('receivers.otlp')
  for (const n of ['1', '2', '3', '4'])
    t.equal(await postSpans(url, [jsonSpan(`span ${n}`, { n }), jsonSpan('child', { n: `${n}0` })]), 200)
  await program.says(/dead letters: refused for good/)
  let all: { id: number }[] = []
  while (all.length < 4) all = await letters()
  t.match(all[0], {
    exporter: 'otlp_http',
    pipeline: 'traces',
    signal: 'traces',
    items: 2,
    refused: 2,
    reason: /400.*no such tenant: shop/,
  })

  const list = await millrace(t, 'deadletter', 'list', '-c', config)
  t.match(list, { code: 0, out: new RegExp(`ID .*\\n +${all[0]!.id} .*otlp_http +traces +2  .*no such tenant`) })
  t.notMatch(list.out, '\u001B')
  t.match(list.out, /4 letters with 8 items/)
  t.match(await millrace(t, 'deadletter', 'show', String(all[1]!.id), '-c', config), { code: 0, out: /"name":"span 2"/ })

  t.match(await millrace(t, 'deadletter', 'drop', String(all[0]!.id), '-c', config), {
    code: 0,
    out: 'dropped 1 letter with 2 items: gone for good\n',
  })
  t.match(await millrace(t, 'deadletter', 'drop', String(all[0]!.id), '-c', config), {
    code: 1,
    out: new RegExp(`no letter ${all[0]!.id}`),
  })
  t.match(await millrace(t, 'deadletter', 'replay', String(all[1]!.id), '-c', config), {
    code: 1,
    out: new RegExp(`^${all[1]!.id}: refused again: .*no such tenant.*\\nreplayed 0 letters with 0 items; 1 letter stays\\n$`),
  })
  refusing = false
  t.match(await millrace(t, 'deadletter', 'replay', String(all[1]!.id), '-c', config), { code: 0, out: 'replayed 1 letter with 2 items\n' })
  t.same(backend.taken.numbers('traces'), [2, 20])
  t.equal((await letters()).length, 2)

  await stop(program)
  t.match(program.said(), /otlp_http: 8 received, 0 delivered.*8 in the dead letters/)
  t.match(await millrace(t, 'deadletter', 'replay', '--all', '--exporter', 'otlp_http', '-c', config), {
    code: 0,
    out: 'replayed 2 letters with 4 items\n',
  })
  t.same(backend.taken.numbers('traces'), [2, 3, 4, 20, 30, 40])
  t.same(await letters(), [])
  const again = start(t, ['run', '-c', config])
  await again.says(/^ready in/m)
  await stop(again)
  t.notMatch(again.said(), /dead letters/)
})

t.test('what one of two destinations refuses is kept without a queue, too, and behind one in memory', async (t) => {
  let refusing = true
  const good = await httpBackend(t)
  const strict = await httpBackend(t, (response: ServerResponse) => {
    if (refusing) response.writeHead(400).end()
    return refusing
  })
  for (const queue of ['', ', sending_queue: { enabled: true }']) {
    refusing = true
    const yaml = `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:0 } } } }
exporters:
  otlp_http: { endpoint: 'http://${good.address}' }
  otlp_http/strict: { endpoint: 'http://${strict.address}'${queue} }
extensions: { disk: { directory: ./stored } }
service:
  extensions: [disk]
  dead_letters: { storage: file_storage }
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [otlp_http, otlp_http/strict] } }
`
    const config = join(t.testdir({ 'a.yaml': yaml }), 'a.yaml')
    const program = start(t, ['run', '-c', config])
    await program.says(/^ready in/m)
    t.equal(await postSpans(program.url('receivers.otlp'), [jsonSpan('one', { n: '1' })]), 200)
    await program.says(/dead letters: refused for good/)
    refusing = false
    t.match(await millrace(t, 'deadletter', 'replay', '--all', '-c', config), { code: 0, out: /replayed 1 letter with 1 item\n$/ })
    await stop(program)
    t.match(program.said(), /otlp_http\/strict: 1 received, 0 delivered, 1 in the dead letters$/m)
  }
  t.same(good.taken.numbers('traces'), [1, 1])
  t.same(strict.taken.numbers('traces'), [1, 1])
})
