// The OpenTelemetry Collector as a real peer: built once by its own builder from `collector/`, started with a YAML text that the test gives.

import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { install, installed } from './cache.ts'
import { listens, startProgram, type Program } from './program.ts'

export const COLLECTOR_VERSION = '0.155.0'
const RECIPE = join(import.meta.dirname, 'collector')

/** The path of the program. A cold build takes about three minutes. */
export async function installCollector(): Promise<string> {
  const files = await Promise.all(['builder.yaml', 'go.mod', 'go.sum'].map((name) => readFile(join(RECIPE, name), 'utf8')))
  const folder = await installed(`collector-${COLLECTOR_VERSION}`, files, build)
  return join(folder, 'otelcol')
}

/**
 * The builder writes the sources only: its own `go mod tidy` asks for test-only modules that cannot be had everywhere, so the
 * resolved go.mod and go.sum stand beside builder.yaml. Not every module is in Go's checksum database; go.sum checks them all.
 */
async function build(folder: string): Promise<void> {
  const env = { GONOSUMDB: '*', GOFLAGS: '-buildvcs=false', GOBIN: join(folder, 'bin') }
  await install('go', ['install', `go.opentelemetry.io/collector/cmd/builder@v${COLLECTOR_VERSION}`], { env })
  await copyFile(join(RECIPE, 'builder.yaml'), join(folder, 'builder.yaml'))
  await install(join(folder, 'bin', 'builder'), ['--config', 'builder.yaml', '--skip-compilation', '--skip-get-modules'], {
    cwd: folder,
    env,
  })
  const sources = join(folder, 'out')
  for (const name of ['go.mod', 'go.sum']) await copyFile(join(RECIPE, name), join(sources, name))
  await install('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', join(folder, 'otelcol'), '.'], { cwd: sources, env })
}

/** Ready when it accepts connections on `port`. */
export async function startCollector(yaml: string, port: number, env: Readonly<Record<string, string>> = {}): Promise<Program> {
  const command = await installCollector()
  const folder = await mkdtemp(join(tmpdir(), 'millrace-collector-'))
  const config = join(folder, 'config.yaml')
  await writeFile(config, yaml)
  const program = await startProgram({ name: 'collector', command, args: ['--config', config], env, ready: () => listens(port) })
  void program.exited.then(() => rm(folder, { recursive: true, force: true }))
  return program
}
