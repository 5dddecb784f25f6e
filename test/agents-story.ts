// What configs/agents.yaml is for: an execution begins over HTTP, goes on over gRPC and ends over WebSocket while somebody watches; a span comes in OTLP.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { httpBackend } from './backend.ts'
import { jsonSpan, type Program } from './program.ts'

const ROOT = join(import.meta.dirname, '..')
const fixture = (name: string): string => readFileSync(join(ROOT, `core/mplp/fixtures/${name}.json`), 'utf8')
const TraceProtocol = (loadPackageDefinition(loadSync(join(ROOT, 'proto/mplp/v1/trace_protocol.proto'))) as any).mplp.v1.TraceProtocol

type Start = (env: NodeJS.ProcessEnv) => Promise<Program>

export async function agentsStory(t: Test, start: Start, stops: (program: Program, account: string) => Promise<void>): Promise<void> {
  const backend = await httpBackend(t)
  const program = await start({
    MPLP_PORT: '0',
    MPLP_WEBSOCKET_PORT: '0',
    MPLP_GRPC_PORT: '0',
    OTLP_WEBSOCKET_PORT: '0',
    BACKEND: `http://${backend.address}`,
    STORAGE_DIRECTORY: join(t.testdir(), 'storage'),
  })
  const open = async (component: string, path: string, protocol: string, origin?: string): Promise<WebSocket> => {
    const options = origin === undefined ? {} : { origin }
    const socket = new WebSocket(`ws://${program.address(component, 'websocket')}${path}`, protocol, options)
    t.teardown(() => socket.terminate())
    await once(socket, 'open')
    return socket
  }
  const next = async (socket: WebSocket): Promise<any> => JSON.parse(((await once(socket, 'message')) as [Buffer])[0].toString())

  const page = await open('receivers.mplp', '/v1/messages', 'mplp.v1', 'http://localhost:3000')
  page.send(JSON.stringify({ message_type: 'subscribe', id: 'page', filter: { event: ['started', 'updated', 'finished'] } }))
  t.match(await next(page), { status: 'accepted', id: 'page' })
  const seen: string[] = []
  page.on('message', (text) => seen.push(JSON.parse((text as Buffer).toString()).event))

  const headers = { 'content-type': 'application/json' }
  const url = `${program.url('receivers.mplp')}/v1/messages`
  const first = await fetch(url, { method: 'POST', headers, body: fixture('envelope-start') })
  t.match(await first.json(), { status: 'accepted' })
  const client = new TraceProtocol(program.address('receivers.mplp', 'grpc'), credentials.createInsecure())
  const acks: any = await new Promise((resolve, reject) =>
    client.Send({ json: [Buffer.from(fixture('envelope-update'))] }, (error: Error | null, answer: unknown) =>
      error === null ? resolve(answer) : reject(error),
    ),
  )
  client.close()
  t.match(JSON.parse(acks.json[0]), { status: 'accepted' })
  const agent = await open('receivers.mplp', '/', 'mplp.v1')
  agent.send(fixture('envelope-finish'))
  t.match(await next(agent), { status: 'accepted', n: 1 })
  while (seen.length < 3) await once(page, 'message')
  t.same(seen, ['started', 'updated', 'finished'])

  const spans = await open('receivers.websocket/otlp', '/v1/traces', 'otlp.json')
  spans.send(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [jsonSpan('GET /orders')] }] }] }))
  t.same(await next(spans), { n: 1, status: 200 })
  const names = backend.taken.items('traces').map((span) => (span as { readonly name?: string }).name)
  t.same(new Set(names), new Set(['GET /orders', 'voyage_execution']))
  await stops(program, 'traces → otlp_http: 2 received, 2 delivered')
}
