// What doors do around listening: a socket file that a dead process left is replaced, and an address that cannot be had is named in words.

import { existsSync, lstatSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { formatListenAddress, type ListenAddress } from './listen-address.ts'

/** How many senders may wait to be let in, when thousands come back at once; the system may allow fewer. Node's 511 turns the rest away for a second. */
export const BACKLOG = 4096

/** Calls `open`; rejects with an error that names the address where it cannot be had. */
export async function listen(address: ListenAddress, open: () => Promise<unknown>): Promise<void> {
  try {
    if ('path' in address) await removeStale(address.path)
    await open()
  } catch (error) {
    throw new Error(`cannot listen on ${formatListenAddress(address)}: ${reasonOf(error)}`, { cause: error })
  }
}

async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) {
    if (!existsSync(dirname(path))) throw new Error('its folder does not exist')
    return
  }
  if (!stat.isSocket()) throw new Error('something that is no socket is there; remove it or choose another path')
  if (await answers(path)) throw new Error('another process listens there; stop it or choose another path')
  unlinkSync(path)
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const probe = connect(path, () => resolve(true))
  // Whoever does not let us in is alive: only a socket that nobody serves refuses.
  probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'))
  return promise.finally(() => probe.destroy())
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE') return 'another process listens there; stop it or choose another endpoint'
  if (code === 'EADDRNOTAVAIL') return 'no interface of this machine has that address'
  if (code === 'EACCES') return 'not permitted; ports below 1024 need privileges'
  return error instanceof Error ? error.message : String(error)
}
