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

t.test('what was put although the answer was lost is ours, by its checksum; what another put is not', async (t) => {
  const asked: string[] = []
  const store = await storeAt(t, (request, response) => {
    asked.push(`${request.method} ${request.headers['if-none-match'] ?? ''}`)
    request.resume()
    // The first attempt did what it should, and its answer does not come.
    if (asked.length === 1) return void request.socket.destroy()
    if (request.method === 'PUT') response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>')
    else response.writeHead(200, { 'x-amz-meta-sha256': 'of what is there' }).end()
  })
  t.equal(await store.putNew('a', [Buffer.from('x')], { sha256: 'of what is there' }), true)
  t.same(asked, ['PUT *', 'PUT *', 'HEAD '])
  t.equal(await store.putNew('a', [Buffer.from('y')], { sha256: 'of mine' }), false)
  t.equal(await store.putNew('a', [Buffer.from('y')]), false)
})

t.test('a server that says no has done nothing; one that says nothing may have', async (t) => {
  let status = 403
  const store = await storeAt(t, (request, response) => {
    request.resume()
    if (status <= 0) {
      if (status < 0) status = 403
      return void request.socket.destroy()
    }
    response.writeHead(status).end('<Error><Code>AccessDenied</Code></Error>')
  })
  const didNothing = async (): Promise<boolean> =>
    store.putNew('a', [Buffer.from('x')]).then(
      () => t.fail('it was put'),
      (error: unknown) => store.didNothing(error),
    )
  t.equal(await didNothing(), true)
  status = 500
  t.equal(await didNothing(), false)
  status = 0
  t.equal(await didNothing(), false)
  // It may have been done the first time.
  status = -1
  t.equal(await didNothing(), false)
})
