// How a factory says which kind it is: plugins export what these return, and the loader reads `kind`. `eachSpan` returns such a one too.

import type { ConnectorFactory, ExporterFactory, ExtensionFactory, ProcessorFactory, ReceiverFactory } from './component.ts'
import type { ConfigSchema } from './config/schema.ts'

export function defineReceiver<const S extends ConfigSchema>(factory: ReceiverFactory<S>): ReceiverFactory<S> {
  return { ...factory, kind: 'receiver' }
}
export function defineProcessor<const S extends ConfigSchema>(factory: ProcessorFactory<S>): ProcessorFactory<S> {
  return { ...factory, kind: 'processor' }
}
export function defineExporter<const S extends ConfigSchema>(factory: ExporterFactory<S>): ExporterFactory<S> {
  return { ...factory, kind: 'exporter' }
}
export function defineConnector<const S extends ConfigSchema>(factory: ConnectorFactory<S>): ConnectorFactory<S> {
  return { ...factory, kind: 'connector' }
}
export function defineExtension<const S extends ConfigSchema>(factory: ExtensionFactory<S>): ExtensionFactory<S> {
  return { ...factory, kind: 'extension' }
}
