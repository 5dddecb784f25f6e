// The Python SDK as a client: runs `python_client.py`, which gives the same spans, data points and log records to an exporter for each target.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { installPythonSdk } from '../servers/python.ts'
import type { Target } from './target.ts'

/** Where the SDK finds certificates: `OTEL_EXPORTER_OTLP_CERTIFICATE` and its like. */
type Environment = Readonly<Record<string, string>>

/** `run` is an attribute of the resource. Resolves, with what the SDK logged, when every target has told it that everything was taken. */
export async function sendWithPython(run: string, targets: readonly Target[], env: Environment = {}): Promise<string> {
  const args = targets.map(({ protocol, endpoint, compression }) => `${protocol === 'grpc' ? 'grpc' : 'http'},${endpoint},${compression}`)
  const { stdout, stderr } = await runPython('python_client.py', [run, ...args], env)
  const results = (JSON.parse(stdout) as string[][]).flat()
  if (results.length !== targets.length * 3 || results.some((result) => result !== 'SUCCESS')) {
    throw new Error(`the exporters reported ${results.join(', ')}; accepted is SUCCESS alone:\n${stderr}`)
  }
  return stderr
}

/** How an answer looked to a client. */
export interface SeenAnswer {
  readonly code: string | number
  readonly type?: string
  readonly message?: string
  readonly partial?: { readonly rejected: number; readonly message: string } | null
  readonly retryMs?: number | null
  readonly retryAfter?: string | null
}
export type SeenAnswers = Readonly<Record<'grpc' | 'http', Readonly<Record<string, SeenAnswer>>>>

/** What `python_status.py` sees of the answers at these ports, which stand in its first lines. */
export async function probeWithPython(ports: readonly number[]): Promise<SeenAnswers> {
  return JSON.parse((await runPython('python_status.py', ports.map(String))).stdout) as SeenAnswers
}

async function runPython(script: string, args: readonly string[], env: Environment = {}): Promise<{ stdout: string; stderr: string }> {
  const command = [join(import.meta.dirname, script), ...args]
  return promisify(execFile)(await installPythonSdk(), command, { timeout: 60_000, env: { ...process.env, ...env } })
}
