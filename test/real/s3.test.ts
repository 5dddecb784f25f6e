// The archive's store against a real S3 server: every object there as a whole, large ones in parts, and what goes wrong in words.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CreateMultipartUploadCommand,
  S3Client,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
} from '@aws-sdk/client-s3'
import t from 'tap'
import { storeSuite } from '../../core/archive/fixtures/store-suite.ts'
import { type S3Options, S3Store } from '../../core/archive/s3-store.ts'
import { lacks } from './servers/cache.ts'
import { startVersitygw } from './servers/versitygw.ts'

t.test('a bucket of versitygw', { skip: lacks('go') ?? false }, async (t) => {
  const server = await startVersitygw(['archive'])
  t.teardown(() => server.stop())
  const { endpoint, credentials } = server
  const options: S3Options = { bucket: 'archive', region: 'us-east-1', endpoint, pathStyle: true, credentials, timeoutMs: 10_000 }
  const client = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials })
  t.teardown(() => client.destroy())

  await t.test('does what every store does', async (t) => {
    await storeSuite(t, () => new S3Store(options))
  })

  await t.test('tags and the checksum stand beside the object', async (t) => {
    const store = new S3Store(options)
    await store.put('tagged', [Buffer.from('x')], { tags: { retention: '90_days', 'compliance tag': 'sox / gdpr' }, sha256: 'ab12' })
    const { TagSet } = await client.send(new GetObjectTaggingCommand({ Bucket: 'archive', Key: 'tagged' }))
    t.same(new Map(TagSet!.map(({ Key, Value }) => [Key, Value])), new Map([['retention', '90_days'], ['compliance tag', 'sox / gdpr']])) // prettier-ignore
    const { Metadata } = await client.send(new HeadObjectCommand({ Bucket: 'archive', Key: 'tagged' }))
    t.same(Metadata, { sha256: 'ab12' })
    store.close()
  })

  await t.test('a large object goes up in parts, and is one', async (t) => {
    const store = new S3Store(options)
    const bytes = Buffer.alloc(40 * 1024 * 1024)
    // As a process leaves it that is killed in the middle of one.
    await client.send(new CreateMultipartUploadCommand({ Bucket: 'archive', Key: 'large' }))
    await client.send(new CreateMultipartUploadCommand({ Bucket: 'archive', Key: 'large as well' }))
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE((at * 2_654_435_761) >>> 0, at)
    await store.put('large', [bytes.subarray(0, 10_000_001), bytes.subarray(10_000_001)], { tags: { a: 'b' }, sha256: 'cd' })
    t.ok(bytes.equals((await store.get('large'))!))
    t.equal(await store.putNew('large', [bytes]), false, 'and is not replaced by a new one')
    t.ok(bytes.equals(readFileSync(join(server.folderOf('archive'), 'large'))), 'as the server has it')
    const { Metadata, ETag } = await client.send(new HeadObjectCommand({ Bucket: 'archive', Key: 'large' }))
    t.same(Metadata, { sha256: 'cd' })
    t.match(ETag, /-3"$/, 'three parts')
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'archive' }))
    t.same(Uploads.map(({ Key }) => Key), ['large as well'], 'none of that name is left') // prettier-ignore
    store.close()
  })

  await t.test('more names than a page has', async (t) => {
    const store = new S3Store(options)
    const names = Array.from({ length: 1100 }, (_, i) => `many/${i.toString().padStart(5, '0')}`)
    for (let i = 0; i < names.length; i += 50) await Promise.all(names.slice(i, i + 50).map((name) => store.put(name, [Buffer.from('x')])))
    const found: string[] = []
    for await (const name of store.list('many/')) found.push(name)
    t.same(found, names)
    store.close()
  })

  await t.test('what goes wrong is said in words, and may come again', async (t) => {
    const wrong = async (change: Partial<S3Options>, said: RegExp): Promise<void> => {
      const store = new S3Store({ ...options, ...change })
      await t.rejects(store.check(), { message: /^cannot use s3:\/\/\w+: there is no such bucket, or these credentials may not see it$/ })
      await t.rejects(store.put('x', [Buffer.from('x')]), { name: 'RetryableError', message: said })
      store.close()
    }
    await wrong({ bucket: 'nowhere' }, /there is no such bucket$/)
    await wrong({ credentials: { ...credentials, secretAccessKey: 'wrong' } }, /the secret key does not fit/)
    await wrong(
      { credentials: { ...credentials, accessKeyId: 'nobody' } },
      /the access key is not known there$|No user exists with the provided access key/,
    )
    const away = new S3Store({ ...options, endpoint: 'http://127.0.0.1:9', timeoutMs: 1000 })
    await away.check()
    await t.rejects(away.put('x', [Buffer.from('x')]), {
      name: 'RetryableError',
      message: /cannot write s3:\/\/archive\/x: .*ECONNREFUSED/,
    })
    away.close()
  })
})
