// One child process of a test or a benchmark run: started, waited for, and never left behind. Every server here starts through it.

import { spawn, type ChildProcess } from 'node:child_process'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Program {
  readonly pid: number
  /** What it printed on both streams; the last 64 KiB of it. */
  output(): string
  /** Its exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>
  /** SIGTERM, then SIGKILL after `graceMs`. Safe twice. */
  stop(graceMs?: number): Promise<void>
  /** SIGKILL: the crash that a test asks for. */
  kill(): Promise<void>
}

export interface ProgramOptions {
  /** For messages: which program this is. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Polled until true; starting fails if the program ends first or `timeoutMs` passes. */
  ready?(program: Program): boolean | Promise<boolean>
  /** Milliseconds between two polls. */
  readonly pollMs?: number
  readonly timeoutMs?: number
}

const KEPT_OUTPUT_CHARACTERS = 64 << 10
const running = new Set<ChildProcess>()

/** Resolves when the program is ready. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const child = spawn(options.command, [...options.args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd ?? process.cwd(),
    env: { ...outerEnvironment(), ...options.env },
  })
  reapWithUs(child)
  const program = asProgram(child)
  const deadline = performance.now() + (options.timeoutMs ?? 30_000)
  let ended: number | NodeJS.Signals | undefined
  void program.exited.then((how) => (ended = how))
  while (options.ready && !(await options.ready(program))) {
    if (ended !== undefined) throw new Error(`${options.name} ended with ${ended} before it was ready:\n${program.output()}`)
    if (performance.now() > deadline) {
      await program.kill()
      throw new Error(`${options.name} was not ready in time; it printed:\n${program.output()}`)
    }
    await sleep(options.pollMs ?? 20)
  }
  return program
}

/** Our own environment without what a test runner puts there to instrument Node programs. */
function outerEnvironment(): Record<string, string> {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !/^(NODE_OPTIONS|NODE_V8_COVERAGE|TAP.*|_TAPJS.*)$/.test(name)) env[name] = value
  }
  return env
}

function asProgram(child: ChildProcess): Program {
  let kept = ''
  const keep = (text: string): void => void (kept = (kept + text).slice(-KEPT_OUTPUT_CHARACTERS))
  child.stdout?.setEncoding('utf8').on('data', keep)
  child.stderr?.setEncoding('utf8').on('data', keep)
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('error', (error) => {
      keep(String(error))
      resolve(127)
    })
    child.once('close', (code, signal) => resolve(code ?? signal ?? 1))
  })
  void exited.then(() => running.delete(child))
  return {
    pid: child.pid ?? -1,
    output: () => kept,
    exited,
    async stop(graceMs = 10_000) {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await exited
      clearTimeout(timer)
    },
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** However this process ends, short of SIGKILL, its children end with it. */
function reapWithUs(child: ChildProcess): void {
  if (running.size === 0 && process.listenerCount('exit', killAll) === 0) {
    process.on('exit', killAll)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        killAll()
        process.kill(process.pid, signal)
      })
    }
  }
  running.add(child)
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL')
}

/** A port that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Whether something accepts connections there; the usual meaning of ready. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const answer = (open: boolean): void => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}
