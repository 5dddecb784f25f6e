// The archive from end to end: spans in, objects in a folder, and every command that looks at them, with the audit log of who did.

import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { httpBackend } from './backend.ts'
import { MAIN, type Program, start } from './program.ts'

interface Place {
  readonly folder: string
  readonly file: string
  /** One word of `archive` after the other; what it printed, and its exit code. */
  readonly archive: (...words: readonly string[]) => Promise<{ readonly said: string; readonly code: number | null }>
  readonly objects: (pattern?: string) => readonly string[]
}

async function place(t: Test, archive: object, exporters = ''): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-archive-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'a.yaml')
  const settings = JSON.stringify({
    target: 'file',
    directory: join(folder, 'archive'),
    max_object_age: '1s',
    storage: 'file_storage',
    ...archive,
  })
  writeFileSync(
    file,
    `extensions:
  file_storage: { directory: ${join(folder, 'waiting')} }
  audit_log: { file: ${join(folder, 'audit.jsonl')} }
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
connectors: { s3_archive: ${settings} }
exporters: { debug: ${exporters} }
service:
  extensions: [file_storage, audit_log]
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], exporters: [s3_archive${exporters === '' ? '' : ', otlp_http'}] }
    logs: { receivers: [s3_archive], exporters: [debug] }
`,
  )
  return {
    folder,
    file,
    async archive(...words) {
      const program = start(t, ['archive', ...words, '-c', file])
      const code = await program.ended
      return { said: program.said(), code }
    },
    objects: (pattern = '**/*.{otlp,jsonl}*') => globSync(pattern, { cwd: join(folder, 'archive') }).sort(),
  }
}

async function running(t: Test, { file }: Place): Promise<Program> {
  const program = start(t, ['run', '--config', file])
  await program.says(/^ready in/m)
  return program
}

async function post(program: Program, spans: readonly object[]): Promise<number> {
  const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
  const answer = await fetch(`${program.url('receivers.otlp')}/v1/traces`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  })
  return answer.status
}

const traceId = (n: number): string => n.toString(16).padStart(32, 'a')
const span = (n: number, name: string): object => ({
  traceId: traceId(n),
  spanId: n.toString(16).padStart(16, 'b'),
  name,
  startTimeUnixNano: `${1_767_225_600_000_000_000n + BigInt(n) * 1_000_000_000n}`,
  endTimeUnixNano: `${1_767_225_600_001_000_000n + BigInt(n) * 1_000_000_000n}`,
})

async function archived({ objects }: Place, count: number): Promise<void> {
  while (objects('**/*.manifest.json').length < count) await sleep(20)
}

t.test('what is archived is listed, found, verified, handed on again and erased, and each is written down', async (t) => {
  const backend = await httpBackend(t)
  const encryption = { key_id: 'of 2026', key: 'ab'.repeat(32) }
  const here = await place(
    t,
    { encryption, retention: '90_days', compliance_tags: ['sox_audit_trail'] },
    `, otlp_http: { endpoint: "http://${backend.address}", sending_queue: { enabled: true } }`,
  )
  const program = await running(t, here)
  t.equal(await post(program, [span(1, 'first'), span(2, 'second'), span(1, 'third')]), 200)
  await archived(here, 1)
  await program.says(/1 log record/)
  program.child.kill('SIGTERM')
  await program.ended
  t.match(
    (await here.archive('ls')).said,
    /^2026-01-01T00:00:01\.000Z 2026-01-01T00:00:02\.000Z 3 spans 2 traces \d+ bytes encrypted traces\/2026\/01\/01\/00\/\S+\.otlp\.zst\n1 objects with 3 spans, \d+ bytes\n$/,
  )
  t.match(JSON.parse((await here.archive('ls', '--json')).said), {
    retention: '90_days',
    compliance_tags: ['sox_audit_trail'],
    encryption: { master_key: 'of 2026' },
  })
  const found = await here.archive('get', traceId(1).toUpperCase())
  t.same(found.said.match(/"name":"\w+"/g), ['"name":"first"', '"name":"third"'])
  t.match(await here.archive('get', traceId(3)), { code: 1, said: new RegExp(`trace ${traceId(3)} is not in the archive`) })
  t.equal((await here.archive('verify')).said, '1 objects are as they were written\n')
  t.equal((await here.archive('verify', '--day', '2026-01-02')).said, '0 objects are as they were written\n')
  const before = backend.taken.items('traces').length
  t.match((await here.archive('replay', traceId(2), '--to', 'otlp_http')).said, /replayed 1 spans of 1 objects to otlp_http/)
  t.match(backend.taken.items('traces').slice(before), [{ name: 'second' }])
  t.match((await here.archive('erase', '--tenant', 'nobody')).said, /0 keys destroyed/)
  t.match(await here.archive('erase', '--tenant='), {
    code: 0,
    said: /1 keys destroyed, 0 readable objects removed, 0 erased before, 0 failed/,
  })
  t.match(await here.archive('get', traceId(1)), { code: 1, said: /was erased: its key is destroyed/ })
  t.equal((await here.archive('verify')).said, '0 objects are as they were written, 1 erased\n')
  const manifest = join(here.folder, 'archive', here.objects('**/*.manifest.json')[0]!)
  const intact = readFileSync(manifest, 'utf8')
  writeFileSync(manifest, intact.replace('"spans":3', '"spans":4'))
  t.match(await here.archive('verify'), { code: 1, said: /manifest\.json: was changed: its seal does not fit\n.*, 1 are not\n$/ })
  writeFileSync(manifest, intact)
  t.match((await here.archive('ls')).said, / erased /)
  t.notMatch(readFileSync(join(here.folder, 'archive', here.objects('**/*.manifest.json')[0]!), 'utf8'), /wrapped_key|content/)
  const log = join(here.folder, 'audit.jsonl.commands')
  const acts = readFileSync(log, 'utf8').trimEnd().split('\n').map((line) => (JSON.parse(line) as { readonly act: string }).act) // prettier-ignore
  const [read, erased] = ['archive:read', 'archive:erase']
  const verify = 'archive:verify'
  t.same(acts, [read, read, verify, verify, 'archive:replay', erased, erased, erased, erased, read, verify, verify])
  t.equal(spawnSync(process.execPath, [MAIN, 'audit', 'verify', log]).status, 0)
})

