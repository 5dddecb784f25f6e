// The Python SDK as a client: runs `python_client.py`, which gives the same spans, data points and log records to an exporter for each target.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { installPythonSdk } from '../servers/python.ts'
import type { Target } from './target.ts'

/** Where the SDK finds certificates: `OTEL_EXPORTER_OTLP_CERTIFICATE` and its like. */
type Environment = Readonly<Record<string, string>>

/** `run` is an attribute of the resource. Resolves when the SDK was told by every target that everything was taken. */
export async function sendWithPython(run: string, targets: readonly Target[], env: Environment = {}): Promise<void> {
  const python = await installPythonSdk()
  const script = join(import.meta.dirname, 'python_client.py')
  const args = targets.map(({ protocol, endpoint, compression }) => `${protocol === 'grpc' ? 'grpc' : 'http'},${endpoint},${compression}`)
  const options = { timeout: 60_000, env: { ...process.env, ...env } }
  const { stdout, stderr } = await promisify(execFile)(python, [script, run, ...args], options)
  const results = (JSON.parse(stdout) as string[][]).flat()
  if (results.length !== targets.length * 3 || results.some((result) => result !== 'SUCCESS')) {
    throw new Error(`the exporters reported ${results.join(', ')}; accepted is SUCCESS alone:\n${stderr}`)
  }
}
