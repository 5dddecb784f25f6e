// A YAML file as the checks see it: values with their places. Made by parse-yaml.ts; keys live in Maps, so that no name is special.

import type { Path, Place } from './fault.ts'

export type Tree = MapTree | ListTree | ScalarTree

export interface MapTree {
  readonly kind: 'map'
  readonly place: Place
  readonly entries: ReadonlyMap<string, Entry>
}
export interface Entry {
  /** Where the key stands. */
  readonly place: Place
  readonly value: Tree
}
export interface ListTree {
  readonly kind: 'list'
  readonly place: Place
  readonly items: readonly Tree[]
}
export interface ScalarTree {
  readonly kind: 'scalar'
  readonly place: Place
  readonly value: string | number | boolean | null
  /** What stands in the file. */
  readonly written: string
  /** With `${env:…}` expanded and no type given to it yet; present only where something from the environment is in the value. */
  readonly fromEnv?: string
}

/** What stands at `path`: the deepest part of it that exists. `key` is the place of its key or list entry. */
export function locate(tree: Tree, key: Place, path: Path): { readonly key: Place; readonly tree: Tree; readonly whole: boolean } {
  let [at, here] = [key, tree]
  for (const step of path) {
    if (here.kind === 'map' && here.entries.has(String(step))) {
      const entry = here.entries.get(String(step))!
      ;[at, here] = [entry.place, entry.value]
    } else if (here.kind === 'list' && here.items[Number(step)] !== undefined) {
      here = here.items[Number(step)]!
      at = here.place
    } else return { key: at, tree: here, whole: false }
  }
  return { key: at, tree: here, whole: true }
}

/** An empty map where a key stands alone (`nop:`). */
export function asMap(tree: Tree): MapTree | undefined {
  if (tree.kind === 'map') return tree
  return tree.kind === 'scalar' && tree.value === null ? { kind: 'map', place: tree.place, entries: new Map() } : undefined
}

/** Later files win: maps merge key by key, lists and scalars replace. */
export function merge(first: Tree, second: Tree): Tree {
  if (first.kind !== 'map' || second.kind !== 'map') return second
  const entries = new Map(first.entries)
  for (const [key, entry] of second.entries) {
    const earlier = entries.get(key)
    entries.set(key, earlier === undefined ? entry : { place: entry.place, value: merge(earlier.value, entry.value) })
  }
  return { kind: 'map', place: first.place, entries }
}
