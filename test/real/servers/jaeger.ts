// Jaeger as a real backend: built once from `jaeger/`, started with in-memory storage, OTLP and its own protocol in and its query API out.

import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { install, installed } from './cache.ts'
import { freePort, listens, startProgram, type Program } from './program.ts'

export const JAEGER_VERSION = '1.76.0'
const RECIPE = join(import.meta.dirname, 'jaeger')
const FILES = ['go.mod', 'go.sum', 'tools.go'] as const

/** The path of the program. A cold build takes about five minutes. */
export async function installJaeger(): Promise<string> {
  const files = await Promise.all(FILES.map((name) => readFile(join(RECIPE, name), 'utf8')))
  const folder = await installed(`jaeger-${JAEGER_VERSION}`, files, build)
  return join(folder, 'jaeger')
}

/** `go install` refuses Jaeger for its replace directive, so a module of our own imports the command. */
async function build(folder: string): Promise<void> {
  for (const name of FILES) await copyFile(join(RECIPE, name), join(folder, name))
  const args = ['build', '-trimpath', '-ldflags=-s -w', '-o', 'jaeger', 'github.com/jaegertracing/jaeger/cmd/jaeger']
  await install('go', args, { cwd: folder, env: { GONOSUMDB: '*', GOFLAGS: '-buildvcs=false' } })
}

export interface Jaeger extends Program {
  /** Where it takes OTLP, without the path. */
  readonly otlpHttp: string
  /** Where it takes OTLP over gRPC, and its own api_v2: host and port. */
  readonly otlpGrpc: string
  readonly apiV2: string
  /** Where it answers `/api/traces` and `/api/v3/traces`. */
  readonly query: string
}

/** `ports` are those that somebody sends to already. */
export async function startJaeger(ports: { readonly otlpGrpc?: number; readonly apiV2?: number } = {}): Promise<Jaeger> {
  const command = await installJaeger()
  const otlp = await freePort()
  const { otlpGrpc = await freePort(), apiV2 = await freePort() } = ports
  const [queryHttp, queryGrpc] = [await freePort(), await freePort()]
  const folder = await mkdtemp(join(tmpdir(), 'millrace-jaeger-'))
  const config = join(folder, 'config.yaml')
  await writeFile(config, configuration({ otlp, otlpGrpc, apiV2, queryHttp, queryGrpc }))
  const ready = async (): Promise<boolean> => (await Promise.all([otlp, otlpGrpc, apiV2, queryHttp].map(listens))).every(Boolean)
  const program = await startProgram({ name: 'jaeger', command, args: ['--config', config], ready })
  void program.exited.then(() => rm(folder, { recursive: true, force: true }))
  // It takes ten seconds over a polite stop, and has nothing to lose.
  return {
    ...program,
    stop: () => program.stop(500),
    otlpHttp: `http://127.0.0.1:${otlp}`,
    otlpGrpc: `127.0.0.1:${otlpGrpc}`,
    apiV2: `127.0.0.1:${apiV2}`,
    query: `http://127.0.0.1:${queryHttp}`,
  }
}

const configuration = ({ otlp, otlpGrpc, apiV2, queryHttp, queryGrpc }: Readonly<Record<string, number>>): string => `
extensions:
  jaeger_storage: { backends: { memory: { memory: { max_traces: 100000 } } } }
  jaeger_query:
    storage: { traces: memory }
    http: { endpoint: 127.0.0.1:${queryHttp} }
    grpc: { endpoint: 127.0.0.1:${queryGrpc} }
receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:${otlp} }, grpc: { endpoint: 127.0.0.1:${otlpGrpc} } } }
  jaeger: { protocols: { grpc: { endpoint: 127.0.0.1:${apiV2} } } }
exporters: { jaeger_storage_exporter: { trace_storage: memory } }
service:
  extensions: [jaeger_storage, jaeger_query]
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines: { traces: { receivers: [otlp, jaeger], exporters: [jaeger_storage_exporter] } }
`
