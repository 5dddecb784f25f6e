// Modules named under `plugins:`: found, imported, and their factories added to the registry. load.ts calls it.

import { existsSync, readFileSync } from 'node:fs'
import { findPackageJSON, registerHooks } from 'node:module'
import { dirname, isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { printable, quoted } from '../printable.ts'
import type { Fault, Path, Place } from './fault.ts'
import { ownVersion } from './own-package.ts'
import { SECTIONS, type AnyFactory, type Registry, type Section } from './registry.ts'
import type { Tree } from './tree.ts'
import { admits } from './version-range.ts'

/** Adds what the listed modules export; what does not load becomes a fault at its entry. */
export async function loadPlugins(list: Tree, registry: Registry, faults: Fault[]): Promise<void> {
  if (list.kind !== 'list') return
  for (const [index, item] of list.items.entries()) {
    if (item.kind !== 'scalar' || typeof item.value !== 'string') continue
    const path: Path = ['plugins', index]
    const report = (message: string): void => void faults.push({ place: item.place, path, message: printable(message) })
    await loadPlugin(item.value, item.place, registry, report)
  }
}

async function loadPlugin(name: string, place: Place, registry: Registry, report: (message: string) => void): Promise<void> {
  const folder = dirname(resolve(place.file))
  const from = pathToFileURL(resolve(place.file))
  const isPath = isAbsolute(name) || /^\.{1,2}[/\\]/.test(name)
  const file = isPath ? pathToFileURL(resolve(folder, name)) : undefined
  if (file !== undefined && !existsSync(file))
    return report(`plugin ${quoted(name)}: there is no file ${quoted(resolve(folder, name), 300)}`)
  const unfit = needsOther(isPath ? findPackageJSON(file!) : packageOf(name, from))
  if (unfit !== undefined) return report(`plugin ${quoted(name)} ${unfit}`)
  let exported: unknown
  try {
    exported = ((await importFrom(file?.href ?? name, from)) as { readonly default?: unknown }).default
  } catch (error) {
    return report(`plugin ${quoted(name)} ${whyNotLoaded(error, name, folder)}`)
  }
  const factories: readonly unknown[] = Array.isArray(exported) ? exported : [exported]
  if (factories.length === 0) report(`plugin ${quoted(name)} exports an empty list; accepted: ${FACTORY_ACCEPTED}`)
  for (const factory of factories) {
    const wrong = wrongWith(factory) ?? registry.add(sectionOf(factory), factory as AnyFactory, `in plugin ${quoted(name)}`)
    if (wrong !== undefined) report(`plugin ${quoted(name)}: ${wrong}`)
  }
}

function packageOf(name: string, from: URL): string | undefined {
  try {
    return findPackageJSON(name, from)
  } catch {
    return undefined // The import will say why.
  }
}

/** A plugin's `peerDependencies` say for which versions of this program it was made. */
function needsOther(packageFile: string | undefined): string | undefined {
  if (packageFile === undefined) return undefined
  try {
    const { peerDependencies } = JSON.parse(readFileSync(packageFile, 'utf8')) as { peerDependencies?: { millrace?: string } }
    const range = peerDependencies?.millrace
    if (range === undefined || admits(range, ownVersion()) !== false) return undefined
    return `was made for millrace ${range}; this is ${ownVersion()}. Install a version of it that was made for this one`
  } catch {
    return undefined // Whether a broken package.json matters, the import will say.
  }
}

function whyNotLoaded(error: unknown, name: string, folder: string): string {
  const code = (error as { readonly code?: unknown } | null)?.code
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  if (code === 'ERR_MODULE_NOT_FOUND' && text.includes(`'${name}'`)) {
    return `is not installed: no such package can be found from ${quoted(folder, 300)}; accepted: the name of an installed package, or a path that begins with ./`
  }
  return `failed to load: ${printable(text, 500)}`
}

const FACTORY_ACCEPTED =
  'a default export that is a factory, or a list of them, made by eachSpan, defineProcessor, defineExporter or another define function'
const KINDS: readonly string[] = SECTIONS.map((section) => section.slice(0, -1))

function sectionOf(factory: unknown): Section {
  return `${(factory as { readonly kind: string }).kind}s` as Section
}

function wrongWith(factory: unknown): string | undefined {
  if (typeof factory !== 'object' || factory === null) {
    const kind = factory === undefined ? 'nothing' : factory === null ? 'null' : `a ${typeof factory}`
    return `found ${kind} as its default export; accepted: ${FACTORY_ACCEPTED}`
  }
  const { type, kind, signals, schema, create, aliases = [] } = factory as Readonly<Record<string, unknown>>
  if (typeof type !== 'string' || !/^[a-z][a-z0-9_]{0,62}$/.test(type)) {
    return `its factory's "type" is ${shown(type)}; accepted: lower_snake_case`
  }
  const wrong = (field: string, value: unknown, accepted: string): string =>
    `the "${field}" of factory "${type}" is ${shown(value)}; accepted: ${accepted}`
  if (!KINDS.includes(kind as string)) return wrong('kind', kind, `${KINDS.join(', ')}, which defineProcessor and its like fill in`)
  if (!isTextList(signals)) return wrong('signals', signals, 'a list of traces, metrics, logs')
  if (!isTextList(aliases)) return wrong('aliases', aliases, 'a list of other spellings, as text')
  if (typeof schema !== 'object' || schema === null) return wrong('schema', schema, 'a JSON Schema')
  if (typeof create !== 'function') return wrong('create', create, 'a function')
  if (kind === 'connector' && !('routes' in factory)) return wrong('routes', undefined, 'the signals that go out, by signal that comes in')
  return undefined
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string')
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing'
  if (typeof value === 'string') return quoted(value, 60)
  return Array.isArray(value) ? 'a list' : `of type ${typeof value}`
}

const PREFIX = 'millrace-plugin:'
let isHooked = false

/** As if a module beside the configuration file imported it; and `millrace` is this program, so that its classes are the same. */
async function importFrom(specifier: string, from: URL): Promise<unknown> {
  if (!isHooked) hookResolution()
  isHooked = true
  // Both are in the name, because Node remembers what a name was resolved to.
  return import(`${PREFIX}${encodeURIComponent(from.href)}:${specifier}`)
}

function hookResolution(): void {
  const extension = import.meta.filename.endsWith('.ts') ? 'ts' : 'js'
  const own = new Map([
    ['millrace', new URL(`../plugin.${extension}`, import.meta.url).href],
    ['millrace/testing', new URL(`../testing/index.${extension}`, import.meta.url).href],
  ])
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (!specifier.startsWith(PREFIX)) return nextResolve(own.get(specifier) ?? specifier, context)
      const [from, ...name] = specifier.slice(PREFIX.length).split(':')
      return nextResolve(name.join(':'), { ...context, parentURL: decodeURIComponent(from!) })
    },
  })
}
