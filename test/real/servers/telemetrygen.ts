// telemetrygen, the Collector project's load generator, as a client that is made with the SDK for Go: built once from `telemetrygen/`.

import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { install, installed } from './cache.ts'

export const TELEMETRYGEN_VERSION = '0.161.0'
const RECIPE = join(import.meta.dirname, 'telemetrygen')
const FILES = ['go.mod', 'go.sum', 'tools.go'] as const
const COMMAND = 'github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen'

/** The path of the program. A cold build takes about a minute. */
export async function installTelemetrygen(): Promise<string> {
  const files = await Promise.all(FILES.map((name) => readFile(join(RECIPE, name), 'utf8')))
  const folder = await installed(`telemetrygen-${TELEMETRYGEN_VERSION}`, files, build)
  return join(folder, 'telemetrygen')
}

/** A module of our own imports the command, so that our go.sum checks every module: not each is in Go's checksum database. */
async function build(folder: string): Promise<void> {
  for (const name of FILES) await copyFile(join(RECIPE, name), join(folder, name))
  const env = { GONOSUMDB: '*', GOFLAGS: '-buildvcs=false' }
  await install('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', 'telemetrygen', COMMAND], { cwd: folder, env })
}
