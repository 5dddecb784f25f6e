import { appendFileSync, chmodSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { AuditEntry, Auditor, Service } from '../../core/index.ts'
import { lifecycleSuite, TestClock, TestSettings } from '../../core/testing/index.ts'
import { chained, headIn, headOf, headText, type Link, rotatedFrom, verifyAudit } from '../../core/trust/index.ts'
import { type AuditLogConfig, factory } from './factory.ts'

const service: Service = { status: () => 'ready' }
const never = new AbortController().signal
const KEY = Buffer.alloc(32, 9)
const READ: AuditEntry = { kind: 'read', act: 'executions:read', component: 'mplp', tenant: 'acme', subject: 'ann' }
const REFUSED: AuditEntry = { kind: 'refusal', act: 'authenticate', component: 'otlp', reason: 'the token is wrong' }

interface Made {
  readonly log: Auditor
  readonly clock: TestClock
  readonly settings: TestSettings
  readonly file: string
}
async function made(t: Test, config: Partial<AuditLogConfig> = {}): Promise<Made> {
  const { file = join(t.testdir({}), 'audit.jsonl') } = config
  const clock = new TestClock()
  const settings = new TestSettings('audit_log', clock)
  const all = { max_file_size: 1_000_000, refusals_every: '1m', ...config, file }
  const log = (await factory.create(all, service, settings)) as Auditor
  await log.start(never)
  t.teardown(() => log.stop(never))
  return { log, clock, settings, file }
}
const textOf = (file: string): string => readFileSync(file, 'utf8')
const linesOf = (file: string): readonly Record<string, unknown>[] =>
  textOf(file)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

lifecycleSuite(
  (name, run) => void t.test(name, run),
  () => {
    const file = join(t.testdir({}), 'audit.jsonl')
    return factory.create({ file, max_file_size: 4096, refusals_every: '1m' }, service, new TestSettings('audit_log'))
  },
)

t.test('what is on record is there when the record says so, chained and sealed, for its owner alone', async (t) => {
  const { log, file } = await made(t, { key: KEY.toString('hex') })
  t.equal(await log.record(READ), true)
  t.match(linesOf(file), [
    {
      seq: 1,
      time: '2026-01-01T00:00:00.000Z',
      kind: 'read',
      act: 'executions:read',
      component: 'mplp',
      tenant: 'acme',
      subject: 'ann',
      prev: '0'.repeat(64),
      seal: /^[0-9a-f]{64}$/,
    },
  ])
  t.same(
    await Promise.all(Array.from({ length: 20 }, () => log.record({ ...READ, kind: 'administration', act: 'dead_letters:drop' }))),
    Array(20).fill(true),
  )
  t.match(headIn(textOf(headOf(file)), KEY), { seq: 21 })
  t.same(await verifyAudit(file, KEY), { files: 1, lines: 21, beyondHead: 0 })
  t.same(await verifyAudit(file, undefined), { files: 1, lines: 21, beyondHead: 0 }, 'the chain alone needs no key')
  t.match(await verifyAudit(file, Buffer.alloc(32)), { file: headOf(file), message: /seal/ })
  for (const each of [file, headOf(file)]) t.equal(statSync(each).mode & 0o777, 0o600)
})

t.test('somebody who waits for a record may write the next at once', async (t) => {
  const { log, file } = await made(t)
  for (let i = 0; i < 5; i++) t.equal(await log.record(READ), true)
  t.equal(linesOf(file).length, 5)
})

t.test('refusals of one kind are counted together, and so are kinds without end', async (t) => {
  const { log, clock, file } = await made(t)
  for (let i = 0; i < 1000; i++) t.equal(await log.record({ ...REFUSED, object: `/${i}` }), true)
  await log.record({ ...REFUSED, reason: 'the token has ended' })
  await log.record(READ)
  t.match(
    linesOf(file).map(({ reason, count }) => [reason, count]),
    [
      ['the token is wrong', undefined],
      ['the token has ended', undefined],
      [undefined, undefined],
    ],
  )
  await clock.advance(60_000)
  await log.record(READ)
  t.match(linesOf(file)[3], { reason: 'the token is wrong', count: 999 })
  t.equal(linesOf(file).length, 5)
  await clock.advance(120_000)
  for (let i = 0; i < 5000; i++) void log.record({ ...REFUSED, subject: `somebody ${i}` })
  await clock.advance(60_000)
  await log.record(READ)
  t.ok(linesOf(file).length < 5 + 60, `${linesOf(file).length} lines`)
  const counted = linesOf(file)
    .slice(5)
    .reduce((sum, { kind, count = 1 }) => sum + (kind === 'refusal' ? Number(count) : 0), 0)
  t.equal(counted, 5000, 'none is left out')
  await log.record(REFUSED)
  await log.record(REFUSED)
  await log.stop(never)
  t.match(linesOf(file).at(-1), { kind: 'refusal', reason: 'the token is wrong' }, 'what was only counted is written at the end')
  t.equal(await log.record(READ), false)
  t.match(await verifyAudit(file, undefined), { beyondHead: 0 })
})

t.test('words from outside break no line and take no room', async (t) => {
  const { log, file } = await made(t)
  const forged = 'a\r\n{"seq":2,"kind":"read"}\u2028\u001b[2J'
  await log.record({ ...READ, subject: forged, object: 'x'.repeat(100_000), ['__proto__' as 'reason']: 'polluted' })
  t.equal(textOf(file).split('\n').length, 2)
  t.match(linesOf(file)[0], { subject: /^a\\r\\n\{"seq":2/ })
  t.ok(textOf(file).length < 1000)
  t.match(await verifyAudit(file, undefined), { lines: 1 })
})

t.test('rotated files and runs are one chain', async (t) => {
  const first = await made(t, { max_file_size: 4096, key: KEY.toString('base64') })
  for (let i = 0; i < 60; i++) await first.log.record(READ)
  await first.log.stop(never)
  const rotated = rotatedFrom(first.file)
  t.ok(rotated.length >= 3)
  t.match(rotated[0], /audit\.jsonl\.000001$/)
  const second = await made(t, { file: first.file, max_file_size: 4096, key: KEY.toString('base64') })
  await second.log.record(READ)
  t.match(await verifyAudit(first.file, KEY), { lines: 61, beyondHead: 0 })
  const [kept, gone] = [textOf(rotated[1]!), rotated[1]!]
  rmSync(gone)
  t.match(await verifyAudit(first.file, KEY), { file: rotated[2], line: 1, message: /lines are missing/ })
  writeFileSync(gone, kept)
  await rename(rotated[0]!, `${rotated[0]!}x`)
  t.match(await verifyAudit(first.file, KEY), { file: rotated[1], line: 1, message: /lines are missing/ })
})

t.test('every way to change the log is found, with its line', async (t) => {
  const { log, file } = await made(t, { key: KEY.toString('hex') })
  for (let i = 0; i < 6; i++) await log.record({ ...READ, object: `execution ${i}` })
  await log.stop(never)
  const [good, head] = [textOf(file), textOf(headOf(file))]
  const lines = good.trimEnd().split('\n')
  const whole = (changed: readonly string[]): string => changed.map((line) => `${line}\n`).join('')
  /** By somebody who knows the format, without the key. */
  const rewritten = (from: number, key?: Uint8Array): readonly string[] => {
    let before: Link = { seq: 0, hash: '0'.repeat(64) }
    return lines.map((text, i) => {
      const { seq: _, prev: __, seal: ___, ...fields } = JSON.parse(text) as Record<string, unknown>
      const { line, link } = chained(i === from ? { ...fields, subject: 'bob' } : fields, before, key)
      before = link
      return line
    })
  }
  const changes: readonly (readonly [what: string, text: string, line: number | undefined, message: RegExp])[] = [
    ['edited', good.replace('execution 2', 'execution 9'), 3, /seal/],
    ['edited so that it cannot be sealed', good.replace('execution 2', '\\ud800'), 3, /seal/],
    ['nested very deep', good.replace('"execution 2"', '['.repeat(200) + ']'.repeat(200)), 3, /seal/],
    ['a blank more', good.replace('{"seq":3,', '{"seq": 3,'), 4, /line before/],
    ['reordered', whole([lines[0]!, lines[2]!, lines[1]!, ...lines.slice(3)]), 2, /moved/],
    ['cut in the middle', whole([...lines.slice(0, 2), ...lines.slice(3)]), 3, /missing/],
    ['cut at the beginning', whole(lines.slice(1)), 1, /missing/],
    ['cut at the end', whole(lines.slice(0, 5)), undefined, /it ends with the line 5, and .* says that 6/],
    ['emptied', '', undefined, /ends with the line 0/],
    ['cut within a line', good.slice(0, -10), 6, /no end/],
    ['a line twice', whole([...lines.slice(0, 2), ...lines.slice(1)]), 3, /twice/],
    ['a line of no log', whole([...lines.slice(0, 2), 'x', ...lines.slice(2)]), 3, /no line/],
    ['chained anew without the key', whole(rewritten(2)), 1, /seal/],
    ['chained anew with another key', whole(rewritten(2, Buffer.alloc(32))), 1, /seal/],
    ['made anew by whoever has the key, but not the head', whole(rewritten(2, KEY)), 6, /audit.jsonl.head names/],
  ]
  for (const [what, text, line, message] of changes) {
    writeFileSync(file, text)
    t.match(await verifyAudit(file, KEY), { message, ...(line === undefined ? {} : { line }) }, what)
  }
  const unsealed: readonly string[] = ['edited', 'reordered', 'cut in the middle', 'cut at the beginning', 'cut at the end', 'a line twice']
  for (const [what, text] of changes.filter(([what]) => unsealed.includes(what))) {
    writeFileSync(file, text)
    t.ok('message' in (await verifyAudit(file, undefined)), `${what}, without a key`)
  }
  writeFileSync(file, good)
  for (const forged of [
    headText({ seq: 5, hash: (JSON.parse(lines[5]!) as { prev: string }).prev }, undefined),
    '{}',
    '',
    head.replace('6', '5'),
  ]) {
    writeFileSync(headOf(file), forged)
    t.match(await verifyAudit(file, KEY), { file: headOf(file) }, 'the head')
  }
  rmSync(headOf(file))
  t.match(await verifyAudit(file, KEY), { message: /there is no such file/ })
  writeFileSync(headOf(file), head)
  t.match(await verifyAudit(file, KEY), { lines: 6 })
})

t.test('after a crash the chain goes on behind what was written whole', async (t) => {
  const first = await made(t)
  await first.log.record(READ)
  await first.log.record(READ)
  await first.log.stop(never)
  const head = textOf(headOf(first.file))
  const { file } = first
  appendFileSync(file, '{"seq":3,"time":"20')
  const second = await made(t, { file })
  await second.log.record(READ)
  await second.log.stop(never)
  t.match(await verifyAudit(file, undefined), { lines: 3, beyondHead: 0 })
  writeFileSync(headOf(file), head)
  t.match(await verifyAudit(file, undefined), { lines: 3, beyondHead: 1 }, 'it had written the line, and not yet where the log ends')
  const third = await made(t, { file })
  await third.log.record(READ)
  await third.log.stop(never)
  t.match(await verifyAudit(file, undefined), { lines: 4 })
})

t.test('a log that was changed is not gone on with, nor one that cannot be written', async (t) => {
  const { log, file } = await made(t)
  await log.record(READ)
  await log.record(READ)
  await log.stop(never)
  const good = textOf(file)
  truncateSync(file, good.indexOf('\n') + 1)
  await t.rejects(made(t, { file }), { message: /does not end as .*audit.jsonl.head says/ })
  for (const other of ['something else\n', 'without an end', '{"a":1}', `${good}and more`]) {
    writeFileSync(file, other)
    await t.rejects(made(t, { file }), { message: /no audit log/ })
    t.equal(textOf(file), other, 'nothing of it is taken away')
  }
  rmSync(file)
  await t.rejects(made(t, { file }), { message: /does not end as/ }, 'taken away')
  await t.rejects(made(t, { file: '/nowhere/audit.jsonl' }), { message: /ENOENT/ })
  await t.rejects(made(t, { key_file: '/nowhere/key' }), { message: /key_file "\/nowhere\/key" cannot be read: there is no such file/ })
  const short = join(t.testdir({ key: 'short' }), 'key')
  await t.rejects(made(t, { file: `${short}.jsonl`, key_file: short }), { message: /key_file ".*" holds no key/ })
})

t.test('a log has one owner', async (t) => {
  const { log, file } = await made(t)
  await t.rejects(made(t, { file }), { message: /audit.jsonl.lock is in use by the process with pid/ })
  await log.stop(never)
  t.notOk(existsSync(`${file}.lock`))
  t.equal(await (await made(t, { file })).log.record(READ), true)
})

t.test('what cannot be written is said, counted, and on record as soon as the disk takes it', async (t) => {
  const folder = t.testdir({ log: {} })
  const file = join(folder, 'log', 'audit.jsonl')
  const { log, settings } = await made(t, { file })
  await log.record(READ)
  // No head can be written beside a folder of its name.
  const head = textOf(headOf(file))
  rmSync(headOf(file))
  chmodSync(file, 0o600)
  await import('node:fs').then(({ mkdirSync }) => mkdirSync(headOf(file)))
  t.equal(await log.record(READ), false)
  t.equal(await log.record(READ), false)
  t.match(settings.lines, [{ level: 'warn', message: /cannot be written; it is only counted/ }])
  rmSync(headOf(file), { recursive: true })
  writeFileSync(headOf(file), head)
  t.equal(await log.record(READ), true)
  t.ok(linesOf(file).some(({ act, count }) => act === 'audit:lost' && count === 2))
  t.match(await verifyAudit(file, undefined), { beyondHead: 0 })
  t.ok(existsSync(headOf(file)))
})

t.test('what is wrong is told at load, without the key', (t) => {
  const faults = (config: Partial<AuditLogConfig>): readonly unknown[] =>
    factory.check!({ file: 'a', max_file_size: 4096, refusals_every: '1m', ...config })
  t.same(faults({ key: KEY.toString('base64') }), [])
  t.match(faults({ key: 'hunter2' }), [{ path: ['key'] }])
  t.notMatch(JSON.stringify(faults({ key: 'hunter2' })), /hunter2/)
  t.match(faults({ key: KEY.toString('hex'), key_file: 'a' }), [{ path: ['key_file'] }])
  t.match(faults({ refusals_every: '10ms' }), [{ path: ['refusals_every'] }])
  t.same(factory.provides!({ file: 'a', max_file_size: 4096, refusals_every: '1m' }), ['audit'])
  t.end()
})
