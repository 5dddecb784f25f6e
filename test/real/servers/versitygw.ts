// versitygw: an S3 server whose buckets are folders. The archive is proved against it.

import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { install, installed } from './cache.ts'
import { freePort, listens, type Program, startProgram } from './program.ts'

const VERSION = '1.8.0'
const RECIPE = join(import.meta.dirname, 'versitygw')
const FILES = ['go.mod', 'go.sum', 'tools.go'] as const

/** The path of the program. A cold build takes about two minutes. */
export async function installVersitygw(): Promise<string> {
  const files = await Promise.all(FILES.map((name) => readFile(join(RECIPE, name), 'utf8')))
  const folder = await installed(`versitygw-${VERSION}`, files, async (folder) => {
    for (const name of FILES) await copyFile(join(RECIPE, name), join(folder, name))
    const env = { GONOSUMDB: '*', GOFLAGS: '-buildvcs=false' }
    const command = 'github.com/versity/versitygw/cmd/versitygw'
    await install('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', 'versitygw', command], { cwd: folder, env })
  })
  return join(folder, 'versitygw')
}

export interface Versitygw extends Program {
  readonly endpoint: string
  readonly port: number
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Where a bucket's objects lie as plain files. */
  folderOf(bucket: string): string
}

const CREDENTIALS = { accessKeyId: 'millrace-test', secretAccessKey: 'not-a-secret' } as const

/** With these buckets. `port` and `folder` to come back with what it had. */
export async function startVersitygw(
  buckets: readonly string[],
  { port: wanted, folder: kept }: { readonly port?: number; readonly folder?: string } = {},
): Promise<Versitygw> {
  const command = await installVersitygw()
  const port = wanted ?? (await freePort())
  const folder = kept ?? (await mkdtemp(join(tmpdir(), 'millrace-s3-')))
  for (const bucket of buckets) await mkdir(join(folder, bucket), { recursive: true })
  const program = await startProgram({
    name: 'versitygw',
    command,
    args: ['--port', `127.0.0.1:${port}`, 'posix', folder],
    env: { ROOT_ACCESS_KEY: CREDENTIALS.accessKeyId, ROOT_SECRET_KEY: CREDENTIALS.secretAccessKey },
    ready: () => listens(port),
  })
  return {
    ...program,
    port,
    endpoint: `http://127.0.0.1:${port}`,
    credentials: CREDENTIALS,
    folderOf: (bucket) => join(folder, bucket),
    async stop(graceMs) {
      await program.stop(graceMs)
      if (kept === undefined) await rm(folder, { recursive: true, force: true })
    },
  }
}
