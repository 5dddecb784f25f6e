// configs/archive.yaml: a span with personal data comes back from the archive without it, and nothing on the disk has it.

import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { jsonSpan, postSpans, type Program, start } from './program.ts'

export async function archiveStory(
  t: Test,
  running: (env: NodeJS.ProcessEnv) => Promise<Program>,
  stops: (program: Program, account: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-archive-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const key = Buffer.alloc(32, 7).toString('base64')
  const env = { MILLRACE_DATA: folder, MILLRACE_STORAGE_KEY: key, MILLRACE_ARCHIVE_KEY: key, MILLRACE_ARCHIVE_AGE: '1s' }
  const program = await running(env)
  const span = { ...jsonSpan('GET /users', { note: 'from ada@example.org' }), traceId: '0af7651916cd43dd8448eb211c80319c' }
  t.equal(await postSpans(program.url('receivers.otlp'), [span]), 200)
  await program.says(/1 log record/)
  await stops(program, 'traces → s3_archive: 1 received, 1 delivered\nlogs → debug: 1 received, 1 delivered')
  const get = start(t, ['archive', 'get', '0af7651916cd43dd8448eb211c80319c', '-c', join(import.meta.dirname, '../configs/archive.yaml')], {
    env: { ...process.env, ...env },
  })
  t.equal(await get.ended, 0)
  t.match(get.said(), /"name":"GET \/users".*from \[EMAIL\]/s)
  const everything = globSync('**/*', { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile())
  t.ok(everything.length >= 4, 'object, index, manifest and audit log')
  for (const entry of everything)
    t.notMatch(readFileSync(join(entry.parentPath, entry.name), 'latin1'), /ada@example|GET \/users/, entry.name)
}
