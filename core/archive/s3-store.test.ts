// A bucket whose server takes questions and does not answer them; test/real/s3.test.ts asks a real one.

import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { S3Store } from './s3-store.ts'

async function storeAt(t: Test, answer: RequestListener): Promise<S3Store> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
  const store = new S3Store({ bucket: 'archive', region: 'us-east-1', endpoint, pathStyle: true, credentials, timeoutMs: 100 })
  t.teardown(() => {
    store.close()
    server.closeAllConnections()
    server.close()
  })
  return store
}

t.test('a server that never answers is given up after the timeout, so that it is tried again', async (t) => {
  const store = await storeAt(t, () => {})
  await t.rejects(store.put('a', [Buffer.from('x')]), { name: 'RetryableError', message: /^cannot write s3:\/\/archive\/a: TimeoutError/ })
  await t.rejects(store.get('a'), { name: 'RetryableError', message: /^cannot read s3:\/\/archive\/a: TimeoutError/ })
  await store.check()
})

t.test('so is one that stops in the middle of an answer', async (t) => {
  const store = await storeAt(t, (_, response) => {
    response.writeHead(200, { 'Content-Length': '10' })
    response.write('half ')
  })
  await t.rejects(store.get('a'), { name: 'RetryableError', message: /^cannot read s3:\/\/archive\/a: / })
})
