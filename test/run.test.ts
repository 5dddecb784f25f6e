// `run` as a user has it: main.ts in a process of its own, from its first word to its exit code.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { numberedSpans } from '../core/testing/index.ts'
import { MAIN, type Program, start } from './program.ts'

const PLUGIN = join(import.meta.dirname, 'fixtures/odd-receivers.ts')

function run(t: Test, yaml: string): Program {
  const file = join(t.testdir(), 'a.yaml')
  writeFileSync(file, yaml)
  return start(t, ['run', '--config', file])
}

const odd = (receiver: string, rest: string = ''): string => `plugins: [${JSON.stringify(PLUGIN)}]
receivers: { ${receiver}: }
exporters: { nop: }
service: { pipelines: { traces: { receivers: [${receiver}], exporters: [nop] } }${rest} }
`
const healthy = `extensions: { health_check: { endpoint: "127.0.0.1:0" } }
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters: { nop: }
service: { extensions: [health_check], pipelines: { traces: { receivers: [otlp], exporters: [nop] } } }
`

t.test('it says when it is ready and where it listens, serves, and ends with 0 when asked to', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { child, said, says, url, ended } = run(t, healthy)
    await says(
      /^ready in \d+ ms; listening: extensions\.health_check \(http\) on 127\.0\.0\.1:\d+, receivers\.otlp \(http\) on 127\.0\.0\.1:\d+$/m,
    )
    t.match(said(), /^ {2}traces +otlp → nop$/m)
    t.equal((await fetch(url('extensions.health_check'))).status, 200)
    const headers = { 'Content-Type': 'application/x-protobuf' }
    const body = Buffer.from(numberedSpans(3).chunks[0]!)
    const sent = await fetch(`${url('receivers.otlp')}/v1/traces`, { method: 'POST', headers, body })
    t.equal(sent.status, 200)
    const withoutIds = Buffer.from('0a0412021200', 'hex')
    t.equal((await fetch(`${url('receivers.otlp')}/v1/traces`, { method: 'POST', headers, body: withoutIds })).status, 200)
    child.kill(signal)
    t.equal(await ended, 0, signal)
    t.match(said(), new RegExp(`stopping: handing on what was accepted signal=${signal}`))
    t.match(said(), /^stopped\ntraces → nop: 3 received, 3 delivered\notlp: malformed: 1 refused before any pipeline\n$/m)
  }
})

t.test('V8’s young generation may grow where what comes in becomes objects, and stays small where bytes stay bytes', async (t) => {
  const telling = `data:text/javascript,${encodeURIComponent(`
    import v8 from 'node:v8'
    import { syncBuiltinESMExports } from 'node:module'
    const set = v8.setFlagsFromString
    v8.setFlagsFromString = (flag) => { console.error(flag); set(flag) }
    syncBuiltinESMExports()
  `)}`
  const speaking = (receiver: string): string => `
receivers: { ${receiver} }
exporters: { nop: }
service: { pipelines: { traces: { receivers: [${receiver.split(':')[0]}], exporters: [nop] } } }
`
  for (const [receiver, last] of [
    ['otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } }', '1'],
    ['mplp: { endpoint: "127.0.0.1:0" }', '2'],
    ['websocket: { endpoint: "127.0.0.1:0" }', '2'],
  ] as const) {
    const file = join(t.testdir(), 'a.yaml')
    writeFileSync(file, speaking(receiver))
    const { child, said, says, ended } = start(t, ['run', '--config', file], { node: [process.execPath, '--import', telling] })
    await says(/^ready in/m)
    t.equal(
      said()
        .match(/--semi-space-growth-factor=\d/g)
        ?.at(-1)
        ?.at(-1),
      last,
      receiver,
    )
    child.kill('SIGTERM')
    await ended
  }
})

t.test('a second signal ends it at once', async (t) => {
  const { child, said, says, ended } = run(t, odd('never_stops', ', drain_timeout: 1h'))
  await says(/^ready in/m)
  child.kill('SIGINT')
  await says(/stopping: handing on/)
  child.kill('SIGINT')
  t.equal(await ended, 130)
  t.match(said(), /^second SIGINT: ended at once, what was still on its way may be lost$/m)
})

t.test('a signal ends a start, too, however long that would take', async (t) => {
  const { child, said, says, ended } = run(
    t,
    odd('never_starts')
      .replace('nop: }', 'nop: }\nextensions: { health_check: { endpoint: "127.0.0.1:0" } }')
      .replace('service: {', 'service: { extensions: [health_check],'),
  )
  await says(/answering health checks/)
  child.kill('SIGTERM')
  t.equal(await ended, 0)
  t.match(said(), /^stopped before it was ready: receivers\.never_starts: SIGTERM came before it had started$/m)
})

t.test('what does not stop in time is named, and ends with 1', async (t) => {
  const { child, said, says, ended } = run(t, odd('never_stops', ', drain_timeout: 10ms'))
  await says(/^ready in/m)
  child.kill('SIGTERM')
  t.equal(await ended, 1)
  t.match(said(), /^while stopping: receivers\.never_stops: did not stop when its grace period ended$/m)
})

t.test('a port in use is named, with what to do, and ends with 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  for (const [component, at] of [
    ['receivers.otlp', 2],
    ['extensions.health_check', 1],
  ] as const) {
    let place = 0
    const { said, ended } = run(
      t,
      healthy.replaceAll('127.0.0.1:0', (text) => (++place === at ? `127.0.0.1:${port}` : text)),
    )
    t.equal(await ended, 1)
    const reason = 'another process listens there; stop it or choose another endpoint'
    t.match(said(), `cannot start: ${component}: cannot listen on 127.0.0.1:${port}: ${reason}\n`)
    t.notMatch(said(), /ready in/)
  }
})

t.test('a configuration that is not valid starts nothing, and ends with 3', async (t) => {
  const { said, ended } = run(t, healthy.replace('exporters: [nop]', 'exporters: [nope]'))
  t.equal(await ended, 3)
  t.match(
    said(),
    /a\.yaml:4:\d+: service\.pipelines\.traces\.exporters\[0\]: no exporter "nope" is defined; defined are: nop; did you mean "nop"\?/,
  )
  t.notMatch(said(), /answering health checks|ready/)
})

t.test('an error that nobody caught is told, cannot forge a line, and ends with 1', async (t) => {
  for (const [receiver, what] of [
    ['throws_later', 'an error that nobody caught'],
    ['rejects_later', 'a rejection that nobody handled'],
  ]) {
    const { said, ended } = run(t, odd(receiver!))
    t.equal(await ended, 1)
    t.match(said(), new RegExp(`^${what}; ending the process\\. This is a bug in Millrace or in a plugin:\\n  Error: `, 'm'))
    t.notMatch(said(), /^ready in 1 ms/m)
  }
})

t.test('it does not fail because nobody reads what it prints', async (t) => {
  const child = spawn(process.execPath, [MAIN, 'components'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  t.same(await once(child, 'close'), [0, null])
})

t.test('an older Node is told so, before anything that it cannot load', async (t) => {
  // What an older Node runs is the built program; this one pretends to be older.
  const pretend = `data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '20.19.2' })`
  const { status, stderr } = spawnSync(process.execPath, ['--import', pretend, MAIN, '--help'], { encoding: 'utf8' })
  t.equal(status, 1)
  t.match(stderr, /^millrace needs Node 24 or newer; this is Node 20\.19\.2\. See https:\/\/nodejs\.org\n$/)
})
