// What is looked at in a span or a trace: the names that users switch, what each means, how it reads as a reason. The schema of the extension
// `anomaly_model`, its page and the scorer read this table.

import { CHILDREN, CRITICAL_PATH, DURATION, FAN_OUT, GAP, REPEATS, SELF_TIME, SPANS } from './measures.ts'

export const FEATURE_NAMES = [
  'duration',
  'self_time',
  'critical_path',
  'children',
  'repeats',
  'fan_out',
  'gap',
  'errors',
  'operation',
  'edge',
  'missing',
  'spans',
] as const
export type FeatureName = (typeof FEATURE_NAMES)[number]

export interface Feature {
  readonly name: FeatureName
  /** Which measure's residual it is; undefined: it is computed otherwise. */
  readonly measure?: number
  /** Whether less than usual counts, too. */
  readonly isTwoSided?: boolean
  readonly unit: string
  readonly description: string
}

export const FEATURES: readonly Feature[] = [
  { name: 'duration', measure: DURATION, unit: 'ms', description: 'It took longer than the operation usually does.' },
  {
    name: 'self_time',
    measure: SELF_TIME,
    unit: '1',
    description: 'A larger share of its time than usual was spent in the span itself, not in those it called.',
  },
  {
    name: 'critical_path',
    measure: CRITICAL_PATH,
    unit: '1',
    description: 'The trace waited for it for a larger share of its time than usual.',
  },
  { name: 'children', measure: CHILDREN, isTwoSided: true, unit: '{span}', description: 'It called more, or fewer, spans than usual.' },
  { name: 'repeats', measure: REPEATS, unit: '{span}', description: 'It called the same operation more often than usual, as retries do.' },
  { name: 'fan_out', measure: FAN_OUT, unit: '{span}', description: 'More of those it called ran side by side than usual.' },
  { name: 'gap', measure: GAP, unit: 'ms', description: 'It waited longer than usual between two calls.' },
  {
    name: 'errors',
    unit: '1',
    description:
      'It has an error, where those are rare: how many times fewer than one in ten spans usually have, and whether they come more often now.',
  },
  { name: 'operation', unit: '{span}', description: 'The operation was seen less than `min_samples` times.' },
  { name: 'edge', unit: '{span}', description: 'A known operation called one that it hardly ever calls.' },
  { name: 'missing', unit: '{span}', description: 'It did not call an operation that it nearly always calls.' },
  {
    name: 'spans',
    measure: SPANS,
    isTwoSided: true,
    unit: '{span}',
    description: 'The trace has more, or fewer, spans than those that begin with the same operation. Of whole traces only.',
  },
]

/** Two kinds of models: a row is one span, or one whole trace. */
export type Kind = 'spans' | 'traces'

/** Which features a model has, in the order of its rows; the user's own attributes follow. */
export function featuresOf(kind: Kind, without: readonly string[]): readonly Feature[] {
  return FEATURES.filter(({ name }) => !without.includes(name) && (kind === 'traces' || name !== 'spans'))
}
