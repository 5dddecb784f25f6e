// Loading a configuration: from files to a ServiceConfig in which everything is valid, or one ConfigError with everything that is wrong.
// The commands `run` and `validate` call it.

import type { ConnectorFactory, ExporterFactory, ExtensionFactory, Factories, ProcessorFactory, ReceiverFactory } from '../component.ts'
import { Checker, type Part } from './check.ts'
import { readComponents, type Components, type Defined, type Tools } from './components.ts'
import { connectorFaults } from './connectors.ts'
import { parseDuration } from './duration.ts'
import { expand, type Environment } from './expand.ts'
import { ConfigError, inOrder, type Fault } from './fault.ts'
import { queueOptionsOf } from './queue-options.ts'
import { maskingOrderFaults } from './masking-order.ts'
import { parseYaml } from './parse-yaml.ts'
import { readExtensions, readPipelines, type Pipeline, type Use } from './pipelines.ts'
import { readText } from './read-text.ts'
import { referenceFaults } from './references.ts'
import { Registry, SECTIONS, type Section } from './registry.ts'
import { FILE_SCHEMA, type FileSettings } from './service-schema.ts'
import { secretsIn } from './secrets.ts'
import type { Configured, ServiceConfig } from './service.ts'
import { telemetryConfig, telemetryFaults } from './telemetry-schema.ts'
import { locate, merge, type MapTree } from './tree.ts'

/** One file. `file` is its path as the user gave it: errors print it, and paths of plugins are relative to it. */
export interface Source {
  readonly file: string
  readonly text: string
}
export interface Loaded {
  readonly config: ServiceConfig
  /** What is allowed but hardly meant. */
  readonly warnings: readonly Fault[]
  /** Every value that is secret: see secrets.ts. */
  readonly secrets: readonly string[]
}

/** Reads and checks `files`, of which later ones win. Throws a ConfigError and nothing else. */
export async function load(files: readonly string[], builtIn: Factories, environment: Environment): Promise<Loaded> {
  const faults: Fault[] = []
  const sources: Source[] = []
  for (const file of files) {
    const text = await readText(file, faults)
    if (text !== undefined) sources.push({ file, text })
  }
  if (faults.length > 0) throw new ConfigError(inOrder(faults, files))
  return loadSources(sources, builtIn, environment)
}

/** The same for texts that were read already. */
export async function loadSources(sources: readonly Source[], builtIn: Factories, environment: Environment): Promise<Loaded> {
  const faults: Fault[] = []
  const files = sources.map(({ file }) => file)
  const root = await readTrees(sources, environment, faults)
  if (root === undefined) throw new ConfigError(inOrder(faults, files))
  // What is wrong with a variable is said once, not again by the checks of the value.
  const unexpanded = new Set(faults.map(placeKey))

  const registry = new Registry(builtIn)
  const plugins = root.entries.get('plugins')?.value
  const before = faults.length
  if (plugins !== undefined) await (await import('./plugins.ts')).loadPlugins(plugins, registry, faults)
  const checker = await Checker.create(plugins !== undefined)
  const tools: Tools = { registry, checker, faults, incomplete: faults.length > before }

  const part: Part = { path: [], key: root.place, tree: root }
  const file = checker.check(part, FILE_SCHEMA)
  faults.push(...file.faults)
  if (file.faults.length === 0) faults.push(...faultsOfTelemetry(file.value as FileSettings, part))
  const components = await readComponents(root, tools)
  const pipelines = readPipelines(root, components, tools)
  const extensions = readExtensions(root, components, tools)
  faults.push(...connectorFaults(pipelines, components), ...maskingOrderFaults(pipelines, components))
  faults.push(
    ...referenceFaults([{ factory: { schema: FILE_SCHEMA }, part }, ...usedComponents(pipelines, extensions)], components, extensions),
  )

  const warnings = inOrder([...unused(components, pipelines, extensions), ...pipelines.flatMap(coupled)], files)
  const serious = faults.filter((fault, index) => index < before || !unexpanded.has(placeKey(fault)))
  if (serious.length > 0) throw new ConfigError(inOrder(serious, files), warnings)
  return { config: serviceConfig(file.value as FileSettings, pipelines, extensions), warnings, secrets: secretsOf(root, components) }
}

function faultsOfTelemetry({ service }: FileSettings, { tree, key }: Part): readonly Fault[] {
  return telemetryFaults(service.telemetry).map(({ path: inner, message }) => {
    const path = ['service', 'telemetry', ...inner]
    return { place: locate(tree, key, path).tree.place, path, message }
  })
}

function secretsOf(root: MapTree, components: Components): readonly string[] {
  const defined = SECTIONS.flatMap((section) => [...components.in(section)])
  return [...secretsIn(root, FILE_SCHEMA), ...defined.flatMap(({ part, factory }) => [...secretsIn(part.tree, factory?.schema)])]
}

