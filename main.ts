#!/usr/bin/env node
// The composition root: the built-in factories, handed to the command line. Only what every Node can load stands above the check of
// its version, and all else is imported after the compile cache is on, so that it is cached.

import module from 'node:module'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import type { ConnectorFactory, ExporterFactory, ExtensionFactory, Factories, ProcessorFactory, ReceiverFactory } from './core/component.ts'

const OLDEST_NODE = 24

async function builtIn(): Promise<Factories> {
  const [receivers, processors, exporters, connectors, extensions] = await Promise.all([
    all<ReceiverFactory>(
      import('./receivers/mplp/factory.ts'),
      import('./receivers/otlp/factory.ts'),
      import('./receivers/websocket/factory.ts'),
    ),
    all<ProcessorFactory>(
      import('./processors/anomaly/factory.ts'),
      import('./processors/attributes/factory.ts'),
      import('./processors/batch/factory.ts'),
      import('./processors/filter/factory.ts'),
      import('./processors/group_by_trace/factory.ts'),
      import('./processors/memory_limiter/factory.ts'),
      import('./processors/pii/factory.ts'),
      import('./processors/probabilistic_sampler/factory.ts'),
      import('./processors/redaction/factory.ts'),
      import('./processors/resource/factory.ts'),
      import('./processors/script/factory.ts'),
      import('./processors/tail_sampling/factory.ts'),
    ),
    all<ExporterFactory>(
      import('./exporters/otlp_http/factory.ts'),
      import('./exporters/otlp_grpc/factory.ts'),
      import('./exporters/debug/factory.ts'),
      import('./exporters/file/factory.ts'),
      import('./exporters/jaeger/factory.ts'),
      import('./exporters/s3_archive/factory.ts'),
      import('./exporters/nop/factory.ts'),
      import('./exporters/prometheus/factory.ts'),
      import('./exporters/prometheus_remote_write/factory.ts'),
    ),
    all<ConnectorFactory>(
      import('./connectors/anomaly/factory.ts'),
      import('./connectors/forward/factory.ts'),
      import('./connectors/s3_archive/factory.ts'),
      import('./connectors/service_graph/factory.ts'),
      import('./connectors/span_metrics/factory.ts'),
    ),
    all<ExtensionFactory>(
      import('./extensions/anomaly_model/factory.ts'),
      import('./extensions/any_of_auth/factory.ts'),
      import('./extensions/audit_log/factory.ts'),
      import('./extensions/basic_auth/factory.ts'),
      import('./extensions/bearer_token_auth/factory.ts'),
      import('./extensions/client_certificate_auth/factory.ts'),
      import('./extensions/file_storage/factory.ts'),
      import('./extensions/health_check/factory.ts'),
      import('./extensions/jwt_auth/factory.ts'),
      import('./extensions/oauth2_client/factory.ts'),
      import('./extensions/service_account_auth/factory.ts'),
    ),
  ])
  return { receivers, processors, exporters, connectors, extensions }
}

async function all<F>(...modules: readonly Promise<{ readonly factory: F }>[]): Promise<readonly F[]> {
  return (await Promise.all(modules)).map(({ factory }) => factory)
}

if (Number(process.versions.node.split('.', 1)[0]) < OLDEST_NODE) {
  process.stderr.write(`millrace needs Node ${OLDEST_NODE} or newer; this is Node ${process.versions.node}. See https://nodejs.org\n`)
  process.exit(1)
}
// Request bodies live outside of V8's heap, and it answers their coming and going by marking a heap in which almost nothing has changed.
// Without a second thread for that it does so far less often, for 8 to 24 % less CPU in all: docs/decisions/0007.
setFlagsFromString('--no-concurrent-marking')
// For the same reason the young generation stays as small as it begins: what collects it frees dead bodies,
// and HTTP/2 has no reason to ask for marking. A third less CPU for gRPC: docs/decisions/0012.
setFlagsFromString('--semi-space-growth-factor=1')
// In the user's own cache, not in a temporary folder that others write to: what lies there is executed. A user without a home has none.
const { HOME, XDG_CACHE_HOME: cache = HOME && join(HOME, '.cache') } = process.env
if (cache) module.enableCompileCache(join(cache, 'millrace'))

// Whoever read the output has gone (`millrace components | head`): what is written to nobody is no failure.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const [{ commandLine }, { written }] = await Promise.all([import('./core/cli/command-line.ts'), import('./core/cli/written.ts')])
const words = process.argv.slice(2)
const code = await commandLine(words, builtIn, {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  environment: process.env,
  ...(process.stdout.isTTY ? { columns: process.stdout.columns } : {}),
  // Parsed JSON of requests that are being answered would be copied by every collection, and there would be thirty times as many.
  growYoungGeneration: () => setFlagsFromString('--semi-space-growth-factor=2'),
})
// The output of a command is what it is for. What runs as a service has to end, whether somebody reads its last words or not.
await written([process.stdout, process.stderr], words[0] === 'run' || words[0] === 'quickstart' ? 1000 : Infinity)
process.exit(code)
