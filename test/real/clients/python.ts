// The Python SDK as a client: runs `python_client.py` and hands back the spans it made.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { installPythonSdk } from '../servers/python.ts'
import { spansOf, type OtlpJson, type SeenSpan } from '../spans.ts'

/** Resolves when the SDK was told that its spans were taken; rejects with what it said otherwise. */
export async function sendWithPython(endpoint: string, compression: 'none' | 'gzip'): Promise<SeenSpan[]> {
  const python = await installPythonSdk()
  const script = join(import.meta.dirname, 'python_client.py')
  const { stdout } = await promisify(execFile)(python, [script, endpoint, compression], { timeout: 60_000 })
  return spansOf(JSON.parse(stdout) as OtlpJson)
}
