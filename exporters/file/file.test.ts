import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ANONYMOUS } from '../../core/index.ts'
import { TestSettings, exporterSuite, numberedItems, numberedSpans } from '../../core/testing/index.ts'
import { factory } from './factory.ts'

const never = new AbortController().signal

async function started(path: string, append = false) {
  const exporter = await factory.create({ path, append }, new TestSettings('file'))
  await exporter.start?.(never)
  return exporter
}

/** `n` of every span, line by line. */
async function numbersIn(path: string): Promise<string[][]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '')
  return lines.map((line) => [...line.matchAll(/"intValue":"(\d+)"/g)].map((match) => match[1]!))
}

t.test('the suite of every exporter', async (t) => {
  exporterSuite(t.test.bind(t), {
    create: (settings) => factory.create({ path: join(t.testdir(), 'traces.jsonl'), append: false }, settings),
  })
})

t.test('writes a line of OTLP/JSON for every request, in the order in which they came', async (t) => {
  const path = join(t.testdir(), 'traces.jsonl')
  const exporter = await started(path)
  const parts = [numberedSpans(2), numberedSpans(1, 2)]
  await Promise.all([
    exporter.consume({ signal: 'traces', chunks: parts.flatMap(({ chunks }) => chunks), count: 3, origin: ANONYMOUS }, 0),
    exporter.consume(numberedSpans(2, 3), 0),
    exporter.consume(numberedSpans(1, 5), 0),
  ])
  t.same(await numbersIn(path), [['0', '1'], ['2'], ['3', '4'], ['5']])
  await exporter.stop?.(never)
})

t.test('what is accepted is in the file when it is answered', async (t) => {
  const path = join(t.testdir(), 'traces.jsonl')
  const exporter = await started(path)
  for (let i = 0; i < 5; i++) {
    await exporter.consume(numberedSpans(1, i), 0)
    t.equal((await numbersIn(path)).length, i + 1)
  }
  await exporter.stop?.(never)
})

t.test('empties the file at the start, or appends when told to', async (t) => {
  const path = join(t.testdir({ 'traces.jsonl': 'before\n' }), 'traces.jsonl')
  const appending = await started(path, true)
  await appending.consume(numberedSpans(1), 0)
  await appending.stop?.(never)
  t.match(await readFile(path, 'utf8'), /^before\n\{.*\}\n$/)
  const emptying = await started(path)
  await emptying.stop?.(never)
  t.equal(await readFile(path, 'utf8'), '')
})

t.test('a file that cannot be opened is said with its path and the reason', async (t) => {
  const folder = t.testdir({ taken: {} })
  await t.rejects(started(join(folder, 'none', 'x.jsonl')), { message: /cannot open .*x\.jsonl for writing: there is no such folder/ })
  await t.rejects(started(join(folder, 'taken')), { message: /: it is a folder$/ })
})

t.test('a full disk sends the batch back, and is not the end', { skip: process.platform !== 'linux' && 'needs /dev/full' }, async (t) => {
  const exporter = await started('/dev/full', true)
  await t.rejects(exporter.consume(numberedSpans(1), 0), { name: 'RetryableError', message: 'cannot write to /dev/full: the disk is full' })
  await t.rejects(exporter.consume(numberedSpans(1), 0), { name: 'RetryableError' })
  await exporter.stop?.(never)
})

t.test('after stop it takes nothing', async (t) => {
  const path = join(t.testdir(), 'traces.jsonl')
  await writeFile(path, '')
  const exporter = await started(path)
  await exporter.stop?.(never)
  await t.rejects(exporter.consume(numberedSpans(1), 0), { name: 'RetryableError' })
})

t.test('metrics and logs are lines of their own kind', async (t) => {
  const path = join(t.testdir(), 'all.jsonl')
  const exporter = await started(path)
  for (const signal of ['traces', 'metrics', 'logs'] as const) await exporter.consume(numberedItems(signal, 2), 0)
  const lines = (await readFile(path, 'utf8')).trim().split('\n')
  t.same(
    lines.map((line) => Object.keys(JSON.parse(line) as object)),
    [['resourceSpans'], ['resourceMetrics'], ['resourceLogs']],
  )
  t.same(await numbersIn(path), [
    ['0', '1'],
    ['0', '1'],
    ['0', '1'],
  ])
  await exporter.stop?.(never)
})
