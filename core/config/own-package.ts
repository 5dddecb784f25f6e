// This program's own package: its version for `--version` and for plugins that say which they need, and where it lies.

import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'

export function ownVersion(): string {
  return (JSON.parse(readFileSync(ownPackageFile(), 'utf8')) as { version: string }).version
}

/** Found upward from this file: it lies at another depth in the published package. */
export function ownPackageFile(): string {
  const file = findPackageJSON(import.meta.url)
  if (file === undefined) throw new Error(`there is no package.json above ${import.meta.filename}`)
  return file
}
