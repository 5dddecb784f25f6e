// Makes policies of what users wrote, which the loader has checked.

import type { AnomalyModel } from '../../core/anomaly/index.ts'
import { goPattern } from '../../core/factory.ts'
import { BooleanAttribute, NumericAttribute, oneOfPatterns, oneOfTexts, StringAttribute } from './attribute-policies.ts'
import { Budget } from './budget.ts'
import { And, Composite, Not } from './combined-policies.ts'
import { type Cells, DROPPED, type Foreseer, type Policy } from './policy.ts'
import type { PolicyConfig } from './policy-schema.ts'
import { Probabilistic } from './probabilistic.ts'
import { BytesLimiting, RateLimiting } from './rate-policies.ts'
import { AlwaysSample, Latency, SpanCount, StatusCode } from './simple-policies.ts'
import { TraceFlags, TraceState } from './trace-state.ts'

export interface Compiling {
  readonly cells: Cells
  /** Told why a condition has no answer. */
  readonly report: (policy: string, reason: string) => void
  /** Gives a part of a composite policy its number. */
  readonly number: (name: string) => number
  /** Where a policy puts itself whose answer takes a moment. */
  readonly foreseers: Foreseer[]
  readonly model: ((id: string) => AnomalyModel) | undefined
}

const REMEMBERED_TEXTS = 128

export async function compilePolicy(config: PolicyConfig, compiling: Compiling): Promise<Policy> {
  const { cells } = compiling
  const all = (configs: readonly PolicyConfig[]): Promise<Policy[]> => Promise.all(configs.map((one) => compilePolicy(one, compiling)))
  switch (config.type) {
    case 'and':
      return new And(await all(config.and!.and_sub_policy))
    case 'drop':
      return new And(await all(config.drop!.drop_sub_policy), DROPPED)
    case 'not':
      return new Not([await compilePolicy(config.not!.not_sub_policy, compiling)])
    case 'composite':
      return compositeOf(config.composite!, compiling)
    case 'condition': {
      // The language is loaded where it is used.
      const { Condition } = await import('./condition.ts')
      const { span, error_mode: mode } = config.condition!
      return new Condition(cells, span, mode, (reason) => compiling.report(config.name, reason))
    }
    case 'anomaly': {
      const { Anomaly } = await import('./anomaly.ts')
      const { model, min_score: minScore } = config.anomaly!
      if (compiling.model === undefined)
        throw new TypeError(`the policy ${config.name} needs an anomaly model, and there are no extensions here`)
      const policy = new Anomaly(cells, compiling.model(model), minScore)
      compiling.foreseers.push(policy)
      return policy
    }
    default:
      return singlePolicy(config, cells)
  }
}

function singlePolicy(config: PolicyConfig, cells: Cells): Policy {
  switch (config.type) {
    case 'always_sample':
      return new AlwaysSample()
    case 'latency':
      return new Latency(cells, config.latency!.threshold_ms, config.latency!.upper_threshold_ms)
    case 'numeric_attribute': {
      const { key, min_value: least, max_value: most, invert_match: invert } = config.numeric_attribute!
      return new NumericAttribute(cells, key, least, most, invert)
    }
    case 'boolean_attribute':
      return new BooleanAttribute(
        cells,
        config.boolean_attribute!.key,
        config.boolean_attribute!.value,
        config.boolean_attribute!.invert_match,
      )
    case 'string_attribute':
      return stringPolicy(config.string_attribute!, cells)
    case 'probabilistic':
      return new Probabilistic(config.probabilistic!.hash_salt, config.probabilistic!.sampling_percentage)
    case 'status_code':
      return new StatusCode(cells, config.status_code!.status_codes)
    case 'rate_limiting':
      return new RateLimiting(config.rate_limiting!.spans_per_second, config.rate_limiting!.burst_capacity)
    case 'bytes_limiting':
      return new BytesLimiting(cells, config.bytes_limiting!.bytes_per_second, config.bytes_limiting!.burst_capacity)
    case 'span_count':
      return new SpanCount(config.span_count!.min_spans, config.span_count!.max_spans)
    case 'trace_state':
      return new TraceState(cells, config.trace_state!.key, config.trace_state!.values)
    case 'trace_flags':
      return new TraceFlags(cells)
    case 'budget':
      return new Budget(cells, config.budget!.spans_per_second)
    default:
      throw new TypeError(`there is no policy of type ${config.type}`)
  }
}

function stringPolicy(config: NonNullable<PolicyConfig['string_attribute']>, cells: Cells): Policy {
  const { key, values, enabled_regex_matching: arePatterns, cache_max_size: remembered, invert_match: invert } = config
  if (!arePatterns) return new StringAttribute(cells, key, oneOfTexts(values), invert)
  const patterns = values.map((value) => {
    const pattern = goPattern(value)
    if ('fault' in pattern) throw new TypeError(pattern.fault)
    return pattern.regexp
  })
  return new StringAttribute(cells, key, oneOfPatterns(patterns, remembered === 0 ? REMEMBERED_TEXTS : remembered), invert)
}

async function compositeOf(config: NonNullable<PolicyConfig['composite']>, compiling: Compiling): Promise<Policy> {
  const { max_total_spans_per_second: most, composite_sub_policy: configs, rate_allocation: shares } = config
  const parts = configs.map(async (one) => {
    const share = shares.find(({ policy }) => policy === one.name)
    const spansPerSecond = share === undefined ? 0 : share.percent > 0 ? (share.percent / 100) * most : most / configs.length
    return { policy: await compilePolicy(one, compiling), number: compiling.number(one.name), spansPerSecond: Math.trunc(spansPerSecond) }
  })
  return new Composite(await Promise.all(parts), most)
}
