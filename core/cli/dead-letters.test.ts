// The commands that look at what is stored, in this process, with a storage and exporters made for it. test/dead-letters.test.ts has the program.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Batch } from '../batch.ts'
import type { ExporterFactory, ExtensionFactory, Factories } from '../component.ts'
import { queueSchema } from '../config/queue-options.ts'
import { factories } from '../config/fixtures/factories.ts'
import { SegmentLog } from '../durable/index.ts'
import { PartialError, PermanentError, RetryableError } from '../errors.ts'
import { encodeBatch } from '../pipeline/batch-record.ts'
import { type DeadLetter, DeadLetters } from '../pipeline/dead-letters.ts'
import { numberedItems, numbersOf, TestClock, TestSettings } from '../testing/index.ts'
import { commandLine } from './command-line.ts'
import { explained } from './queue-folders.ts'

const storage: ExtensionFactory = {
  type: 'store',
  signals: [],
  stability: 'beta',
  schema: {
    type: 'object',
    properties: {
      directory: { type: 'string' },
      max_size: { type: 'integer' },
      encryption_key: { type: 'string', secret: true },
      dead_letters: { type: 'object', properties: { max_size: { type: 'integer' } } },
    },
  },
  provides: () => ['storage'],
  create: async () => {
    throw new Error('a command opens no storage')
  },
}
const login: ExtensionFactory = {
  ...storage,
  type: 'login',
  schema: { type: 'object' },
  provides: () => ['client_auth'],
  create: async () => ({ start: async () => {}, stop: async () => {} }),
}

/** An exporter that answers as the test says, and what it took. */
class Destination {
  readonly taken: number[] = []
  answer: (batch: Batch, nth: number) => void = () => {}
  #asked = 0

  factoryOf(type: string): ExporterFactory {
    const schema = {
      type: 'object',
      properties: {
        sending_queue: queueSchema,
        auth: { type: 'string', extension: 'client_auth' },
        token: { type: 'string', secret: true },
      },
    } as const
    return {
      type,
      signals: ['traces', 'logs'],
      stability: 'beta',
      schema,
      create: async (config, settings) => {
        const { auth } = config as { auth?: string }
        if (auth !== undefined) settings.extension('client_auth', auth)
        return {
          consume: async (batch) => {
            this.answer(batch, ++this.#asked)
            this.taken.push(...numbersOf(batch).map(Number))
          },
        }
      },
    }
  }
}

interface World {
  readonly a: Destination
  readonly b: Destination
  readonly folder: string
  readonly say: (words: string, columns?: number) => Promise<{ code: number; out: string; err: string }>
  readonly ids: () => Promise<number[]>
}

async function world(t: Test, letters: readonly Partial<DeadLetter>[], more = '', settings = ''): Promise<World> {
  const folder = t.testdir()
  const [a, b] = [new Destination(), new Destination()]
  const known: Factories = {
    ...factories,
    exporters: [...factories.exporters, a.factoryOf('a'), b.factoryOf('b')],
    extensions: [...factories.extensions, storage, login],
  }
  const file = join(folder, 'a.yaml')
  writeFileSync(
    file,
    `receivers: { otlp: { protocols: { http: } } }
exporters: { a: { auth: login, token: hunter2-hunter2, sending_queue: { enabled: true, storage: store } }, b: }
extensions: { store: { directory: ${folder}/stored, max_size: 1000000, dead_letters: { max_size: 5000 }${settings} }, login: , health_check: , store/two: { directory: ${folder}/two } }
service:
  extensions: [store, login, health_check${more}]
  pipelines: { traces: { receivers: [otlp], exporters: [a, b] }, logs: { receivers: [otlp], exporters: [a] } }
`,
  )
  await fill(join(folder, 'stored'), letters)
  const say: World['say'] = async (words, columns) => {
    let [out, err] = ['', '']
    const terminal = {
      out: (text: string) => void (out += text),
      err: (text: string) => void (err += text.startsWith('warning: ') ? '' : text),
      environment: {},
      ...(columns === undefined ? {} : { columns }),
    }
    const code = await commandLine([...words.split(' '), '-c', file], async () => known, terminal)
    return { code, out, err }
  }
  const ids = async (): Promise<number[]> => {
    const { out } = await say('deadletter list --json')
    return out
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { id: number }).id)
  }
  return { a, b, folder, say, ids }
}

