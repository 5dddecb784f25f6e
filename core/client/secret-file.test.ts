import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { TestClock, TestSettings } from '../testing/index.ts'
import { SecretFile } from './secret-file.ts'

t.test('a secret is read again when its file has changed, and what was there stays where that fails', async (t) => {
  const file = join(mkdtempSync(join(tmpdir(), 'millrace-')), 'secret')
  const clock = new TestClock()
  const settings = new TestSettings('some', clock)
  const secret = new SecretFile('token_file', file, clock, settings.log)
  t.throws(() => secret.text(), { message: `token_file "${file}" cannot be read: there is no such file` })
  writeFileSync(file, ' \n')
  t.throws(() => secret.text(), { message: `token_file "${file}" is empty` })
  writeFileSync(file, 'first\n')
  t.equal(secret.text(), 'first')
  writeFileSync(file, 'the second')
  t.equal(secret.text(), 'first', 'not looked at again at once')
  await clock.advance(1000)
  t.equal(secret.text(), 'the second')
  rmSync(file)
  await clock.advance(1000)
  t.equal(secret.text(), 'the second')
  await clock.advance(1000)
  secret.text()
  t.equal(settings.lines.length, 1, 'told once')
  writeFileSync(file, 'third')
  await clock.advance(1000)
  t.equal(secret.text(), 'third')
})
