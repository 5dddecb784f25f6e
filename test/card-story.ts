// configs/card.yaml between stand-ins of Jaeger, Prometheus and S3: an error goes to all three, without its personal data. test/real/card.test.ts has the real ones.

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { grpcBackend } from './backend.ts'
import { jsonSpan, type Program } from './program.ts'

export async function cardStory(t: Test, running: (env: NodeJS.ProcessEnv) => Promise<Program>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-card-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const jaeger = await grpcBackend(t)
  const [written, archived]: [Buffer[], Map<string, Buffer>] = [[], new Map()]
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      if (request.url === '/api/v1/write') written.push(body)
      else if (request.method === 'PUT') archived.set(request.url!.split('?')[0]!, body)
      response.writeHead(request.method === 'GET' ? 404 : request.url === '/api/v1/write' ? 204 : 200, { etag: '"x"' }).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const key = Buffer.alloc(32, 9).toString('base64')
  const program = await running({
    MILLRACE_DATA: folder,
    MILLRACE_STORAGE_KEY: key,
    MILLRACE_ARCHIVE_KEY: key,
    MPLP_PORT: '0',
    WEBSOCKET_PORT: '0',
    JAEGER: jaeger.address,
    PROMETHEUS: url,
    ARCHIVE_ENDPOINT: url,
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
    FLUSH_INTERVAL: '1s',
    DECISION_WAIT: '2s',
    DECISION_WAIT_AFTER_ROOT: '1s',
    ARCHIVE_AGE: '1s',
  })
  const span = { ...jsonSpan('POST /orders', { note: 'for ada@example.org' }), status: { code: 2 } }
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'orders' } }] }
  const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] })
  const headers = { 'content-type': 'application/json' }
  t.equal((await fetch(`${program.url('receivers.otlp')}/v1/traces`, { method: 'POST', headers, body })).status, 200)
  const manifest = (): string | undefined => [...archived].find(([name]) => name.endsWith('.manifest.json'))?.[1].toString()
  while (jaeger.taken.items('traces').length === 0 || written.length === 0 || manifest() === undefined) await sleep(50)
  t.match(jaeger.taken.items('traces'), [{ name: 'POST /orders', attributes: { note: 'for [EMAIL]' } }])
  t.match(JSON.parse(manifest()!), { spans: 1, encryption: { algorithm: 'aes-256-gcm' }, retention: '90_days' })
  t.ok(
    [...archived.keys()].every((name) => /^\/traces\/traces\/\d{4}\//.test(name)),
    'the bucket, then the prefix',
  )
  program.child.kill('SIGTERM')
  t.equal(await program.ended, 0)
}
