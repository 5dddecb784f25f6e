// What a process and its children have cost so far, read from /proc: the harness takes it before and after a phase. Linux only.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** The kernel counts CPU time in ticks of this many microseconds: too coarse for phases of less than a few seconds. */
const TICK_MICROSECONDS = 1_000_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** User and system time of the tree, in microseconds, children that have ended and were waited for included. */
export function cpuMicroseconds(root: number): number {
  const ticks = treeOf(root).reduce((sum, { cpuTicks }) => sum + cpuTicks, 0)
  return ticks * TICK_MICROSECONDS
}

/** The sum of each process's own peak. */
export function peakRssBytes(root: number): number {
  return treeOf(root).reduce((sum, { pid }) => {
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readOrEmpty(`/proc/${pid}/status`))
    return sum + Number(peak?.[1] ?? 0) * 1024
  }, 0)
}

interface ProcessStat {
  readonly pid: number
  readonly parent: number
  readonly cpuTicks: number
}

function treeOf(root: number): ProcessStat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((stat) => stat !== undefined)
  const tree = all.filter(({ pid }) => pid === root)
  for (let index = 0; index < tree.length; index++) {
    const parent = (tree[index] as ProcessStat).pid
    tree.push(...all.filter((stat) => stat.parent === parent))
  }
  return tree
}

/** Undefined for a process that has just ended. The program's name is in parentheses and may hold spaces: fields count from the last one. */
function statOf(pid: number): ProcessStat | undefined {
  const text = readOrEmpty(`/proc/${pid}/stat`)
  if (text === '') return undefined
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const [userTicks = 0, systemTicks = 0, childUserTicks = 0, childSystemTicks = 0] = fields.slice(11, 15)
  return { pid, parent: fields[1] ?? 0, cpuTicks: userTicks + systemTicks + childUserTicks + childSystemTicks }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
