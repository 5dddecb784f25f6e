// What configs/trace-protocol.yaml is for: an execution begins, the program is killed, and the execution ends as one span.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { httpBackend } from './backend.ts'
import type { Program } from './program.ts'

const FIXTURES = join(import.meta.dirname, '../core/mplp/fixtures')
const fixture = (name: string): string => readFileSync(join(FIXTURES, `${name}.json`), 'utf8')

type Start = (env: NodeJS.ProcessEnv) => Promise<Program>

export async function traceProtocolStory(
  t: Test,
  start: Start,
  stops: (program: Program, account: string) => Promise<void>,
): Promise<void> {
  const backend = await httpBackend(t)
  const env = { MPLP_PORT: '0', BACKEND: `http://${backend.address}`, STORAGE_DIRECTORY: join(t.testdir(), 'storage') }
  const post = async (program: Program, name: string): Promise<unknown> => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${program.url('receivers.mplp')}/v1/messages`, { method: 'POST', headers, body: fixture(name) })
    return ((await answer.json()) as { readonly status: string }).status
  }
  const first = await start(env)
  t.equal(await post(first, 'envelope-start'), 'accepted')
  t.equal(await post(first, 'envelope-update'), 'accepted')
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  const second = await start(env)
  t.match(second.said(), /executions that were open are restored +executions=1/)
  const { executions } = (await (await fetch(`${second.url('receivers.mplp')}/executions`)).json()) as {
    readonly executions: readonly object[]
  }
  t.match(executions, [{ operation_name: 'voyage_execution', messages: 2, incomplete: false }])
  t.equal(await post(second, 'envelope-start'), 'duplicate')
  t.equal(await post(second, 'envelope-finish'), 'accepted')
  while (backend.taken.count('traces') === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  t.match(backend.taken.items('traces'), [{ name: 'voyage_execution', attributes: { 'mplp.status': 'completed' } }])
  await stops(second, 'traces → otlp_http: 1 received, 1 delivered')
}
