// docs/queues.md says what an operator can do: its configuration, its commands and its metrics, run as they stand there.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { httpBackend } from './backend.ts'
import { jsonSpan, postSpans, type Program, start } from './program.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../docs/queues.md'), 'utf8')
const DIRECTORY = '/var/lib/millrace/storage'
const METRICS = 'telemetry: { metrics: { readers: [{ pull: { exporter: { prometheus: { host: 127.0.0.1, port: 0 } } } }] } }'

const blocks = (language: string): string[] =>
  [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map((match) => match[1]!)
const commands = blocks('sh').flatMap((block) => block.split('\n').filter(Boolean))

t.test('the commands of the page do what it says', async (t) => {
  let status = 400
  const backend = await httpBackend(t, (response: ServerResponse) => {
    if (status !== 200) response.writeHead(status).end()
    return status !== 200
  })
  const folder = t.testdir()
  const place = (text: string): string =>
    text.replaceAll(DIRECTORY, join(folder, 'storage')).replaceAll('pipeline.yaml', join(folder, 'pipeline.yaml'))
  const yaml = place(blocks('yaml')[0]!)
    .replace('127.0.0.1:4318', '127.0.0.1:0')
    .replace('127.0.0.1:4320', backend.address)
    .replace('service:\n', `service:\n  ${METRICS}\n`)
  const run = async (): Promise<Program> => {
    const program = start(t, ['run', '--config', join(folder, 'pipeline.yaml')])
    await program.says(/^ready in/m)
    return program
  }
  const stop = async (program: Program): Promise<void> => {
    program.child.kill('SIGTERM')
    await program.ended
  }
  writeFileSync(join(folder, 'pipeline.yaml'), yaml)
  const program = await run()
  t.equal(await postSpans(program.url('receivers.otlp'), [jsonSpan('refused', { n: '1' })]), 200)
  await program.says(/dead letters: refused for good/)

  const metrics = await (await fetch(/url=(http:\S+)/.exec(program.said())![1]!)).text()
  const watched = PAGE.slice(PAGE.indexOf('## What to watch')).match(/`?(?:otelcol|millrace)_\w+/g)!
  t.ok(watched.length > 8)
  for (const name of watched) t.match(metrics, new RegExp(`^# TYPE ${name.replace('`', '')} `, 'm'), name)

  const said: string[] = []
  for (const command of commands.filter((line) => line.startsWith('millrace '))) {
    if (command.includes(' replay ')) status = 200
    const one = start(t, place(command).split(' ').slice(1))
    t.equal(await one.ended, 0, command)
    said.push(one.said())
  }
  t.match(said[0], /^queue\.otlp_http .*\n {2}belongs to {2}exporter otlp_http\n {2}in use {6}by the process with pid \d+/m)
  t.match(said.join(''), /"name":"refused"/)
  t.match(said.join(''), /replayed 1 letter with 1 item\n/)
  t.same(backend.taken.numbers('traces'), [1])

  status = 503
  t.equal(await postSpans(program.url('receivers.otlp'), [jsonSpan('waits', { n: '2' })]), 200)
  await stop(program)
  for (const command of commands.filter((line) => !line.startsWith('millrace '))) execFileSync('sh', ['-c', place(command)])
  status = 200
  writeFileSync(join(folder, 'pipeline.yaml'), yaml.replace('otlp_http:', 'otlp_http/eu:').replace('[otlp_http]', '[otlp_http/eu]'))
  await stop(await run())
  t.same(backend.taken.numbers('traces'), [1, 2], 'what was moved is sent by the other exporter')
})
