// What can be chosen of the translation from OTLP to Prometheus. Both exporters put these into their schemas, and make options of them.

import type { ConfigFault } from '../component.ts'
import type { ConfigOf } from '../config/schema.ts'
import { quoted } from '../printable.ts'
import type { Strategy } from './names.ts'

export interface TranslationOptions {
  readonly strategy: Strategy
  /** In front of every metric's name; empty for none. */
  readonly namespace: string
  readonly constantLabels: Readonly<Record<string, string>>
  /** Which attributes of the resource are labels of every series, beside `job` and `instance`. */
  readonly resourceLabels: 'none' | 'all' | 'all but service' | ReadonlySet<string>
  readonly scopeLabels: boolean
  readonly targetInfo: boolean
  /** How many streams are remembered. */
  readonly maxStreams: number
}

/** Spread into an exporter's `properties`. */
export const translationProperties = {
  namespace: { type: 'string', default: '', description: 'Stands in front of the name of every metric, with a `_` between.' },
  translation_strategy: {
    enum: ['UnderscoreEscapingWithSuffixes', 'UnderscoreEscapingWithoutSuffixes', 'NoUTF8EscapingWithSuffixes', 'NoTranslation'],
    default: 'UnderscoreEscapingWithSuffixes',
    description:
      'What becomes of names: whether characters that PromQL has to quote become `_`, and whether unit and type (`_seconds`, `_total`) are added.',
  },
  resource_to_telemetry_conversion: {
    type: 'object',
    default: {},
    description: 'Attributes of the resource as labels of every series, not of `target_info` alone.',
    properties: {
      enabled: { type: 'boolean', default: false, description: 'All of them.' },
      exclude_service_attributes: {
        type: 'boolean',
        default: false,
        description: 'But not those that are `job` and `instance` already.',
      },
    },
  },
  promote_resource_attributes: {
    type: 'array',
    items: { type: 'string', minLength: 1 },
    default: [],
    description: 'Attributes of the resource, by their keys, that are labels of every series: the choice between none and all.',
  },
  disable_scope_info: {
    type: 'boolean',
    default: false,
    description:
      'Leave out the labels `otel_scope_name`, `otel_scope_version`, `otel_scope_schema_url` and those of the attributes of the scope.',
  },
  target_info: {
    type: 'object',
    default: {},
    description: 'The metric that says what is known of each resource.',
    properties: { enabled: { type: 'boolean', default: true, description: 'Whether there is one.' } },
  },
  delta: {
    enum: ['refuse', 'convert'],
    default: 'refuse',
    description:
      'What becomes of sums and histograms that count from report to report (delta temporality), of which Prometheus knows nothing: refused by name, or added up, before a queue has them.',
  },
  max_delta_streams: {
    type: 'integer',
    minimum: 1,
    default: 100_000,
    description: 'How many streams are added up at once where `delta` is `convert`; the points of more are refused.',
  },
  delta_max_stale: {
    type: 'string',
    format: 'duration',
    default: '5m',
    description: 'After how long without a point a stream that is added up is forgotten; it then begins at 0 again.',
  },
} as const

export type TranslationConfig = ConfigOf<{ readonly type: 'object'; readonly properties: typeof translationProperties }>

/** What every reader, and version 1.0 of remote write, takes for the name of a label. */
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** Of labels that the configuration gives to every series, under `key`. */
export function labelFaults(key: string, labels: Readonly<Record<string, string>>): readonly ConfigFault[] {
  const names = Object.keys(labels).filter((name) => !LABEL.test(name) || name === '__name__')
  return names.map((name) => ({
    path: [key, name],
    message: `found ${quoted(name)}; accepted: letters, digits and _, not beginning with a digit, and not __name__`,
  }))
}

export function translationOf(
  config: TranslationConfig,
  rest: Pick<TranslationOptions, 'constantLabels' | 'maxStreams'>,
): TranslationOptions {
  const { resource_to_telemetry_conversion: all, promote_resource_attributes: some } = config
  const every = all.exclude_service_attributes ? 'all but service' : 'all'
  return {
    strategy: config.translation_strategy,
    namespace: config.namespace,
    resourceLabels: all.enabled ? every : some.length === 0 ? 'none' : new Set(some),
    scopeLabels: !config.disable_scope_info,
    targetInfo: config.target_info.enabled,
    ...rest,
  }
}