t.test('a key that one changed byte hides is not taken for an erased one, and a replay says which object it cannot read', async (t) => {
  const here = await place(t, { encryption: { key: 'ab'.repeat(32) } }, ', otlp_http: { endpoint: "http://127.0.0.1:1" }')
  const program = await running(t, here)
  await post(program, [span(1, 'first')])
  await archived(here, 1)
  program.child.kill('SIGTERM')
  await program.ended
  const manifest = join(here.folder, 'archive', here.objects('**/*.manifest.json')[0]!)
  const intact = readFileSync(manifest, 'utf8')
  writeFileSync(manifest, intact.replace('"wrapped_key"', '"wrapped_kez"'))
  t.match(await here.archive('verify'), { code: 1, said: /manifest\.json: was changed: its seal does not fit\n/ })
  writeFileSync(manifest, intact.replace('"spans":1', '"spans":2'))
  t.match(await here.archive('replay', '--to', 'otlp_http'), { code: 1, said: /traces\/\S+manifest\.json: was changed/ })
})

t.test('a key file that is not there is said, with setting and path; listing does without', async (t) => {
  const here = await place(t, { encryption: { key_file: '/nowhere/archive.key' } })
  t.match(await here.archive('ls'), { code: 0, said: /^0 objects with 0 spans/ })
  const message = /encryption\.key_file "\/nowhere\/archive\.key" cannot be read: there is no such file/
  t.match(await here.archive('verify'), { code: 1, said: message })
  const program = start(t, ['run', '--config', here.file])
  t.equal(await program.ended, 1)
  t.match(program.said(), message)
  t.match(program.said(), /s3_archive/)
})

t.test('validate warns of senders that wait for the bucket: with an object for each trace, and not where it answers early', (t) => {
  const warned = (layout: object): string => {
    const settings = (name: string): object => ({ target: 'file', directory: `/tmp/${name}`, ...layout })
    const folder = t.testdir({ 'a.yaml': JSON.stringify({ receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } }, exporters: { 's3_archive/a': settings('a'), 's3_archive/b': settings('b') }, service: { pipelines: { traces: { receivers: ['otlp'], exporters: ['s3_archive/a', 's3_archive/b'] } } } }) }) // prettier-ignore
    const { stderr, stdout } = spawnSync(process.execPath, [MAIN, 'validate', '-c', join(folder, 'a.yaml')], { encoding: 'utf8' })
    return stderr + stdout
  }
  t.match(warned({ layout: 'trace' }), /s3_archive\/a and s3_archive\/b are awaited together/)
  t.notMatch(warned({ in_memory: true }), /awaited together/)
  t.end()
})

t.test('an archive is not replayed into itself', async (t) => {
  const folder = t.testdir({ archive: {} })
  const file = join(folder, 'b.yaml')
  writeFileSync(
    file,
    `receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters: { debug: , s3_archive: { target: file, directory: ${join(folder, 'archive')}, in_memory: true } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [s3_archive, debug] } } }
`,
  )
  const program = start(t, ['archive', 'replay', '--to', 's3_archive', '-c', file])
  t.equal(await program.ended, 1)
  t.match(program.said(), /archive replay needs to know where to; accepted: --to debug/)
})

