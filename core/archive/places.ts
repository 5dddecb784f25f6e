// How objects of the archive are called: by the time of what is in them, each tenant apart. Whatever a tenant is called, its objects stay under the prefix, and no
// two tenants share a name.
//
//   <prefix>/2026/01/31/12/tenant=<tenant>/<name>.otlp.zst      without `tenant=…/` for those that name none
//   <prefix>/2026/01/31/12/tenant=<tenant>/<name>.otlp.zst.index
//   <prefix>/2026/01/31/12/tenant=<tenant>/<name>.otlp.zst.manifest.json
//   <prefix>/2026/01/31/tenant=<tenant>/<trace id>               in the layout with an object for each trace
//
// In a tenant's name everything but A–Z, a–z, 0–9, `-` and `_` stands as =XX, byte for byte of its UTF-8. What is longer than 200 characters then is its first 134,
// `==` and the SHA-256 of the name in hex.

import { hash } from 'node:crypto'

export type Compression = 'none' | 'gzip' | 'zstd'
export type Encoding = 'otlp_proto' | 'otlp_json'

export const INDEX_SUFFIX = '.index'
export const MANIFEST_SUFFIX = '.manifest.json'
const PLAIN = /^[A-Za-z0-9_-]$/
/** Disks take names of 255 bytes. `==` is in none that is shorter. */
const LONGEST = 200
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export interface Layout {
  /** Without a slash at its ends; may be empty. */
  readonly prefix: string
  readonly encoding: Encoding
  readonly compression: Compression
}

/** The hour, in milliseconds since 1970, in which a time lies. */
export function hourOf(unixMs: number): number {
  return Math.floor(unixMs / HOUR_MS) * HOUR_MS
}

/** Where an object of that hour goes. `name` is [0-9a-z-]+ and the archive's own. */
export function placeOf({ prefix, encoding, compression }: Layout, tenant: string, hourMs: number, name: string): string {
  const extension = `${encoding === 'otlp_json' ? '.jsonl' : '.otlp'}${compression === 'none' ? '' : compression === 'gzip' ? '.gz' : '.zst'}`
  return joined(prefix, pathOf(hourMs, true), tenantFolder(tenant), `${name}${extension}`)
}

/** Where the object of a trace goes whose first span began then; ids are in hex. */
export function placeOfTrace({ prefix }: Layout, tenant: string, unixMs: number, traceId: string): string {
  return joined(prefix, pathOf(unixMs, false), tenantFolder(tenant), traceId)
}

/** Under which names everything lies that began between two times: whole days, in UTC. */
export function daysBetween({ prefix }: Pick<Layout, 'prefix'>, fromMs: number, toMs: number): readonly string[] {
  const days: string[] = []
  for (let day = Math.floor(fromMs / DAY_MS) * DAY_MS; day <= toMs; day += DAY_MS) days.push(`${joined(prefix, pathOf(day, false))}/`)
  return days
}

export function tenantFolder(tenant: string): string {
  if (tenant === '') return ''
  let encoded = ''
  for (const byte of Buffer.from(tenant)) {
    const character = String.fromCharCode(byte)
    encoded += PLAIN.test(character) ? character : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  if (encoded.length <= LONGEST) return `tenant=${encoded}`
  return `tenant=${encoded.slice(0, LONGEST - 66)}==${hash('sha256', tenant)}`
}

function pathOf(unixMs: number, withHour: boolean): string {
  const [day, time] = new Date(unixMs).toISOString().split('T') as [string, string]
  return `${day.replaceAll('-', '/')}${withHour ? `/${time.slice(0, 2)}` : ''}`
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('/')
}
