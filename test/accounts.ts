// The ledger as a user sees it: on the page for Prometheus while the program runs, and in its last words. Every story ends with it.

import type { Program } from './program.ts'

/** For `service.telemetry`: a page on a port of the system's choice. */
export const PAGE = '{ metrics: { readers: [{ pull: { exporter: { prometheus: { port: 0 } } } }] } }'

export interface Account {
  readonly received: number
  readonly restored: number
  readonly delivered: number
  readonly refused: number
  readonly dropped: number
  readonly dead_lettered: number
  readonly queue: number
  readonly in_flight: number
}
export type Accounts = Readonly<Record<string, Account>>

const NOTHING: Account = {
  received: 0,
  restored: 0,
  delivered: 0,
  refused: 0,
  dropped: 0,
  dead_lettered: 0,
  queue: 0,
  in_flight: 0,
}

/** The page's text. Needs PAGE. */
export async function pageOf(program: Program): Promise<string> {
  const url = /own metrics for Prometheus url=(\S+)/.exec(program.said())?.[1]
  if (url === undefined) throw new Error(`it has not said where its metrics are:\n${program.said()}`)
  return (await fetch(url)).text()
}

/** By `pipeline → destination`. */
export async function accountsOf(program: Program): Promise<Accounts> {
  const all: Record<string, Account> = {}
  for (const [, labels = '', value] of (await pageOf(program)).matchAll(/^millrace_ledger_(?:waiting_)?items\{(.*)\} (\d+)$/gm)) {
    const { pipeline, destination, fate, where } = Object.fromEntries(
      [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key!, text!]),
    )
    const key = `${pipeline} → ${destination}`
    const account = all[key] ?? NOTHING
    const column = (fate ?? where) as keyof Account
    all[key] = { ...account, [column]: account[column] + Number(value) }
  }
  return all
}

/** The accounts once nothing waits any more. */
export async function settled(program: Program): Promise<Accounts> {
  for (;;) {
    const accounts = await accountsOf(program)
    if (Object.values(accounts).every((account) => account.queue === 0 && account.in_flight === 0)) return accounts
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** What it said when it had stopped, in the same form; destinations that saw nothing are not in it. */
export function lastAccounts(program: Program): Accounts {
  const words = program.said().slice(program.said().lastIndexOf('\nstopped\n'))
  const all: Record<string, Account> = {}
  for (const [, key = '', rest = ''] of words.matchAll(/^(\S+ → \S+): (.*)$/gm)) {
    const sum = (pattern: RegExp): number => [...rest.matchAll(pattern)].reduce((total, [, count]) => total + Number(count), 0)
    all[key] = {
      received: sum(/(\d+) received/g),
      restored: sum(/(\d+) from an earlier run/g),
      delivered: sum(/(\d+) delivered/g),
      refused: sum(/(\d+) refused/g),
      dropped: sum(/(\d+) dropped/g),
      dead_lettered: sum(/(\d+) in the dead letters/g),
      queue: sum(/(\d+) (?:lost|kept) in the queue/g),
      in_flight: sum(/(\d+) not answered/g),
    }
  }
  return all
}

/** An account in which everything has a fate. */
export function account(fates: Partial<Account> & Pick<Account, 'received'>): Account {
  return { ...NOTHING, ...fates }
}
