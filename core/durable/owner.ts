// One process a folder: who has it stands in the file `owner`, and a process that is gone does not keep it. `files.ts` hands it to the log.

import { randomUUID } from 'node:crypto'
import { link, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

interface Owner {
  readonly pid: number
  /** When the process started, in ticks since the machine did, and which start of the machine: a pid is given again. Empty where there is no /proc. */
  readonly started: string
  readonly token: string
}

/** Another process has the folder, or another log of this one. */
export class InUseError extends Error {
  override readonly name = 'InUseError'
}

/** Folders that this process has: where nothing tells when a process started, its own pid in a file may be from before. */
const ours = new Set<string>()

/** Settles with what gives the folder back; rejects with the pid of whoever has it. */
export async function own(folder: string): Promise<() => Promise<void>> {
  const file = join(folder, 'owner')
  const me: Owner = { pid: process.pid, started: await startOf(process.pid), token: randomUUID() }
  const draft = `${file}.${me.token}`
  await writeFile(draft, JSON.stringify(me), { mode: 0o600 })
  try {
    // A link is made whole or not at all: nobody reads half of an owner.
    while (!(await linked(draft, file))) await clearStale(folder, file)
  } finally {
    await unlink(draft)
  }
  ours.add(me.token)
  return async () => {
    ours.delete(me.token)
    if ((await read(file))?.token === me.token) await unlink(file)
  }
}

/** The pid of the process that has the folder; undefined where none has, or it is gone. */
export async function ownerOf(folder: string): Promise<number | undefined> {
  const owner = await read(join(folder, 'owner'))
  return owner !== undefined && (await lives(owner)) ? owner.pid : undefined
}

async function linked(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Takes the file of a process that is gone out of the way. */
async function clearStale(folder: string, file: string): Promise<void> {
  const owner = await read(file)
  if (owner !== undefined && (await lives(owner))) {
    throw new InUseError(
      `${folder} is in use by the process with pid ${owner.pid}: a folder has one owner; stop that process, or configure another folder`,
    )
  }
  const aside = `${file}.${randomUUID()}`
  try {
    await rename(file, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  // Somebody else may have been as quick, and this be their file: they get it back.
  const moved = await read(aside)
  if (moved !== undefined && moved.token !== owner?.token) await linked(aside, file)
  await unlink(aside)
}

async function read(file: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Owner
  } catch {
    return undefined
  }
}

async function lives(owner: Owner): Promise<boolean> {
  if (owner.pid === process.pid) {
    const started = await startOf(process.pid)
    return started === '' ? ours.has(owner.token) : started === owner.started
  }
  try {
    process.kill(owner.pid, 0)
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const started = await startOf(owner.pid)
  return started === '' || owner.started === '' || started === owner.started
}

async function startOf(pid: number): Promise<string> {
  try {
    const [stat, boot] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile('/proc/sys/kernel/random/boot_id', 'utf8')])
    // The second field is a name in brackets, which may hold anything; starttime is the 22nd.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
    return `${boot.trim()} ${ticks}`
  } catch {
    return ''
  }
}
