// A disk that is full, or does not write: nobody is told that his spans were taken which were not, and it goes on by itself. Linux, as root: it needs a
// disk of its own, and a tracer that makes system calls fail.

import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { numberedSpans } from '../core/testing/index.ts'
import { PAGE, settled } from './accounts.ts'
import { httpBackend } from './backend.ts'
import { MAIN, type Program, running, start } from './program.ts'
import { type Answered, sendHttp } from './senders.ts'

const config = (backend: string, directory: string): string => `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
extensions: { file_storage: { directory: "${directory}" } }
exporters:
  otlp_http:
    endpoint: http://${backend}
    retry_on_failure: { initial_interval: 50ms, max_interval: 100ms }
    sending_queue: { enabled: true, storage: file_storage }
service:
  extensions: [file_storage]
  telemetry: ${PAGE}
  pipelines: { traces: { receivers: [otlp], exporters: [otlp_http] } }
`
const spans = (request: number): Uint8Array => numberedSpans(1000, 1000 * request).chunks[0]!
const send = (program: Program, request: number): Promise<Answered> => sendHttp(program.url('receivers.otlp'), 'traces', spans(request))
const numbers = (requests: readonly number[]): number[] =>
  requests.flatMap((request) => Array.from({ length: 1000 }, (_, i) => 1000 * request + i)).sort((a, b) => a - b)

const mounts = (folder: string): boolean => spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]).status === 0
const unmount = (folder: string): void => {
  spawnSync('umount', ['-l', folder])
  rmdirSync(folder)
}

/** Why not, where it cannot be shown on this machine. */
function cannotMount(): string | false {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-disk-'))
  const can = mounts(folder)
  unmount(folder)
  return can ? false : 'no disk of four megabytes can be mounted here'
}
function cannotTrace(): string | false {
  return spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0 ? false : 'nothing can be traced here'
}

t.test('a full disk turns senders away, loses nothing, and takes again when there is room', { skip: cannotMount() }, async (t) => {
  const disk = mkdtempSync(join(tmpdir(), 'millrace-disk-'))
  mounts(disk)
  t.teardown(() => unmount(disk))
  let isAway = true
  const backend = await httpBackend(t, (response) => {
    if (isAway) response.writeHead(503).end()
    return isAway
  })
  const program = await running(t, config(backend.address, join(disk, 'storage')))
  const taken: number[] = []
  let request = 0
  let answer = await send(program, request)
  while (answer.status === 200 && request < 200) {
    taken.push(request)
    answer = await send(program, ++request)
  }
  t.ok(taken.length > 5, `${taken.length} requests fit`)
  t.same([answer.status, answer.retryAfter], [503, '1'])
  t.match(answer.body.toString(), /queue (cannot be written|is full)/)
  // Room comes by what is delivered.
  isAway = false
  while (backend.taken.count('traces') < 1000 * taken.length) await new Promise((resolve) => setTimeout(resolve, 20))
  do answer = await send(program, ++request)
  while (answer.status !== 200 && request < 400)
  taken.push(request)
  t.equal(answer.status, 200, 'without a restart')
  const accounts = await settled(program)
  t.same(backend.taken.numbers('traces'), numbers(taken), 'all that was answered with 200, and nothing else')
  t.match(accounts, { 'traces → otlp_http': { delivered: 1000 * taken.length } })
})

