// `millrace quickstart`: runs the configuration that comes with the package, and says where to send and what to paste. `npm start` is this.

import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { Factories } from '../component.ts'
import { ownPackageFile } from '../config/own-package.ts'
import type { RunningService } from '../pipeline/service.ts'
import { run } from './run.ts'
import type { Terminal } from './terminal.ts'

export function quickstart(builtIn: () => Promise<Factories>, terminal: Terminal): Promise<number> {
  const file = join(dirname(ownPackageFile()), 'configs', 'quickstart.yaml')
  return run([file], builtIn, terminal, (service) => terminal.out(invitation(service)))
}

function invitation(service: RunningService): string {
  const { http = '127.0.0.1:4318', grpc = '127.0.0.1:4317' } = service.addresses().get('receivers.otlp') ?? {}
  return `
Send OTLP to ${grpc} (gRPC) or http://${http} (HTTP): traces, metrics, logs, from any OpenTelemetry SDK. With the usual ports an SDK needs
no setting; otherwise OTEL_EXPORTER_OTLP_ENDPOINT says where. Or paste this into another terminal; the trace is drawn here:

${pasteLine(http)}

Ctrl-C ends it. The configuration is configs/quickstart.yaml.

`
}

/** A trace of two spans that ends now, as one command for any POSIX shell. */
function pasteLine(address: string): string {
  const traceId = randomBytes(16).toString('hex')
  const [root, child] = [randomBytes(8).toString('hex'), randomBytes(8).toString('hex')]
  const endMs = Date.now()
  const nanos = (msAgo: number): string => `${BigInt(endMs - msAgo) * 1_000_000n}`
  const request = {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
        scopeSpans: [
          {
            spans: [
              { traceId, spanId: root, name: 'GET /orders', kind: 2, startTimeUnixNano: nanos(25), endTimeUnixNano: nanos(0) },
              {
                traceId,
                spanId: child,
                parentSpanId: root,
                name: 'SELECT orders',
                kind: 3,
                startTimeUnixNano: nanos(20),
                endTimeUnixNano: nanos(8),
              },
            ],
          },
        ],
      },
    ],
  }
  return `curl http://${address}/v1/traces -H 'content-type: application/json' -d '${JSON.stringify(request)}'`
}
