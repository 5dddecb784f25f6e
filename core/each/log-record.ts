// A processor of log records in one function. Plugin authors call it.

import type { ProcessorFactory, Settings } from '../component.ts'
import type { ConfigOf, ConfigSchema } from '../config/schema.ts'
import { type ItemPlugin, eachItem } from './item.ts'
import type { LogRecord } from '../otlp/log-record-cursor.ts'

export interface EachLogRecord<S extends ConfigSchema> extends ItemPlugin<S> {
  /** Synchronous. What it throws refuses the batch, and the sender is told to try again: the data is still theirs. */
  each(logRecord: LogRecord, config: ConfigOf<S>, settings: Settings): void
}

/** A processor in one function. It is synchronous, runs for every log record, and the batch goes on unchanged if it touched nothing. */
export function eachLogRecord<const S extends ConfigSchema>(plugin: EachLogRecord<S>): ProcessorFactory<S> {
  const { type, stability, schema } = plugin
  return eachItem<S>({ type, stability, schema, logRecord: (logRecord, config, settings) => plugin.each(logRecord, config, settings) })
}
