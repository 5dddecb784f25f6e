// An archive in a folder.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MemoryStore } from './fixtures/memory-store.ts'
import { namesIn, storeSuite, textIn } from './fixtures/store-suite.ts'
import { FolderStore } from './folder-store.ts'

t.test('does what every store does', async (t) => {
  await storeSuite(t, () => new FolderStore(join(t.testdir(), 'not', 'there', 'yet')))
})

t.test('so does the one of the tests', async (t) => {
  const store = new MemoryStore()
  await storeSuite(t, () => store)
})

t.test('no name leads out of the folder', async (t) => {
  const folder = t.testdir({ secret: 'x', archive: {} })
  const store = new FolderStore(join(folder, 'archive'))
  for (const name of ['../secret', 'a/../../secret', '..']) {
    await t.rejects(store.get(name), { name: 'PermanentError' }, name)
    await t.rejects(store.put(name, [Buffer.from('y')]), { message: /is no name of an object|cannot write/ }, name)
  }
  t.equal(readFileSync(join(folder, 'secret'), 'utf8'), 'x')
})

t.test('what a crash left unfinished is not listed, and is written over', async (t) => {
  const folder = t.testdir({ a: { '.b.part': 'half of someth' } })
  const store = new FolderStore(folder)
  t.same(await namesIn(store, ''), [])
  await store.put('a/b', [Buffer.from('whole')])
  t.same(readdirSync(join(folder, 'a')), ['b'])
  t.equal(await textIn(store, 'a/b'), 'whole')
})

t.test('what is put as new leaves nothing else behind, whether its name was free or not', async (t) => {
  const folder = t.testdir({ a: 'x' })
  const store = new FolderStore(folder)
  t.equal(await store.putNew('a', [Buffer.from('y')]), false)
  t.equal(await store.putNew('b', [Buffer.from('y')]), true)
  t.same(readdirSync(folder), ['a', 'b'])
})

t.test('what cannot be used is said with its path; what cannot be written may come again', async (t) => {
  const folder = t.testdir()
  writeFileSync(join(folder, 'file'), '')
  const store = new FolderStore(join(folder, 'file', 'below'))
  await t.rejects(store.check(), { message: /cannot use the folder .*\/file\/below: / })
  await t.rejects(store.put('a', [Buffer.from('x')]), { name: 'RetryableError', message: /cannot write .*\/file\/below\/a: / })
})

t.test('a full disk leaves the object as it was', { skip: process.platform !== 'linux' && 'needs /dev/full' }, async (t) => {
  const folder = t.testdir({ a: 'before' })
  const { symlinkSync } = await import('node:fs')
  symlinkSync('/dev/full', join(folder, '.a.part'))
  await t.rejects(new FolderStore(folder).put('a', [Buffer.alloc(10)]), { name: 'RetryableError', message: /ENOSPC|no space/ })
  t.same(readdirSync(folder), ['a'], 'and nothing half-written, which would keep it full')
  t.equal(readFileSync(join(folder, 'a'), 'utf8'), 'before')
})
