// A processor of spans in one function. Plugin authors call it.

import type { ProcessorFactory, Settings } from '../component.ts'
import type { ConfigOf, ConfigSchema } from '../config/schema.ts'
import { type ItemPlugin, eachItem } from './item.ts'
import type { Span } from '../otlp/span-cursor.ts'

export interface EachSpan<S extends ConfigSchema> extends ItemPlugin<S> {
  /** Synchronous. What it throws refuses the batch, and the sender is told to try again: the data is still theirs. */
  each(span: Span, config: ConfigOf<S>, settings: Settings): void
}

/** A processor in one function. It is synchronous, runs for every span, and the batch goes on unchanged if it touched nothing. */
export function eachSpan<const S extends ConfigSchema>(plugin: EachSpan<S>): ProcessorFactory<S> {
  const { type, stability, schema } = plugin
  return eachItem<S>({ type, stability, schema, span: (span, config, settings) => plugin.each(span, config, settings) })
}