async function fill(folder: string, letters: readonly Partial<DeadLetter>[], key?: Uint8Array): Promise<void> {
  if (letters.length === 0) return
  const settings = new TestSettings('store', new TestClock())
  const box = new DeadLetters(
    () => SegmentLog.open(join(folder, 'dead_letters'), { maxBytes: 1e6, ...(key === undefined ? {} : { key }) }),
    settings.clock,
    settings.log,
    settings.meter,
  )
  await box.start()
  for (const letter of letters) {
    const batch = letter.batch ?? numberedItems('traces', 2)
    await box.add({ batch, pipeline: batch.signal, exporter: 'a', reason: 'it is wrong', refused: batch.count, ...letter })
  }
  await box.stop()
}

t.test('list fits a screen, and cuts nothing for a program', async (t) => {
  const { say } = await world(t, [{ reason: 'x'.repeat(200) }, { exporter: 'b', refused: 1 }])
  const { out, err } = await say('deadletter list', 100)
  t.ok(out.split('\n').every((line) => line.length <= 100))
  t.match(out, /^ +ID {2}WHEN .*\n +128 {2}2026-01-01T00:00:00Z {2}a .*x…\n +\d+ .*1 of 2 refused: it is wrong\n$/)
  t.equal(err, '2 letters with 4 items\n')
  t.match((await say('deadletter list')).out, 'x'.repeat(200))
  const one = await say('deadletter list --json --exporter b')
  t.equal(one.err, '')
  t.match(JSON.parse(one.out), {
    exporter: 'b',
    pipeline: 'traces',
    signal: 'traces',
    items: 2,
    refused: 1,
    at: '2026-01-01T00:00:00.000Z',
  })
})

t.test('a secret of the configuration that a destination sent back is not shown', async (t) => {
  const { say } = await world(t, [{ reason: 'the token hunter2-hunter2 is old' }])
  t.match((await say('deadletter list')).out, /the token \*+ is old/)
  t.notMatch((await say('deadletter show 128')).out, 'hunter2')
})

