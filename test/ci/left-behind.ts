// A step of `.ci/run`: fails if a process that the run started is still there, and ends it. It goes by the mark in their environment.

import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const mark = process.env['MILLRACE_CI_MARK']
if (mark === undefined) throw new Error('MILLRACE_CI_MARK is not set: .ci/run sets it')

const ancestors = new Set<number>()
for (let pid = process.pid; pid > 1 && !ancestors.has(pid); pid = parentOf(pid)) ancestors.add(pid)

// What is on its way out gets a moment.
let left = marked()
for (let second = 0; second < 5 && left.length > 0; second++) {
  await sleep(1000)
  left = marked()
}
for (const pid of left) {
  console.log(`left behind: ${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`)
  process.kill(pid, 'SIGKILL')
}
process.exitCode = left.length > 0 ? 1 : 0

function marked(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 1 && !ancestors.has(pid) && read(`/proc/${pid}/environ`).includes(`MILLRACE_CI_MARK=${mark}`))
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
