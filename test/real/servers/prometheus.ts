// Prometheus as a real destination and as a real scraper: 3.15, built once from `prometheus/`, and the 2.42 that Debian has. Both are asked for
// what they have over their query API.

import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { install, installed } from './cache.ts'
import { freePort, type Program, startProgram } from './program.ts'

export const PROMETHEUS_VERSION = '0.315.0'
const DEBIAN_VERSION = '2.42'
const RECIPE = join(import.meta.dirname, 'prometheus')
const FILES = ['go.mod', 'go.sum', 'tools.go'] as const

/** The path of 3.15. A cold build takes about four minutes. */
export async function installPrometheus(): Promise<string> {
  const files = await Promise.all(FILES.map((name) => readFile(join(RECIPE, name), 'utf8')))
  const folder = await installed(`prometheus-${PROMETHEUS_VERSION}`, files, async (folder) => {
    for (const name of FILES) await copyFile(join(RECIPE, name), join(folder, name))
    const args = [
      'build',
      '-trimpath',
      '-tags',
      'remove_all_sd',
      '-ldflags=-s -w',
      '-o',
      'prometheus',
      'github.com/prometheus/prometheus/cmd/prometheus',
    ]
    await install('go', args, { cwd: folder, env: { GONOSUMDB: '*', GOFLAGS: '-buildvcs=false' } })
  })
  return join(folder, 'prometheus')
}

/** The path of Debian's. */
export async function installOldPrometheus(): Promise<string> {
  const folder = await installed(`prometheus-debian-${DEBIAN_VERSION}`, [DEBIAN_VERSION], async (folder) => {
    await install('apt-get', ['download', 'prometheus'], { cwd: folder })
    const [file] = (await readdir(folder)).filter((name) => name.startsWith(`prometheus_${DEBIAN_VERSION}`))
    if (file === undefined)
      throw new Error(`install: Debian has no prometheus ${DEBIAN_VERSION}; found ${(await readdir(folder)).join(', ') || 'nothing'}`)
    await install('dpkg', ['-x', file, '.'], { cwd: folder })
  })
  return join(folder, 'usr/bin/prometheus')
}

export interface Prometheus extends Program {
  readonly url: string
  readonly port: number
  /** Where remote write goes. */
  readonly write: string
  /** What `/api/v1/<path>` answers, under `data`. */
  ask(path: string, parameters?: Readonly<Record<string, string>>): Promise<unknown>
}

export interface PrometheusOptions {
  readonly command: string
  /** To come back with what it had. */
  readonly folder?: string
  readonly port?: number
  /** What it scrapes: its `scrape_configs`. */
  readonly scrapes?: readonly object[]
}

export async function startPrometheus({ command, folder: kept, port: wanted, scrapes = [] }: PrometheusOptions): Promise<Prometheus> {
  const port = wanted ?? (await freePort())
  const folder = kept ?? (await mkdtemp(join(tmpdir(), 'millrace-prometheus-')))
  const config = join(folder, 'prometheus.yaml')
  await writeFile(config, JSON.stringify({ scrape_configs: scrapes }))
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.enable-remote-write-receiver',
    '--enable-feature=native-histograms,exemplar-storage',
    '--log.level=warn',
  ]
  const url = `http://127.0.0.1:${port}`
  const ready = (): Promise<boolean> =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  const program = await startProgram({ name: 'prometheus', command, args, ready })
  if (kept === undefined) void program.exited.then(() => rm(folder, { recursive: true, force: true }))
  return {
    ...program,
    url,
    port,
    write: `${url}/api/v1/write`,
    async ask(path, parameters = {}) {
      const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`)
      const body = (await answer.json()) as { readonly status: string; readonly data: unknown; readonly error?: string }
      if (body.status !== 'success') throw new Error(`${path}: ${body.error ?? answer.status}`)
      return body.data
    },
  }
}
