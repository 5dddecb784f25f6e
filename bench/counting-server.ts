// The backend of a benchmark run, in a process of its own: takes OTLP over HTTP, ticks off every span, and says what arrived.
// Alone: `node bench/counting-server.ts --port 4318 --run 1`; the harness forks it and asks over IPC.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { parseArgs } from 'node:util'

import { SpanTally, type Tally, type Verdict } from './span-tally.ts'

export type CountingRequest =
  | { readonly ask: 'tally' }
  | { readonly ask: 'verdict'; readonly accepted: string; readonly requests: number; readonly spansPerRequest: number }
export type CountingReply = { readonly is: 'listening' } | ({ readonly is: 'tally' } & Tally) | ({ readonly is: 'verdict' } & Verdict)

const { values } = parseArgs({ options: { port: { type: 'string', default: '4318' }, run: { type: 'string', default: '1' } } })
const spans = new SpanTally(Number(values.run))

const server = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => answer(request, parts, response))
})
// Keeps idle connections as long as any client here does: a connection closed under a request would look like a loss.
server.keepAliveTimeout = 120_000

function answer(request: IncomingMessage, parts: readonly Buffer[], response: ServerResponse): void {
  // Metrics of Prometheus, of which nothing is counted. It says that it reads 1.0, as both programs can.
  if (request.url === '/api/v1/write') {
    const isNewer = request.headers['content-type']?.includes('v2') === true
    return void response.writeHead(isNewer ? 415 : 204).end()
  }
  let status = 200
  try {
    spans.add(parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts), request.headers['content-encoding'])
  } catch (error) {
    status = 400
    console.error(String(error))
  }
  response.writeHead(status, { 'content-type': 'application/x-protobuf', 'content-length': 0 })
  response.end()
}

function reply(message: CountingReply): void {
  if (process.send) process.send(message)
  else console.log(JSON.stringify(message))
}

process.on('message', (request: CountingRequest) => {
  if (request.ask === 'tally') return reply({ is: 'tally', ...spans.tally })
  reply({ is: 'verdict', ...spans.verdict({ ...request, accepted: Buffer.from(request.accepted, 'base64') }) })
})
process.once('disconnect', () => process.exit())
process.once('SIGINT', () => {
  reply({ is: 'tally', ...spans.tally })
  process.exit()
})

server.listen(Number(values.port), '127.0.0.1', () => reply({ is: 'listening' }))
