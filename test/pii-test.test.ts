// `millrace pii test`: what would be masked in a text or in recorded telemetry, and why.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from './program.ts'

async function tried(t: Test, ...words: string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  const program = start(t, ['pii', 'test', ...words])
  const code = await program.ended
  return { code, said: program.said() }
}

const CONFIG = `receivers: { otlp: { protocols: { http: } } }
processors:
  pii: { detectors: [email], action: mask, keep_last: 3, key_rules: [{ keys: [password], action: replace }] }
exporters: { nop: }
service: { pipelines: { traces: { receivers: [otlp], processors: [pii], exporters: [nop] } } }
`
const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', name: 'a@b.de at 10.1.2.3' }
const attributes = [{ key: 'password', value: { stringValue: 'x' } }]
const RECORDING = `${JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, attributes }] }] }] })}
${JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'nothing' } }] }] }] })}
`

t.test('shows a text as it would leave, and which rule found what', async (t) => {
  const { code, said } = await tried(t, 'mail alice@example.com, card 4111 1111 1111 1111')
  t.equal(code, 0)
  t.equal(said, 'mail [EMAIL], card [CARD]\nrule   place  found\ncard   body   1\nemail  body   1\n')
  t.equal((await tried(t, 'Grüße')).said, 'Grüße\nnothing was found\n')
})

t.test('shows recorded telemetry as a configuration would mask it', async (t) => {
  const folder = t.testdir({ 'a.yaml': CONFIG, 'r.jsonl': RECORDING })
  const [file, config] = [join(folder, 'r.jsonl'), join(folder, 'a.yaml')]
  const { code, said } = await tried(t, '--file', file, '-c', config)
  t.equal(code, 0)
  t.equal(said, '1 of 2 requests would be changed\nrule   place      found\nemail  name       1\nkey    attribute  1\n')
  const lines = (await tried(t, '--file', file, '-c', config, '--json')).said.trimEnd().split('\n')
  t.match(JSON.parse(lines[0]!), {
    resourceSpans: [
      {
        scopeSpans: [{ spans: [{ name: '****de at 10.1.2.3', attributes: [{ key: 'password', value: { stringValue: '[REDACTED]' } }] }] }],
      },
    ],
  })
  t.equal(`${lines[1]!}\n`, `${RECORDING.split('\n')[1]!}\n`)
})

t.test('says what is wrong with a configuration or a recording, and where', async (t) => {
  const folder = t.testdir({
    'a.yaml': CONFIG.replace('email', 'emial'),
    'b.yaml': CONFIG.replace('processors: [pii], ', ''),
    'r.jsonl': '{}\n',
  })
  const wrong = await tried(t, 'x', '-c', join(folder, 'a.yaml'))
  t.equal(wrong.code, 3)
  t.match(wrong.said, /a\.yaml:3:.*emial/)
  t.match((await tried(t, 'x', '-c', join(folder, 'b.yaml'))).said, /no pipeline masks anything/)
  writeFileSync(join(folder, 'r.jsonl'), '{}\n')
  const odd = await tried(t, '--file', join(folder, 'r.jsonl'))
  t.equal(odd.code, 1)
  t.match(odd.said, /r\.jsonl:1: .*accepted: a line of OTLP\/JSON each/)
  t.equal((await tried(t)).code, 2)
  t.equal((await tried(t, 'x', '--file', 'y')).code, 2)
})