t.test('a changed byte is found, and said where', async (t) => {
  const here = await place(t, { encoding: 'otlp_json', compression: 'gzip' })
  const program = await running(t, here)
  await post(program, [span(1, 'first')])
  await archived(here, 1)
  program.child.kill('SIGTERM')
  await program.ended
  const [object] = here.objects('**/*.jsonl.gz')
  const path = join(here.folder, 'archive', object!)
  t.match(spawnSync('gzip', ['-dc', path], { encoding: 'utf8' }).stdout, /"name":"first"/, 'read by gzip')
  const bytes = readFileSync(path)
  bytes[bytes.length - 3]! ^= 1
  writeFileSync(path, bytes)
  t.match(await here.archive('verify'), { code: 1, said: `${object}: is not what was written: its checksum is another\n` })
  t.match(await here.archive('erase', '--tenant='), { code: 0, said: /1 readable objects removed/ })
  t.same(here.objects(), [])
})

t.test('killed again and again, everything that was accepted is archived once', async (t) => {
  const here = await place(t, { max_object_age: '300ms', encoding: 'otlp_json', compression: 'none' })
  const accepted = new Set<number>()
  let number = 0
  for (let kill = 0; kill < 3; kill++) {
    const program = await running(t, here)
    const dies = sleep(300 + Math.random() * 600).then(() => program.child.kill('SIGKILL'))
    for (let isUp = true; isUp;) {
      const mine = Array.from({ length: 5 }, () => ++number)
      isUp = await post(
        program,
        mine.map((n) => span(n, `${n}`)),
      ).then(
        (status) => {
          if (status === 200) for (const n of mine) accepted.add(n)
          return true
        },
        () => false,
      )
    }
    await dies
    await program.ended
  }
  t.ok(accepted.size > 20, `${accepted.size} spans were accepted`)
  const last = await running(t, here)
  const names = (): readonly string[] =>
    here.objects('**/*.jsonl').flatMap((object) => {
      const lines = readFileSync(join(here.folder, 'archive', object), 'utf8')
        .trimEnd()
        .split('\n')
      return lines.flatMap((line) => [...line.matchAll(/"name":"(\d+)"/g)].map((match) => match[1]!))
    })
  while (new Set(names()).size < accepted.size) await sleep(100)
  // What was on its way is there as well, or was never on disk.
  await sleep(1500)
  last.child.kill('SIGTERM')
  await last.ended
  const found = names()
  t.equal(new Set(found).size, found.length, 'nothing is there twice')
  t.same(
    [...accepted].filter((n) => !found.includes(`${n}`)),
    [],
    'everything that was accepted is there',
  )
  t.equal((await here.archive('verify')).code, 0)
})

t.test('what the configuration cannot mean is said', async (t) => {
  const faultsOf = (settings: object): string => {
    const folder = t.testdir({ 'a.yaml': JSON.stringify({ receivers: { otlp: { protocols: { http: { endpoint: '127.0.0.1:0' } } } }, exporters: { s3_archive: settings }, service: { pipelines: { traces: { receivers: ['otlp'], exporters: ['s3_archive'] } } } }) }) // prettier-ignore
    return spawnSync(process.execPath, [MAIN, 'validate', '-c', join(folder, 'a.yaml')], { encoding: 'utf8' }).stderr
  }
  t.match(faultsOf({ in_memory: true }), /s3_archive\.s3: is missing: `target: s3` needs a bucket/)
  t.match(faultsOf({ target: 'file', directory: '/a' }), /s3_archive\.storage: is missing: name a storage in which spans wait/)
  t.match(faultsOf({ s3: { bucket: 'a', access_key_id: 'b' }, in_memory: true }), /access_key_id and secret_access_key belong together/)
  t.match(faultsOf({ target: 'file', directory: '/a', layout: 'trace', in_memory: true }), /in_memory: with `layout: trace` nothing waits/)
  t.match(
    faultsOf({ target: 'file', directory: '/a', in_memory: true, prefix: '../x' }),
    /prefix: found "\.\.\/x"; accepted: names with slashes/,
  )
  t.match(faultsOf({ target: 'file', directory: '/a', in_memory: true, encryption: { key: 'short' } }), /encryption\.key: is no key/)
  t.match(faultsOf({ target: 'file', directory: '/a', in_memory: true, compliance_tags: ['a&b'] }), /compliance_tags/)
})
