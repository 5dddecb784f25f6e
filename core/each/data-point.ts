// A processor of data points in one function. Plugin authors call it.

import type { ProcessorFactory, Settings } from '../component.ts'
import type { ConfigOf, ConfigSchema } from '../config/schema.ts'
import { type ItemPlugin, eachItem } from './item.ts'
import type { DataPoint } from '../otlp/data-point-cursor.ts'

export interface EachDataPoint<S extends ConfigSchema> extends ItemPlugin<S> {
  /** Synchronous. What it throws refuses the batch, and the sender is told to try again: the data is still theirs. */
  each(dataPoint: DataPoint, config: ConfigOf<S>, settings: Settings): void
}

/** A processor in one function. It is synchronous, runs for every data point, and the batch goes on unchanged if it touched nothing. */
export function eachDataPoint<const S extends ConfigSchema>(plugin: EachDataPoint<S>): ProcessorFactory<S> {
  const { type, stability, schema } = plugin
  return eachItem<S>({ type, stability, schema, dataPoint: (dataPoint, config, settings) => plugin.each(dataPoint, config, settings) })
}
