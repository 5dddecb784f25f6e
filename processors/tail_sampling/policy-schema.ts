// Policies as users write them: the Collector's keys, and ours (`condition`, `budget`, `anomaly`). The factory puts the schema into its own, and
// compile.ts makes policies of what passes.

import type { ConfigSchema } from '../../core/factory.ts'

export interface PolicyConfig {
  readonly name: string
  readonly type: string
  readonly latency?: { readonly threshold_ms: number; readonly upper_threshold_ms: number }
  readonly numeric_attribute?: Attribute & { readonly min_value: number; readonly max_value: number }
  readonly boolean_attribute?: Attribute & { readonly value: boolean }
  readonly string_attribute?: Attribute & {
    readonly values: readonly string[]
    readonly enabled_regex_matching: boolean
    readonly cache_max_size: number
  }
  readonly probabilistic?: { readonly hash_salt: string; readonly sampling_percentage: number }
  readonly status_code?: { readonly status_codes: readonly string[] }
  readonly rate_limiting?: { readonly spans_per_second: number; readonly burst_capacity: number }
  readonly bytes_limiting?: { readonly bytes_per_second: number; readonly burst_capacity: number }
  readonly span_count?: { readonly min_spans: number; readonly max_spans: number }
  readonly trace_state?: { readonly key: string; readonly values: readonly string[] }
  readonly condition?: { readonly span: readonly string[]; readonly error_mode: 'ignore' | 'silent' | 'propagate' }
  readonly budget?: { readonly spans_per_second: number }
  readonly anomaly?: { readonly model: string; readonly min_score: number }
  readonly ottl_condition?: { readonly span?: readonly string[]; readonly spanevent?: readonly string[] }
  readonly and?: { readonly and_sub_policy: readonly PolicyConfig[] }
  readonly drop?: { readonly drop_sub_policy: readonly PolicyConfig[] }
  readonly not?: { readonly not_sub_policy: PolicyConfig }
  readonly composite?: {
    readonly max_total_spans_per_second: number
    readonly policy_order: readonly string[]
    readonly composite_sub_policy: readonly PolicyConfig[]
    readonly rate_allocation: readonly { readonly policy: string; readonly percent: number }[]
  }
}
interface Attribute {
  readonly key: string
  readonly invert_match: boolean
}

type Properties = Readonly<Record<string, ConfigSchema>>

const whole = (description: string, fallback = 0): ConfigSchema => ({
  type: 'integer',
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  default: fallback,
  description,
})
const integer = (description: string): ConfigSchema => ({
  type: 'integer',
  minimum: -Number.MAX_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
  default: 0,
  description,
})
const texts = (description: string): ConfigSchema => ({ type: 'array', items: { type: 'string' }, minItems: 1, description })
const section = (description: string, properties: Properties, required: readonly string[] = []): ConfigSchema => ({
  type: 'object',
  description,
  required,
  properties,
})
const KEY: ConfigSchema = { type: 'string', minLength: 1, description: 'The attribute, of a span or of its resource.' }
const INVERT: ConfigSchema = {
  type: 'boolean',
  default: false,
  description: 'Whether the policy holds for traces in which nothing matches, instead.',
}

