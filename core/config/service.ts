// A configuration that passed every check: what the loader hands to the pipeline builder. Plain values, so two of them can be compared.

import type { Signal } from '../batch.ts'
import type { ConnectorFactory, ExporterFactory, ExtensionFactory, ProcessorFactory, ReceiverFactory } from '../component.ts'
import type { TelemetryConfig } from './telemetry-schema.ts'

/** One component as configured: its factory, and its settings with defaults filled in. */
export interface Configured<F> {
  /** `type` or `type/name`, as written. */
  readonly id: string
  readonly factory: F
  readonly config: unknown
}

export interface PipelineConfig {
  /** `traces` or `traces/name`. */
  readonly id: string
  readonly signal: Signal
  /** Ids of receivers, or of connectors that end another pipeline. */
  readonly receivers: readonly string[]
  readonly processors: readonly string[]
  /** Ids of exporters, or of connectors that begin another pipeline. */
  readonly exporters: readonly string[]
}

/** Only components that a pipeline (or `service.extensions`) uses are here. */
export interface ServiceConfig {
  readonly receivers: ReadonlyMap<string, Configured<ReceiverFactory>>
  readonly processors: ReadonlyMap<string, Configured<ProcessorFactory>>
  readonly exporters: ReadonlyMap<string, Configured<ExporterFactory>>
  readonly connectors: ReadonlyMap<string, Configured<ConnectorFactory>>
  readonly extensions: ReadonlyMap<string, Configured<ExtensionFactory>>
  readonly pipelines: readonly PipelineConfig[]
  readonly telemetry: TelemetryConfig
  /** The id of the storage that keeps what destinations without a queue on disk refuse for good. */
  readonly deadLetters?: string
  /** How long stopping may take, in milliseconds. */
  readonly drainTimeoutMs: number
}
