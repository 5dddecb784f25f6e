// Where the programs for the real-server tests and the bench are kept, outside the checkout; every installer in this folder builds through it.

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const STAMP = 'installed.json'

export function cacheFolder(): string {
  return process.env['MILLRACE_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'millrace')
}

/** Why a test that needs these commands cannot run here, for tap's `skip`; false where all of them are on the path. */
export function lacks(...commands: readonly string[]): string | false {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const missing = commands.filter((command) => !folders.some((folder) => existsSync(join(folder, command))))
  return missing.length > 0 && `${missing.join(' and ')} not found on PATH: needed to install a real server`
}

/**
 * The folder that `build` has filled, now or earlier. It is named after the recipe (versions and input files), so a changed recipe is a
 * new install, and the stamp is written last, so an interrupted one starts again. Concurrent callers wait for the first.
 */
export async function installed(name: string, recipe: readonly string[], build: (folder: string) => Promise<void>): Promise<string> {
  const digest = createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12)
  const folder = join(cacheFolder(), `${name}-${digest}`)
  const stamp = join(folder, STAMP)
  if (existsSync(stamp)) return folder
  await mkdir(cacheFolder(), { recursive: true })
  const unlock = await lock(`${folder}.lock`)
  try {
    if (existsSync(stamp)) return folder
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder)
    await build(folder)
    await writeFile(stamp, JSON.stringify({ name, installed: new Date().toISOString() }))
    return folder
  } finally {
    await unlock()
  }
}

/** One holder a file, by process id: a lock whose holder is gone is taken over, so a killed install blocks nobody. */
async function lock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      const file = await open(path, 'wx')
      await file.writeFile(String(process.pid))
      await file.close()
      return () => rm(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = Number(await readFile(path, 'utf8').catch(() => ''))
    if (holder > 0 && !existsSync(`/proc/${holder}`)) await rm(path, { force: true })
    else await sleep(200)
  }
}

/** Runs one install command to its end; a failure carries the command and the last of what it printed. */
export async function install(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const env = { ...process.env, ...options.env }
  try {
    await run(command, [...args], { cwd: options.cwd ?? cacheFolder(), env, maxBuffer: 64 << 20 })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    const tail = `${stdout}${stderr}`.trim().split('\n').slice(-20).join('\n')
    throw new Error(`install: "${command} ${args.join(' ')}" failed:\n${tail}`, { cause: error })
  }
}
