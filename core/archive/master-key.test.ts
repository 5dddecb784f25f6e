// What wraps the keys of objects.

import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CommandKey, LocalKey, newDataKey } from './master-key.ts'

const OF = { tenant: 'acme', object: 'traces/1' }

t.test('a local key unwraps what it wrapped, for the same object, and nothing else', async (t) => {
  const master = new LocalKey('one', Buffer.alloc(32, 1))
  const key = newDataKey()
  const wrapped = await master.wrap(key, OF)
  t.not(Buffer.from(await master.wrap(key, OF)).equals(wrapped), 'no two are alike')
  t.ok(key.equals(await master.unwrap(wrapped, OF)))
  await t.rejects(master.unwrap(wrapped, { ...OF, object: 'traces/2' }), {
    name: 'UnwrapError',
    message: /master key one has not wrapped it/,
  })
  await t.rejects(new LocalKey('two', Buffer.alloc(32, 1)).unwrap(wrapped, OF), { name: 'UnwrapError' })
  await t.rejects(new LocalKey('one', Buffer.alloc(32, 2)).unwrap(wrapped, OF), { name: 'UnwrapError' })
  await t.rejects(master.unwrap(wrapped.subarray(1), OF), { name: 'UnwrapError', message: /another length/ })
})

t.test('a command is asked through its input and its output, without a shell', async (t) => {
  const script = (text: string): string => {
    const file = join(t.testdir(), `${Math.random()}.sh`)
    writeFileSync(file, `#!/bin/sh\n${text}\n`)
    chmodSync(file, 0o700)
    return file
  }
  const key = newDataKey()
  // Three bytes more in front: enough to tell the ways apart.
  const kms = new CommandKey(
    'kms',
    [script('read k; [ "$1" = "a b" ] || exit 9; if [ "$2" = wrap ]; then echo "AAAA$k"; else echo "${k#AAAA}"; fi'), 'a b'],
    5000,
  )
  const wrapped = await kms.wrap(key)
  t.notOk(key.equals(wrapped))
  t.ok(key.equals(await kms.unwrap(wrapped)))
  const refusing = new CommandKey('kms', [script('echo "no credentials" >&2; exit 3')], 5000)
  await t.rejects(refusing.wrap(key), { name: 'UnwrapError', message: /wrap: no credentials$/ })
  await t.rejects(new CommandKey('kms', [script('echo "not base 64"')], 5000).wrap(key), { message: /something else than base64/ })
  await t.rejects(new CommandKey('kms', [script('echo QUJD')], 5000).unwrap(wrapped), { message: /printed 3 bytes; accepted: 32/ })
  await t.rejects(new CommandKey('kms', [script('exec sleep 5')], 50).wrap(key), { message: /did not end within 50 ms/ })
  await t.rejects(new CommandKey('kms', ['/nowhere/kms'], 5000).wrap(key), { message: /ENOENT/ })
})

t.test('a command that wraps nothing is refused, and one that will not end is ended', async (t) => {
  const key = newDataKey()
  const command = (text: string, ms = 5000): CommandKey => new CommandKey('kms', ['/bin/sh', '-c', text, 'sh'], ms)
  await t.rejects(command('cat').wrap(key), { name: 'UnwrapError', message: /wrap printed the key itself/ })
  await t.rejects(command('echo done').wrap(key), { name: 'UnwrapError', message: /wrap printed 3 bytes; accepted: more than 32/ })
  await t.rejects(command('trap "" TERM; while :; do :; done', 100).wrap(key), {
    name: 'UnwrapError',
    message: /did not end within 100 ms/,
  })
})
