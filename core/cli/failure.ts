// Why a service could not start or stop cleanly, as a sentence that says what to do. `run` prints it.

import { printable } from '../printable.ts'

interface SystemError extends Error {
  readonly code: string
  readonly syscall: string
  readonly address?: string
  readonly port?: number
  readonly path?: string
}

const REMEDY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there; stop it or choose another endpoint',
  EADDRNOTAVAIL: 'no interface of this machine has that address; choose another endpoint',
  EACCES: 'this user may not; choose another place, or another user (ports below 1024 need privileges)',
  ENOENT: 'there is no such file or folder',
  ENOTFOUND: 'no such host is known; check the name',
  EMFILE: 'too many open files; raise the limit (ulimit -n)',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
}

/** The error's own words, with a remedy where the system's error is raw. */
export function explainFailure(error: unknown): string {
  if (!(error instanceof Error)) return printable(String(error))
  const system = systemErrorIn(error)
  const remedy = system === undefined ? undefined : REMEDY[system.code]
  // A component that has said it in a sentence of its own is not improved upon: raw messages name the code.
  if (system === undefined || remedy === undefined || !error.message.includes(system.code)) return printable(error.message, 2000)
  const where = error.message.slice(0, Math.max(0, error.message.indexOf(system.message)))
  return printable(`${where}${whatFailed(system)}: ${remedy}`, 2000)
}

function whatFailed({ syscall, address, port, path }: SystemError): string {
  if (address === undefined) return `cannot ${syscall}${path === undefined ? '' : ` ${path}`}`
  const host = address.includes(':') ? `[${address}]` : address
  return `cannot ${syscall} on ${host}${port === undefined ? '' : `:${port}`}`
}

/** The innermost: what wraps it has less to say. */
function systemErrorIn(error: unknown): SystemError | undefined {
  let found: SystemError | undefined
  // Causes may go round in a circle.
  for (let e = error, depth = 0; e instanceof Error && depth < 10; e = e.cause, depth++) if (isSystemError(e)) found = e
  return found
}

function isSystemError(error: Error): error is SystemError {
  const { code, syscall } = error as Partial<SystemError>
  return typeof code === 'string' && typeof syscall === 'string'
}
