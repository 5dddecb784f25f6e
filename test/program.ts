// The program in a process of its own: what it says, where it listens, how it ends. The stories in this folder start it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Test } from 'tap'

/** As it is in a clone. */
export const MAIN: string = join(import.meta.dirname, '../main.ts')

export interface Program {
  readonly child: ChildProcess
  /** Everything it has said so far, on both streams. */
  readonly said: () => string
  /** Resolves once it has said so; rejects if it ends before. */
  readonly says: (pattern: RegExp) => Promise<void>
  /** Once it is ready: `127.0.0.1:<port>` where a component such as `receivers.otlp` speaks `grpc` or `http`. */
  readonly address: (component: string, protocol: string) => string
  /** The same for HTTP, with `http://` before it. */
  readonly url: (component: string) => string
  /** Its exit code. */
  readonly ended: Promise<number | null>
}

export interface Way {
  /** The words that start Node. */
  readonly node?: readonly string[]
  readonly main?: string
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
}

/** Killed when the test ends, if it still runs, and when this process ends without having ended its tests. */
export function start(
  t: Test,
  words: readonly string[],
  { node = [process.execPath], main = MAIN, env = process.env, cwd = process.cwd() }: Way = {},
): Program {
  const [command, ...before] = node
  const child = spawn(command!, [...before, main, ...words], { stdio: ['ignore', 'pipe', 'pipe'], env, cwd })
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  let text = ''
  const said = (): string => text
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const ended = once(child, 'close').then(([code]) => {
    process.off('exit', kill)
    return code as number | null
  })
  t.teardown(async () => {
    kill()
    await ended
  })
  const says = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(text)) {
      const more = [child.stdout, child.stderr].map((stream) => once(stream, 'data').then(() => false))
      const isOver = await Promise.race([ended.then(() => true), ...more])
      if (isOver && !pattern.test(text)) throw new Error(`it ended without saying ${pattern}:\n${text}`)
    }
  }
  const address = (component: string, protocol: string): string => {
    const found = new RegExp(`${component.replace('.', '\\.')} \\(${protocol}\\) on (127\\.0\\.0\\.1:\\d+)`).exec(text)
    if (found === null) throw new Error(`it has not said where ${component} speaks ${protocol}:\n${text}`)
    return found[1]!
  }
  const url = (component: string): string => `http://${address(component, 'http')}`
  return { child, said, says, address, url, ended }
}

/** The status of the answer to spans, as OTLP/JSON writes them. */
export async function postSpans(url: string, spans: readonly object[]): Promise<number> {
  const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
  const answer = await fetch(`${url}/v1/traces`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
  return answer.status
}

/** With a configuration in a file of its own, and ready. `files` lie beside it. */
export async function running(t: Test, yaml: string, files: Readonly<Record<string, string>> = {}): Promise<Program> {
  const folder = t.testdir({ ...files, 'a.yaml': yaml })
  const program = start(t, ['run', '--config', join(folder, 'a.yaml')])
  await program.says(/^ready in/m)
  return program
}

let made = 0
/** A span as OTLP/JSON writes it; each with ids of its own. */
export function jsonSpan(name: string, attributes: Readonly<Record<string, string>> = {}): object {
  const id = (++made).toString(16)
  return {
    traceId: id.padStart(32, '0'),
    spanId: id.padStart(16, '0'),
    name,
    kind: 2,
    startTimeUnixNano: '1767225600000000000',
    endTimeUnixNano: '1767225600001000000',
    attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: { stringValue: value } })),
  }
}