t.test('show has everything, and the items', async (t) => {
  const origin = { tenant: 'acme', subject: 'ann', headers: new Map([['x', 'y']]) }
  const { say, ids } = await world(t, [{ batch: { ...numberedItems('logs', 2, 7), origin } }])
  const [id] = await ids()
  const { out } = await say(`deadletter show ${id}`)
  t.match(out, /^id +128\nat +2026-.*\nexporter +a\npipeline +logs\n/m)
  t.match(out, /origin .*acme/)
  t.match(out, /\n\n\{"resourceLogs":/)
  const shown = JSON.parse((await say(`deadletter show ${id} --json`)).out) as { requests: object[] }
  t.match(shown, { id, items: 2, origin: { tenant: 'acme' } })
  t.match(JSON.stringify(shown.requests), /"7"/)
  t.match(await say('deadletter show 5'), { code: 1, err: 'millrace: there is no letter 5: it was replayed or dropped, or never was\n' })
})

t.test('replay goes through the exporter itself, without its queue, with what it leans on alone', async (t) => {
  const { say, a, b, ids } = await world(t, [
    { batch: numberedItems('traces', 2, 1) },
    { batch: numberedItems('logs', 2, 3) },
    { exporter: 'b' },
  ])
  const [first] = await ids()
  t.same(await say(`deadletter replay ${first} 99`), {
    code: 1,
    out: 'replayed 1 letter with 2 items\n',
    err: 'millrace: there is no letter 99: it was replayed or dropped, or never was\n',
  })
  t.same(await say('deadletter replay --all'), { code: 0, out: 'replayed 2 letters with 4 items\n', err: '' })
  t.same(a.taken, [1, 2, 3, 4])
  t.same(b.taken, [0, 1])
  t.same(await ids(), [])
})

t.test('what is refused again stays, what cannot be sent now ends the replay, and a warning is none', async (t) => {
  const { say, a, ids } = await world(t, [{}, {}, {}, {}, {}])
  const all = await ids()
  a.answer = (_, nth) => {
    if (nth === 1) throw new PermanentError('no\u001B')
    if (nth === 2) throw new PartialError(1, 'one is bad')
    if (nth === 3) throw new PartialError(0, 'all is well')
    if (nth === 4) throw new RetryableError('down')
  }
  const { code, out, err } = await say('deadletter replay --all')
  t.equal(code, 1)
  t.equal(out, 'replayed 1 letter with 2 items; 4 letters stay\n')
  t.match(err.split('\n'), [
    `${all[0]}: refused again: no\\u001b`,
    `${all[1]}: 1 of 2 items were refused again, the others are there now: one is bad`,
    `${all[3]}: not taken now, the letters after it were not tried: down`,
  ])
  t.same(await ids(), [all[0], all[1], all[3], all[4]])
})

t.test('a letter of an exporter that is gone needs another, which must be there', async (t) => {
  const { say, b, ids } = await world(t, [{ exporter: 'gone' }, { batch: numberedItems('logs', 1, 9) }])
  t.match(await say('deadletter replay 128'), { code: 1, err: /ends in its exporter gone; choose another with --to ID/ })
  t.match(await say('deadletter replay --all --to c'), {
    code: 1,
    err: 'millrace: no pipeline of this configuration ends in an exporter c; accepted: a, b\n',
  })
  t.match(await say('deadletter replay --all --to b'), { code: 0 })
  t.same(b.taken, [0, 1, 9])
  t.same(await ids(), [])
})

t.test('drop says how many items are gone', async (t) => {
  const { say, ids } = await world(t, [{}, {}, { exporter: 'b' }])
  t.match(await say('deadletter drop 128'), { code: 0, out: 'dropped 1 letter with 2 items: gone for good\n' })
  t.match(await say('deadletter drop --all --exporter b'), { code: 0, out: 'dropped 1 letter with 2 items: gone for good\n' })
  t.equal((await ids()).length, 1)
})

t.test('a record that is no letter is shown as such, can be dropped, and is not sent', async (t) => {
  const { say, folder, ids } = await world(t, [])
  const log = await SegmentLog.open(join(folder, 'stored', 'dead_letters'), { maxBytes: 1e6 })
  await log.append([Buffer.from('what is this')])
  await log.close()
  t.match((await say('deadletter list')).out, /128 .*this version cannot read it\n$/)
  t.match(await say('deadletter replay --all'), { code: 1, err: /^128: it cannot be read/ })
  t.match(await say('deadletter drop --all'), { code: 0 })
  t.same(await ids(), [])
})

t.test('what is encrypted is read with the key of the configuration', async (t) => {
  const key = 'aB'.repeat(32)
  const { say, folder } = await world(t, [], '', `, encryption_key: ${key}`)
  await fill(join(folder, 'stored'), [{}], Buffer.from(key, 'hex'))
  t.match(await say('deadletter list'), { code: 0, err: '1 letter with 2 items\n' })
  t.match(await say('queue stat'), { code: 0, out: /waiting +2 spans in 1 batch/ })
  t.match(await say('deadletter replay --all'), { code: 0 })
  const { say: without, folder: other } = await world(t, [])
  await fill(join(other, 'stored'), [{}], Buffer.from(key, 'hex'))
  t.match(await without('deadletter list'), { code: 1, err: /^millrace: .*dead_letters is encrypted, and no key is given/ })
})

t.test('where there is nothing to look at, it says why and what to do', async (t) => {
  const empty = await world(t, [])
  t.match(await empty.say('deadletter list'), {
    code: 1,
    err: /^millrace: there is no .*stored: nothing has run with this configuration yet, or its directory was moved\n$/,
  })
  mkdirSync(join(empty.folder, 'stored'))
  t.same(await empty.say('deadletter list'), { code: 0, out: '', err: 'no dead letters\n' })
  t.same(await empty.say('deadletter drop --all'), { code: 0, out: 'dropped 0 letters with 0 items: gone for good\n', err: '' })
  t.match(await empty.say('queue stat'), { code: 0, out: '', err: /stored: nothing was ever stored here\n$/ })
  t.match(await empty.say('queue stat --storage x'), {
    code: 1,
    err: 'millrace: no storage "x" runs in this configuration; accepted: store\n',
  })

  const two = await world(t, [], ', store/two')
  t.match(await two.say('deadletter list'), {
    code: 1,
    err: 'millrace: there are several storages; choose one: --storage store, --storage store/two\n',
  })
  const file = join(two.folder, 'none.yaml')
  writeFileSync(
    file,
    'receivers: { otlp: { protocols: { http: } } }\nexporters: { debug: }\nservice: { pipelines: { traces: { receivers: [otlp], exporters: [debug] } } }\n',
  )
  let err = ''
  const terminal = { out: () => {}, err: (text: string) => void (err += text), environment: {} }
  t.equal(await commandLine(['queue', 'stat', '-c', file], async () => factories, terminal), 1)
  t.equal(err, 'millrace: the configuration keeps nothing on disk: service.extensions lists no storage, such as file_storage\n')
})

t.test('queue stat tells whose each log is, how full, what waits in it and since when', async (t) => {
  const { say, folder } = await world(t, [{}])
  const clock = new TestClock()
  const write = async (name: string, batches: readonly (readonly [Batch, string])[]): Promise<void> => {
    const log = await SegmentLog.open(join(folder, 'stored', encodeURIComponent(name)), { maxBytes: 1e6, clock })
    for (const [batch, pipeline] of batches) {
      await log.append(encodeBatch(batch, pipeline))
      await clock.advance(1000)
    }
    await log.close()
  }
  const spans = numberedItems('traces', 5)
  await write('queue.a', [
    [spans, 'traces'],
    [spans, 'traces/x'],
    [spans, 'traces/x'],
    [numberedItems('logs', 2), 'logs'],
  ])
  await write('queue.old/one', [[spans, 'traces']])
  await write('processor.batch.traces', [])
  const log = await SegmentLog.open(join(folder, 'stored', 'extension.login'), { maxBytes: 1e6, clock })
  await log.append([Buffer.from('kept')])
  mkdirSync(join(folder, 'stored', 'some thing'))

  const { out, code } = await say('queue stat')
  await log.close()
  t.equal(code, 0)
  const at = (line: string): string => new RegExp(`^  ${line}  +(.*)$`, 'm').exec(block)![1]!
  let block = blockOf(out, 'queue.a')
  t.equal(at('belongs to'), 'exporter a')
  t.match(at('on disk'), /^\d+ of 1000000 bytes, 0 %$/)
  t.equal(at('waiting'), '5 spans in 1 batch, 10 spans through traces/x in 2 batches, 2 log records in 1 batch')
  t.equal(at('since'), '2026-01-01T00:00:00.000Z (the newest: 2026-01-01T00:00:03.000Z)')
  t.equal(at('in use'), 'no')
  block = blockOf(out, 'queue.old/one')
  t.match(at('belongs to'), /^nobody in this configuration: stop Millrace and rename the folder to queue\./)
  block = blockOf(out, 'dead_letters')
  t.equal(at('belongs to'), 'dead letters of all exporters')
  t.match(at('on disk'), /^\d+ of 5000 bytes, \d+ %$/)
  block = blockOf(out, 'extension.login')
  t.equal(at('belongs to'), 'extension login')
  t.equal(at('in use'), `by the process with pid ${process.pid}`)
  t.equal(at('waiting'), '1 record of another kind')
  block = blockOf(out, 'processor.batch.traces')
  t.equal(at('waiting'), 'nothing')
  t.notMatch(out, 'some thing')

  const lines = (await say('queue stat --json')).out.trim().split('\n')
  t.equal(lines.length, 5)
  t.match(
    lines.map((line) => JSON.parse(line) as { log: string }).find((stat) => stat.log === 'queue.a'),
    { owner: 'exporter a', records: 4, max_bytes: 1_000_000, shares: [{ signal: 'traces', pipeline: 'traces', batches: 1, items: 5 }] },
  )
})

function blockOf(out: string, log: string): string {
  return out.split(/^(?=\S)/m).find((block) => block.startsWith(`${log}  `))!
}

t.test('whoever may not look is told as whom to come', async (t) => {
  const denied = Object.assign(new Error("EACCES: permission denied, scandir '/x'"), {
    code: 'EACCES',
    syscall: 'scandir',
    path: '/x\u001B',
  })
  const look = explained({ id: 'store', directory: '/x', maxBytesOf: () => undefined }, () => Promise.reject(denied))
  await t.rejects(look, { message: 'this user may not look at /x\\u001b; run the command as the user that Millrace runs as' })
})