function placeKey({ place }: Fault): string {
  return `${place.file}:${place.line}:${place.column}`
}

/** All files as one tree with its variables expanded, or undefined if one of them is not YAML that could be checked further. */
async function readTrees(sources: readonly Source[], environment: Environment, faults: Fault[]): Promise<MapTree | undefined> {
  let whole: MapTree | undefined
  let isReadable = true
  for (const { file, text } of sources) {
    const tree = await parseYaml(file, text, faults)
    if (tree === undefined) isReadable = false
    else if (tree.kind !== 'map') {
      isReadable = false
      const message = `found ${tree.kind === 'list' ? 'a list' : 'a single value'}; accepted: a map with ${Object.keys(FILE_SCHEMA.properties!).join(', ')}`
      faults.push({ place: tree.place, path: [], message })
    } else whole = whole === undefined ? tree : (merge(whole, tree) as MapTree)
  }
  return isReadable && whole !== undefined ? (expand(whole, environment, faults) as MapTree) : undefined
}

function unused(components: Components, pipelines: readonly Pipeline[], extensions: readonly Use[]): readonly Fault[] {
  const used = usedComponents(pipelines, extensions)
  return SECTIONS.flatMap((section) =>
    [...components.in(section)]
      .filter((defined) => !used.has(defined))
      .map(({ part }) => {
        const message = section === 'extensions' ? 'defined, but not listed in service.extensions' : 'defined, but no pipeline uses it'
        return { place: part.key, path: part.path, message: `${message}: it will not run` }
      }),
  )
}

/** Every destination of a pipeline is awaited before a sender is answered; one with a queue answers at once, and so do some connectors. */
function coupled({ exporters }: Pipeline): readonly Fault[] {
  const [first, ...others] = exporters
  if (first === undefined || others.length === 0) return []
  const awaited = exporters.filter(({ defined }) => !answersEarly(defined))
  const direct = awaited.filter(({ defined }) => !hasQueue(defined)).map(({ defined }) => defined.id)
  if (direct.length === 0) return []
  const asOthers = awaited.length > 1 ? ' as the others have' : ''
  const message =
    direct.length === 1
      ? `${direct[0]} has no sending_queue${asOthers}: when it is slow or down, senders wait for it, and then send again to all`
      : `${direct.slice(0, -1).join(', ')} and ${direct.at(-1)} are awaited together: one that is slow or down holds up the others, and senders then send again to all`
  return [{ place: first.place, path: first.path.slice(0, -1), message }]
}

function answersEarly({ factory, config }: Defined): boolean {
  const { answersEarly: early } = (factory ?? {}) as Pick<ConnectorFactory, 'answersEarly'>
  try {
    return typeof early === 'function' ? early(config) : early === true
  } catch {
    return false // its settings are wrong, which is a fault already
  }
}

function hasQueue({ factory, config }: Defined): boolean {
  try {
    return factory !== undefined && queueOptionsOf(factory.schema, config) !== undefined
  } catch {
    return false // its settings are wrong, which is a fault already
  }
}

function usedComponents(pipelines: readonly Pipeline[], extensions: readonly Use[]): ReadonlySet<Defined> {
  const uses = pipelines.flatMap(({ receivers, processors, exporters }) => [...receivers, ...processors, ...exporters])
  return new Set([...uses, ...extensions].map(({ defined }) => defined))
}

function serviceConfig(file: FileSettings, pipelines: readonly Pipeline[], extensions: readonly Use[]): ServiceConfig {
  const used = usedComponents(pipelines, extensions)
  const configured = <F>(section: Section): ReadonlyMap<string, Configured<F>> => {
    const ofSection = [...used].filter((defined) => defined.section === section)
    return new Map(ofSection.map(({ id, factory, config }) => [id, { id, factory: factory as F, config }]))
  }
  return {
    receivers: configured<ReceiverFactory>('receivers'),
    processors: configured<ProcessorFactory>('processors'),
    exporters: configured<ExporterFactory>('exporters'),
    connectors: configured<ConnectorFactory>('connectors'),
    extensions: configured<ExtensionFactory>('extensions'),
    pipelines: pipelines.map(({ id, signal, receivers, processors, exporters }) => ({
      id,
      signal,
      receivers: receivers.map(({ defined }) => defined.id),
      processors: processors.map(({ defined }) => defined.id),
      exporters: exporters.map(({ defined }) => defined.id),
    })),
    telemetry: telemetryConfig(file.service.telemetry),
    ...(file.service.dead_letters?.storage === undefined ? {} : { deadLetters: file.service.dead_letters.storage }),
    drainTimeoutMs: parseDuration(file.service.drain_timeout),
  }
}
