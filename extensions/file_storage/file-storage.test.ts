import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type ConfigOf, FullError, type Service } from '../../core/index.ts'
import { lifecycleSuite, TestClock, TestSettings } from '../../core/testing/index.ts'
import { factory, type schema } from './factory.ts'
import type { FileStorage } from './file-storage.ts'

const service: Service = { status: () => 'ready' }
const MIB = 1024 * 1024
const defaults: ConfigOf<typeof schema> = {
  directory: '',
  create_directory: true,
  directory_permissions: '0750',
  timeout: '0s',
  fsync: true,
  max_size: MIB,
  dead_letters: { max_size: 2 * MIB },
}

async function storage(config: Partial<ConfigOf<typeof schema>>) {
  const clock = new TestClock()
  const settings = new TestSettings('file_storage', clock)
  return { clock, settings, made: (await factory.create({ ...defaults, ...config }, service, settings)) as FileStorage }
}
const folderOf = (t: Test): string => join(t.testdir(), 'here')

lifecycleSuite(
  (name, run) => void t.test(name, run),
  async () => (await storage({ directory: join(t.testdir({}), 'suite') })).made,
)

t.test('each log has a folder of its own, whatever its name, and what is in it is there for the next run', async (t) => {
  const directory = folderOf(t)
  const first = await storage({ directory })
  await first.made.start()
  const log = await first.made.open('queue.otlp_http/../../b')
  t.equal(log.maxBytes, MIB)
  t.equal((await first.made.open('dead_letters')).maxBytes, 2 * MIB)
  t.equal((await first.made.open('other', { maxBytes: 4 * MIB })).maxBytes, 4 * MIB)
  await log.append([Buffer.from('kept')])
  await t.rejects(log.append([Buffer.alloc(MIB)]), FullError)
  await first.made.stop()
  t.same(readdirSync(directory), ['dead_letters', 'other', 'queue.otlp_http%2F..%2F..%2Fb'])
  t.equal(statSync(directory).mode & 0o777, 0o750)
  for (const name of readdirSync(directory)) t.equal(statSync(join(directory, name)).mode & 0o777, 0o700)

  const second = await storage({ directory })
  await second.made.start()
  const { records } = await (await second.made.open('queue.otlp_http/../../b')).read(0, 100)
  t.same(
    records.map(({ bytes }) => Buffer.from(bytes).toString()),
    ['kept'],
  )
  t.match(second.settings.lines, [{ level: 'info', fields: { log: 'queue.otlp_http/../../b' }, message: /earlier run/ }])
  const bytes = second.settings.gauges.get('millrace_storage_bytes')!() as Iterable<readonly [number, object]>
  t.match([...bytes], [[Number, { log: 'queue.otlp_http/../../b' }]])
  await second.made.stop()
})

/** Lets time pass until it has settled. */
async function passing<T>(clock: TestClock, promise: Promise<T>): Promise<T> {
  const over: T[] = []
  void promise.then((value) => over.push(value))
  while (over.length === 0) await clock.advance(50)
  return over[0]!
}

t.test('a folder that another has is waited for, and then its owner is named', async (t) => {
  const directory = folderOf(t)
  const [first, second] = [await storage({ directory }), await storage({ directory, timeout: '1s' })]
  await first.made.start()
  await second.made.start()
  await first.made.open('queue')
  const refused = await passing(
    second.clock,
    second.made.open('queue').catch((error: Error) => error),
  )
  t.match(refused, { message: new RegExp(`in use by the process with pid ${process.pid}`) })
  t.ok(second.clock.monotonicMs() >= 1000, 'not before the timeout')
  const opened = second.made.open('queue')
  await second.clock.advance(100)
  await first.made.stop()
  t.equal((await passing(second.clock, opened)).records, 0)
  await second.made.stop()
})

