import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { BEFORE_FIRST, chained, headOf, headText, type Link } from '../trust/audit-chain.ts'
import { commandLine } from './command-line.ts'

const KEY = Buffer.alloc(32, 3)

async function run(...words: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', '']
  const terminal = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), environment: {} }
  const code = await commandLine(words, () => Promise.reject(new Error('no component is needed')), terminal)
  return { code, out, err }
}

/** A log of three lines, sealed; and its key. */
function log(t: Test): { readonly file: string; readonly lines: readonly string[]; readonly keyFile: string } {
  const folder = t.testdir({ key: `${KEY.toString('base64')}\n` })
  const file = join(folder, 'audit.jsonl')
  const lines: string[] = []
  let at: Link = BEFORE_FIRST
  for (const act of ['a', 'b', 'c']) {
    const { line, link } = chained({ act }, at, KEY)
    lines.push(line)
    at = link
  }
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
  writeFileSync(headOf(file), headText(at, KEY))
  return { file, lines, keyFile: join(folder, 'key') }
}

t.test('a log that is as it was written', async (t) => {
  const { file, keyFile } = log(t)
  const plain = await run('audit', 'verify', file)
  t.match(plain, { code: 0, err: '', out: /: 3 lines in 1 file, chained from the first to the last. Seals were not looked at/ })
  t.match(await run('audit', 'verify', file, '--key-file', keyFile), { code: 0, out: /; every seal fits\n$/ })
  const { out } = await run('audit', 'verify', file, '--key-file', keyFile, '--json')
  t.same(JSON.parse(out), { log: file, ok: true, files: 1, lines: 3, beyondHead: 0 })
})

t.test('a log that is not: the line, and another exit code', async (t) => {
  const { file, lines, keyFile } = log(t)
  writeFileSync(file, `${lines[0]}\n${lines[2]}\n`)
  t.match(await run('audit', 'verify', file), { code: 1, out: `${file}:2: it has the number 3, and 2 is next` })
  t.match(await run('audit', 'verify', file, '--json'), { code: 1, out: /"ok":false,"file":".*","line":2/ })
  writeFileSync(file, `${lines[0]}\n${lines[1]!.replace('"b"', '"x"')}\n${lines[2]}\n`)
  t.match(await run('audit', 'verify', file, '--key-file', keyFile), { code: 1, out: `${file}:2: its seal does not fit` })
  t.match(await run('audit', 'verify', file), { code: 1, out: `${file}:3: the line before it` })
})

t.test('what cannot be looked at', async (t) => {
  const { file, keyFile } = log(t)
  t.match(await run('audit', 'verify', '/nowhere/audit.jsonl'), { code: 1, out: /there is no such file/ })
  t.match(await run('audit', 'verify', file, '--key-file', file), { code: 1, err: /holds no key/ })
  t.match(await run('audit', 'verify', file, '--key-file', `${keyFile}s`), { code: 1, err: /ENOENT/ })
  t.match(await run('audit'), { code: 2, err: /audit what\?/ })
  t.match(await run('audit', 'verify'), { code: 2, err: /takes logs/ })
  t.match(await run('audit', 'verify', file, '--config', file), { code: 2, err: /takes no --config/ })
})
