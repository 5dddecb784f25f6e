// The archive in a real bucket: what is sent is there once, through a server that is away and a process that is killed in the middle of an upload; and somebody
// else's tools read what is not encrypted.

import { execFileSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type Program, start } from '../program.ts'
import { lacks } from './servers/cache.ts'
import { type Versitygw, startVersitygw } from './servers/versitygw.ts'

interface Place {
  readonly file: string
  readonly run: () => Promise<Program>
  readonly archive: (...words: readonly string[]) => Promise<string>
}

function place(t: Test, server: Versitygw, settings: object): Place {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-s3-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'a.yaml')
  const { accessKeyId, secretAccessKey } = server.credentials
  const s3 = {
    bucket: 'archive',
    endpoint: server.endpoint,
    force_path_style: true,
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey,
  }
  writeFileSync(
    file,
    `extensions: { file_storage: { directory: ${join(folder, 'waiting')} } }
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters: { s3_archive: ${JSON.stringify({ s3, max_object_age: '500ms', storage: 'file_storage', timeout: '3s', ...settings })} }
service:
  extensions: [file_storage]
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [s3_archive] } }
`,
  )
  return {
    file,
    async run() {
      const program = start(t, ['run', '--config', file])
      await program.says(/^ready in/m)
      return program
    },
    async archive(...words) {
      const program = start(t, ['archive', ...words, '-c', file])
      await program.ended
      return program.said()
    },
  }
}

const traceId = (n: number): string => n.toString(16).padStart(32, 'a')

async function post(program: Program, numbers: readonly number[]): Promise<boolean> {
  const spans = numbers.map((n) => ({
    traceId: traceId(n),
    spanId: n.toString(16).padStart(16, 'b'),
    name: `span ${n}`,
    startTimeUnixNano: '1767225600000000000',
    endTimeUnixNano: '1767225600001000000',
    attributes: [{ key: 'text', value: { stringValue: 'what it says '.repeat(20) } }],
  }))
  const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
  const answer = await fetch(`${program.url('receivers.otlp')}/v1/traces`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  }).catch(() => undefined)
  return answer?.status === 200
}

async function ends(program: Program): Promise<void> {
  program.child.kill('SIGTERM')
  await program.ended
}

t.test('an archive in a bucket of versitygw', { skip: lacks('go') ?? false }, async (t) => {
  const server = await startVersitygw(['archive'])
  t.teardown(() => server.stop())
  const bucket = server.folderOf('archive')
  const spansIn = (prefix: string): number =>
    globSync(`${prefix}/**/*.manifest.json`, { cwd: bucket }).reduce(
      (sum, file) => sum + (JSON.parse(readFileSync(join(bucket, file), 'utf8')) as { readonly spans: number }).spans,
      0,
    )

  await t.test('encrypted, and found again', async (t) => {
    const here = place(t, server, { prefix: 'sealed', encryption: { key: '07'.repeat(32) } })
    const program = await here.run()
    t.ok(await post(program, [1, 2, 3]))
    while (spansIn('sealed') < 3) await sleep(50)
    await ends(program)
    t.match(await here.archive('get', traceId(2)), /"name":"span 2"/)
    t.match(await here.archive('verify'), /^1 objects are as they were written$/m)
    t.match(await here.archive('erase', '--tenant='), /1 keys destroyed/)
    t.match(await here.archive('get', traceId(2)), /was erased/)
  })

  await t.test(
    'a bucket that is away, and a process that is killed while it uploads: everything that was accepted is there once',
    async (t) => {
      const here = place(t, server, { prefix: 'kills', max_object_size: '20KiB', encoding: 'otlp_json', compression: 'none' })
      const accepted: number[] = []
      let number = 0
      const send = async (program: Program, requests: number): Promise<void> => {
        for (let i = 0; i < requests; i++) {
          const mine = Array.from({ length: 20 }, () => ++number)
          if (await post(program, mine)) accepted.push(...mine)
        }
      }
      const { port } = server
      for (let kill = 0; kill < 3; kill++) {
        const program = await here.run()
        const sending = send(program, 60)
        await sleep(150 + Math.random() * 400)
        program.child.kill('SIGKILL')
        await Promise.all([sending, program.ended])
      }
      const program = await here.run()
      const folder = join(bucket, '..')
      await server.kill()
      await send(program, 10)
      await program.says(/an object cannot be archived now; it waits/)
      const again = await startVersitygw(['archive'], { port, folder })
      t.teardown(() => again.stop())
      while (spansIn('kills') < accepted.length) await sleep(100)
      await sleep(1500)
      await ends(program)
      const names = globSync('kills/**/*.jsonl', { cwd: bucket }).flatMap((file) =>
        [...readFileSync(join(bucket, file), 'utf8').matchAll(/"name":"span (\d+)"/g)].map((match) => Number(match[1])),
      )
      t.ok(accepted.length > 200, `${accepted.length} spans were accepted`)
      t.equal(new Set(names).size, names.length, 'nothing is there twice')
      const there = new Set(names)
      t.same(accepted.filter((n) => !there.has(n)), [], 'everything is there') // prettier-ignore
      t.match(await here.archive('verify'), /^\d+ objects are as they were written$/m)
    },
  )

  await t.test('read by gzip and Python, without us', { skip: lacks('gzip', 'python3') ?? false }, async (t) => {
    const later = await startVersitygw(['archive'])
    t.teardown(() => later.stop())
    const here = place(t, later, { prefix: 'plain', encoding: 'otlp_json', compression: 'gzip' })
    const program = await here.run()
    t.ok(await post(program, [7, 8]))
    const objects = (): readonly string[] => globSync('plain/**/*.jsonl.gz', { cwd: later.folderOf('archive') })
    while (objects().length === 0) await sleep(50)
    await ends(program)
    const script =
      'import sys, json, gzip\nfor line in gzip.open(sys.argv[1]):\n  for r in json.loads(line)["resourceSpans"]:\n    for s in r["scopeSpans"]:\n      for span in s["spans"]: print(span["traceId"], span["name"])'
    const printed = execFileSync('python3', ['-c', script, join(later.folderOf('archive'), objects()[0]!)], { encoding: 'utf8' })
    t.equal(printed, `${traceId(7)} span 7\n${traceId(8)} span 8\n`)
  })

  await t.test('credentials that are wrong end the start, with the reason', async (t) => {
    const later = await startVersitygw(['archive'])
    t.teardown(() => later.stop())
    const here = place(t, { ...later, credentials: { ...later.credentials, secretAccessKey: 'wrong' } }, {})
    const program = start(t, ['run', '--config', here.file])
    t.equal(await program.ended, 1)
    t.match(program.said(), /s3_archive.*cannot use s3:\/\/archive: there is no such bucket, or these credentials may not see it/)
  })
})