t.test('a directory that cannot be used is told when starting, with what to do', async (t) => {
  const folder = t.testdir({ file: '' })
  const fails = async (config: Partial<ConfigOf<typeof schema>>, message: RegExp): Promise<void> =>
    void (await t.rejects((await storage(config)).made.start(), { message }))
  await fails(
    { directory: join(folder, 'none'), create_directory: false },
    /none cannot be used: it does not exist; .*create_directory: true/,
  )
  await fails({ directory: join(folder, 'file') }, /a part of the path is a file|it is a file/)
  await fails({ directory: join(folder, 'file/below') }, /a part of the path is a file/)
  t.notOk(existsSync(join(folder, 'none')))
  const readOnly = join(folder, 'closed')
  mkdirSync(readOnly)
  chmodSync(readOnly, 0o500)
  if (process.getuid?.() === 0) t.comment('root may write everywhere: not shown')
  else await fails({ directory: readOnly }, /may not write there/)
})

t.test('a folder that nobody uses any more is told, once everybody has opened theirs', async (t) => {
  const directory = folderOf(t)
  const { made, clock, settings } = await storage({ directory })
  mkdirSync(join(directory, 'queue.renamed'), { recursive: true })
  mkdirSync(join(directory, 'queue.empty'))
  writeFileSync(join(directory, 'queue.renamed/0000000000000000.segment'), '')
  await made.start()
  await made.open('queue.used')
  await clock.advance(10_000)
  while (settings.lines.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.match(settings.lines, [{ level: 'warn', fields: { folder: join(directory, 'queue.renamed') }, message: /nobody .* uses this folder/ }])
  await made.stop()
})

t.test('what is found damaged or cut off when it is read is told then, and where the bytes are', async (t) => {
  const directory = folderOf(t)
  const first = await storage({ directory })
  await first.made.start()
  const log = await first.made.open('queue')
  for (const text of ['first', 'second', 'third']) await log.append([Buffer.from(text)])
  await first.made.stop()
  const file = join(
    directory,
    'queue',
    readdirSync(join(directory, 'queue')).find((name) => name.endsWith('.segment'))!,
  )
  const bytes = readFileSync(file)
  bytes[bytes.indexOf('first')]! ^= 1
  writeFileSync(file, bytes.subarray(0, -1))

  const { made, settings } = await storage({ directory })
  await made.start()
  const { records } = await (await made.open('queue')).read(0, 1)
  t.same(
    records.map((record) => Buffer.from(record.bytes).toString()),
    ['second'],
  )
  t.match(settings.lines.slice(1), [
    { level: 'error', fields: { log: 'queue', damaged: 1 }, message: /set aside in its folder `damaged`/ },
    { level: 'warn', fields: { log: 'queue', bytes: 36 }, message: /cut off/ },
  ])
  t.equal(readdirSync(join(directory, 'queue/damaged')).length, 1)
  await made.stop()
})

t.test('with a key what is written cannot be read without it', async (t) => {
  const directory = folderOf(t)
  const key = Buffer.alloc(32, 7)
  const first = await storage({ directory, encryption_key: key.toString('base64') })
  await first.made.start()
  await (await first.made.open('queue')).append([Buffer.from('somebody@example.com')])
  await first.made.stop()
  const folder = join(directory, 'queue')
  for (const name of readdirSync(folder)) t.notOk(readFileSync(join(folder, name)).includes('example'), name)
  for (const [more, message] of [
    [{}, /encrypted/],
    [{ encryption_key: Buffer.alloc(32, 8).toString('hex') }, /another|key/],
  ] as const) {
    const other = await storage({ directory, ...more })
    await other.made.start()
    await t.rejects(other.made.open('queue'), { message })
    await other.made.stop()
  }
  const again = await storage({ directory, encryption_key: key.toString('hex') })
  await again.made.start()
  const { records } = await (await again.made.open('queue')).read(0, 1000)
  t.equal(Buffer.from(records[0]!.bytes).toString(), 'somebody@example.com')
  await again.made.stop()
})

t.test('a key that is none is refused when the file is loaded, and not shown', (t) => {
  for (const encryption_key of ['', 'secret', 'a'.repeat(63), `${'A'.repeat(43)}!`]) {
    const faults = factory.check!({ ...defaults, encryption_key })
    t.match(faults, [{ path: ['encryption_key'], message: /openssl rand -base64 32/ }])
    if (encryption_key !== '') t.notOk(faults[0]!.message.includes(encryption_key))
  }
  t.same(factory.check!({ ...defaults, encryption_key: Buffer.alloc(32).toString('base64') }), [])
  t.same(factory.check!({ ...defaults, encryption_key: 'aB'.repeat(32) }), [])
  t.end()
})
