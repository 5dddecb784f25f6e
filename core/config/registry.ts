// Every factory by section and type, built in or from a plugin, under all its spellings. load.ts fills it; the checks ask it.

import type { ConnectorFactory, ExporterFactory, ExtensionFactory, Factories, ProcessorFactory, ReceiverFactory } from '../component.ts'

export type Section = keyof Factories
export const SECTIONS: readonly Section[] = ['receivers', 'processors', 'exporters', 'connectors', 'extensions']
export type AnyFactory = ReceiverFactory | ProcessorFactory | ExporterFactory | ConnectorFactory | ExtensionFactory

/** `a receiver`, `an exporter` */
export function oneOf(section: Section): string {
  return `${section.startsWith('e') ? 'an' : 'a'} ${section.slice(0, -1)}`
}

export class Registry {
  readonly #bySpelling: Readonly<Record<Section, Map<string, AnyFactory>>> = {
    receivers: new Map(),
    processors: new Map(),
    exporters: new Map(),
    connectors: new Map(),
    extensions: new Map(),
  }
  readonly #origins = new Map<AnyFactory, string>()

  constructor(builtIn: Factories) {
    for (const section of SECTIONS) {
      for (const factory of builtIn[section]) {
        const clash = this.add(section, factory, 'built in')
        if (clash !== undefined) throw new Error(clash)
      }
    }
  }

  /** What is wrong, if a spelling is taken already; nothing is added then. */
  add(section: Section, factory: AnyFactory, origin: string): string | undefined {
    const spellings = [factory.type, ...(factory.aliases ?? [])]
    for (const spelling of spellings) {
      const other = this.#bySpelling[section].get(spelling)
      if (other !== undefined) {
        return `there are two ${section} of type "${spelling}": this one and one that is ${this.#origins.get(other)}; accepted: one of a type`
      }
    }
    for (const spelling of spellings) this.#bySpelling[section].set(spelling, factory)
    this.#origins.set(factory, origin)
    return undefined
  }

  find(section: Section, type: string): AnyFactory | undefined {
    return this.#bySpelling[section].get(type)
  }

  /** The types of a section, each in its first spelling. */
  types(section: Section): readonly string[] {
    return [...new Set([...this.#bySpelling[section].values()].map((factory) => factory.type))]
  }

  /** One text for both spellings of an id: `otlphttp/b` and `otlp_http/b` are the same component. */
  canonical(section: Section, id: string): string {
    const type = typeOf(id)
    return `${this.find(section, type)?.type ?? type}${id.slice(type.length)}`
  }
}

/** `otlp` for `otlp/two` */
export function typeOf(id: string): string {
  const slash = id.indexOf('/')
  return slash === -1 ? id : id.slice(0, slash)
}