t.test(
  'an archive and its storage on a full disk lose nothing that was answered, and go on when there is room',
  { skip: cannotMount() },
  async (t) => {
    const disk = mkdtempSync(join(tmpdir(), 'millrace-disk-'))
    mounts(disk)
    t.teardown(() => unmount(disk))
    const filler = join(disk, 'filler')
    writeFileSync(filler, Buffer.alloc(2_000_000))
    const archive = join(disk, 'archive')
    const program = await running(
      t,
      `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
extensions: { file_storage: { directory: "${join(disk, 'storage')}" } }
exporters:
  s3_archive: { target: file, directory: "${archive}", storage: file_storage, encoding: otlp_json, compression: none, max_object_size: 200KiB, max_object_age: 1s }
service:
  extensions: [file_storage]
  telemetry: ${PAGE}
  pipelines: { traces: { receivers: [otlp], exporters: [s3_archive] } }
`,
    )
    const taken: number[] = []
    let request = 0
    for (let refused = 0; refused < 3;) {
      const { status } = await send(program, ++request)
      if (status === 200) taken.push(request)
      else refused++
      if (status !== 200) t.equal(status, 503)
    }
    t.ok(taken.length > 0, `${taken.length} requests fit`)
    rmSync(filler)
    t.equal(spawnSync('mount', ['-o', 'remount,size=64m', disk]).status, 0)
    do request++
    while ((await send(program, request)).status !== 200)
    taken.push(request)
    const ids = (): readonly string[] =>
      globSync('**/*.manifest.json', { cwd: archive }).flatMap((manifest) =>
        [...readFileSync(join(archive, manifest.replace('.manifest.json', '')), 'utf8').matchAll(/"spanId":"(\w+)"/g)].map(
          (match) => match[1]!,
        ),
      )
    while (ids().length < 1000 * taken.length) await new Promise((resolve) => setTimeout(resolve, 100))
    await settled(program)
    const found = ids()
    t.equal(new Set(found).size, 1000 * taken.length, 'all that was answered with 200')
    t.equal(found.length, new Set(found).size, 'and nothing twice')
    t.same(globSync('**/.*.part', { cwd: archive }), [], 'nothing half')
  },
)

t.test(
  'after a sync that failed nobody is told 200, that file is not synced again, and the next request is taken',
  { skip: cannotTrace() },
  async (t) => {
    const folder = t.testdir()
    const trace = join(folder, 'trace')
    // In each thread the third and the fourth.
    const strace = ['strace', '-f', '-qq', '-o', trace, '-e', 'trace=fdatasync,close', '-e', 'inject=fdatasync:error=EIO:when=3..4']
    const backend = await httpBackend(t)
    writeFileSync(join(folder, 'a.yaml'), config(backend.address, join(folder, 'storage')))
    const program = start(t, ['run', '--config', join(folder, 'a.yaml')], { node: [...strace, process.execPath], main: MAIN })
    await program.says(/^ready in/m)
    // The tracer does not hand on what it is told, nor take the program with it.
    const { pid } = JSON.parse(readFileSync(join(folder, 'storage/queue.otlp_http/owner'), 'utf8')) as { readonly pid: number }
    t.teardown(() => {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended.
      }
    })
    const [taken, refused]: [number[], number[]] = [[], []]
    for (let request = 0; request < 30; request++) {
      const { status } = await send(program, request)
      if (status === 200) taken.push(request)
      else refused.push(request)
      if (status !== 200) t.equal(status, 503, 'or 200')
    }
    await settled(program)
    t.ok(refused.length >= 1, `${refused.length} were refused`)
    t.equal(taken.at(-1), 29, 'it has recovered by itself')
    t.same(
      backend.taken.numbers('traces').filter((n) => taken.includes(Math.floor(n / 1000))),
      numbers(taken),
    )
    process.kill(pid, 'SIGTERM')
    t.equal(await program.ended, 0)
    const { failed, syncedAgain } = syncsIn(readFileSync(trace, 'utf8'))
    t.ok(failed >= 1, `${failed} syncs failed`)
    t.equal(syncedAgain, 0)
  },
)

/** How many syncs failed, and how many came for a descriptor after its sync had failed. Lines are `pid call(fd…` and, where threads cut in, `pid <... call resumed>…`. */
function syncsIn(trace: string): { readonly failed: number; readonly syncedAgain: number } {
  const under = new Map<string, string>()
  const bad = new Set<string>()
  let [failed, syncedAgain] = [0, 0]
  for (const line of trace.split('\n')) {
    const [, pid = '', call, descriptor = ''] = /^(\d+) +(fdatasync|close)\((\d+)/.exec(line) ?? []
    if (call === 'close') bad.delete(descriptor)
    if (call === 'fdatasync') {
      if (bad.has(descriptor)) syncedAgain++
      under.set(pid, descriptor)
    }
    const whose = /^(\d+) .*EIO/.exec(line)?.[1]
    if (whose === undefined) continue
    failed++
    bad.add(under.get(whose)!)
  }
  return { failed, syncedAgain }
}
