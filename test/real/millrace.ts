// The program under test: Millrace from this checkout, as a user starts it. Every real-server test runs its pipeline through it.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startProgram, type Program } from './servers/program.ts'

const MAIN = join(import.meta.dirname, '../../main.ts')

/** Ready when it says so itself. */
export async function startMillrace(yaml: string, env: Readonly<Record<string, string>> = {}): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-real-'))
  const config = join(folder, 'config.yaml')
  await writeFile(config, yaml)
  const args = [MAIN, 'run', '--config', config]
  const ready = (program: Program): boolean => /\bready\b/.test(program.output())
  const program = await startProgram({ name: 'millrace', command: process.execPath, args, env, ready })
  void program.exited.then(() => rm(folder, { recursive: true, force: true }))
  return program
}