/** What stands beside `name` and `type` where a policy is not made of others. */
const SINGLE: Properties = {
  latency: section('`type: latency`: from the earliest start to the latest end of its spans.', {
    threshold_ms: integer('Holds from so many milliseconds on; with an upper threshold, above so many.'),
    upper_threshold_ms: integer('And up to so many; 0 is no bound.'),
  }),
  numeric_attribute: section(
    '`type: numeric_attribute`: a whole number between two bounds, inclusive.',
    { key: KEY, min_value: integer('0 is no bound.'), max_value: integer('0 is no bound.'), invert_match: INVERT },
    ['key'],
  ),
  boolean_attribute: section(
    '`type: boolean_attribute`.',
    { key: KEY, value: { type: 'boolean', default: false, description: 'The value.' }, invert_match: INVERT },
    ['key'],
  ),
  string_attribute: section(
    '`type: string_attribute`: one of these texts.',
    {
      key: KEY,
      values: texts('The texts; with `enabled_regex_matching` patterns, which are found anywhere in a text.'),
      enabled_regex_matching: { type: 'boolean', default: false, description: 'Whether `values` are regular expressions.' },
      cache_max_size: whole('For how many texts what the patterns found is remembered; 0 is 128.'),
      invert_match: INVERT,
    },
    ['key', 'values'],
  ),
  probabilistic: section('`type: probabilistic`: a share of all traces, by a hash of the trace id.', {
    hash_salt: {
      type: 'string',
      default: '',
      description: 'Samplers with one salt choose the same traces; empty is the default of the Collector.',
    },
    sampling_percentage: { type: 'number', default: 0, minimum: 0, description: '100 and more are all.' },
  }),
  status_code: section(
    '`type: status_code`: the status of one of its spans.',
    { status_codes: { type: 'array', items: { enum: ['OK', 'ERROR', 'UNSET'] }, minItems: 1, description: 'Any of these.' } },
    ['status_codes'],
  ),
  rate_limiting: section('`type: rate_limiting`: traces, until there are so many spans.', {
    spans_per_second: whole('Spans a second, in the mean.'),
    burst_capacity: whole('Spans at once, and the largest trace that may pass; 0 is twice `spans_per_second`.'),
  }),
  bytes_limiting: section('`type: bytes_limiting`: traces, until there are so many bytes.', {
    bytes_per_second: whole('Bytes a second, in the mean.'),
    burst_capacity: whole('Bytes at once, and the largest trace that may pass; 0 is twice `bytes_per_second`.'),
  }),
  span_count: section('`type: span_count`: how many spans it has.', {
    min_spans: whole('At least so many.'),
    max_spans: whole('At most so many; 0 is no bound.'),
  }),
  trace_state: section(
    '`type: trace_state`: a member of the W3C tracestate of one of its spans.',
    { key: { type: 'string', minLength: 1, description: 'The member.' }, values: texts('Any of these values.') },
    ['key', 'values'],
  ),
  condition: section(
    '`type: condition`: conditions in CEL, as those of `filter` on spans.',
    {
      span: texts('It is enough that one of them holds for one of the spans.'),
      error_mode: {
        enum: ['ignore', 'silent', 'propagate'],
        default: 'ignore',
        description:
          'What a condition that has no answer comes to, because a value is of another type than it is used as: `ignore` logs it, `silent` does not, and it does not hold; with `propagate` the policy has no vote on the trace.',
      },
    },
    ['span'],
  ),
  budget: section(
    '`type: budget`: so many spans a second, whatever arrives, shared out among services and operations.',
    {
      spans_per_second: {
        type: 'integer',
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'What all policies together may keep. What others keep comes first.',
      },
    },
    ['spans_per_second'],
  ),
  anomaly: section(
    '`type: anomaly`: the whole trace is not like the others.',
    {
      model: {
        type: 'string',
        extension: 'anomaly_model',
        examples: ['anomaly_model'],
        description: 'The extension that knows what is usual.',
      },
      min_score: {
        type: 'number',
        minimum: 0,
        maximum: 1,
        default: 0,
        description: 'Holds from this score on, where it is over the bound of the model; 0: over that bound.',
      },
    },
    ['model'],
  ),
  ottl_condition: section('Conditions of the Collector in OTTL: refused, with the `condition` that they would be.', {
    error_mode: { type: 'string', description: 'See `condition.error_mode`.' },
    span: { type: 'array', items: { type: 'string' }, description: 'See `condition.span`.' },
    spanevent: { type: 'array', items: { type: 'string' }, description: 'There are no conditions on span events.' },
  }),
}
const SINGLE_TYPES: readonly string[] = ['always_sample', ...Object.keys(SINGLE), 'trace_flags']

function policy(types: readonly string[], sections: Properties): ConfigSchema {
  return {
    type: 'object',
    required: ['name', 'type'],
    properties: {
      name: { type: 'string', minLength: 1, description: 'For metrics and explanations; no two are the same.' },
      type: { enum: types, description: 'What it looks at; the section of that name says how.' },
      ...sections,
    },
  }
}
function listOf(items: ConfigSchema, description: string): ConfigSchema {
  return { type: 'array', items, minItems: 1, maxItems: MOST_POLICIES, description, folded: true }
}
/** Policies are told apart by six bits, and one number is nobody's. */
export const MOST_POLICIES = 63

const not = section(
  '`type: not`: holds where the policy below does not, and the other way round.',
  {
    not_sub_policy: {
      ...policy(SINGLE_TYPES, SINGLE),
      folded: true,
      description: 'The policy, as above: all types but `and`, `not`, `drop`, `composite`.',
    },
  },
  ['not_sub_policy'],
)
const and = section(
  '`type: and`: holds where all of the policies below do.',
  {
    and_sub_policy: listOf(
      policy([...SINGLE_TYPES, 'not'], { ...SINGLE, not: not }),
      'The policies, as above: all types but `and`, `drop`, `composite`.',
    ),
  },
  ['and_sub_policy'],
)

export const policySchema: ConfigSchema = policy([...SINGLE_TYPES, 'and', 'not', 'drop', 'composite'], {
  ...SINGLE,
  and,
  not,
  drop: section(
    '`type: drop`: the trace is dropped, whatever else holds, where all of the policies below hold.',
    {
      drop_sub_policy: listOf(
        policy([...SINGLE_TYPES, 'not'], { ...SINGLE, not: not }),
        'The policies, as above: all types but `and`, `drop`, `composite`.',
      ),
    },
    ['drop_sub_policy'],
  ),
  composite: section(
    '`type: composite`: the first of the policies below that holds decides, as long as it has spans left in this second.',
    {
      max_total_spans_per_second: whole('What the shares are shares of, and the most that each may have.'),
      policy_order: {
        type: 'array',
        items: { type: 'string' },
        default: [],
        description: 'The names of the policies, in the order in which they stand.',
      },
      composite_sub_policy: listOf(
        policy([...SINGLE_TYPES, 'and'], { ...SINGLE, and: and }),
        'The policies, as above: all types but `not`, `drop`, `composite`.',
      ),
      rate_allocation: {
        type: 'array',
        default: [],
        description: 'The share of each. A policy without one gets nothing.',
        items: {
          type: 'object',
          required: ['policy'],
          properties: {
            policy: { type: 'string', description: 'Its name.' },
            percent: { type: 'integer', default: 0, minimum: 0, maximum: 100, description: '0 is an equal part.' },
          },
        },
      },
    },
    ['composite_sub_policy'],
  ),
})
