// What a schema cannot say of policies. The factory asks before anything starts.

import type { ConfigFault } from '../../core/factory.ts'
import { goPattern, quoted } from '../../core/factory.ts'
import type { PolicyConfig } from './policy-schema.ts'

type Path = readonly (string | number)[]

/** Types that say everything by themselves. */
const WITHOUT_SECTION = new Set(['always_sample', 'trace_flags'])
/** Types whose section may be left out in the Collector, but then they never hold. */
const SECTIONS = new Set([
  'latency',
  'numeric_attribute',
  'boolean_attribute',
  'string_attribute',
  'probabilistic',
  'status_code',
  'rate_limiting',
  'bytes_limiting',
  'span_count',
  'trace_state',
  'condition',
  'budget',
  'anomaly',
  'ottl_condition',
  'and',
  'not',
  'drop',
  'composite',
])

/** Every policy in a list of them and in those, with its place. */
export function* eachPolicy(policies: readonly PolicyConfig[], path: Path): Iterable<readonly [policy: PolicyConfig, path: Path]> {
  for (const [i, policy] of policies.entries()) yield* within(policy, [...path, i])
}

function* within(policy: PolicyConfig, path: Path): Iterable<readonly [policy: PolicyConfig, path: Path]> {
  yield [policy, path]
  const { and, drop, not, composite } = policy
  if (and !== undefined) yield* eachPolicy(and.and_sub_policy, [...path, 'and', 'and_sub_policy'])
  if (drop !== undefined) yield* eachPolicy(drop.drop_sub_policy, [...path, 'drop', 'drop_sub_policy'])
  if (not !== undefined) yield* within(not.not_sub_policy, [...path, 'not', 'not_sub_policy'])
  if (composite !== undefined) yield* eachPolicy(composite.composite_sub_policy, [...path, 'composite', 'composite_sub_policy'])
}

export function policyFaults(policies: readonly PolicyConfig[], path: Path): readonly ConfigFault[] {
  const faults = [...sameNames(policies, path)]
  let budgets = 0
  for (const [policy, at] of eachPolicy(policies, path)) {
    faults.push(...sectionFaults(policy, at), ...ownFaults(policy, at))
    if (policy.type === 'budget' && ++budgets > 1)
      faults.push({ path: at, message: 'a second budget; accepted: one, for it counts what all policies keep' })
  }
  for (const [{ name, not, drop, composite }, at] of eachPolicy(policies, path)) {
    const within = [
      ...(drop?.drop_sub_policy ?? []),
      ...(composite?.composite_sub_policy ?? []),
      ...(not === undefined ? [] : [not.not_sub_policy]),
    ]
    if ([...eachPolicy(within, [])].some(([{ type }]) => type === 'budget'))
      faults.push({ path: at, message: `${quoted(name)} holds a budget; accepted: a budget by itself, or in an and` })
  }
  const parts = policies.reduce((sum, { composite }) => sum + (composite?.composite_sub_policy.length ?? 0), policies.length)
  if (parts > MOST_TOLD_APART)
    faults.push({ path, message: `${parts} policies with those in composites; accepted: up to ${MOST_TOLD_APART}` })
  return faults
}
/** A decision names its policy in seven bits. */
const MOST_TOLD_APART = 127

function* sameNames(policies: readonly { readonly name: string }[], path: Path): Iterable<ConfigFault> {
  const seen = new Set<string>()
  for (const [i, { name }] of policies.entries()) {
    if (seen.has(name))
      yield { path: [...path, i, 'name'], message: `${quoted(name)} is the name of an earlier policy, too; accepted: another one` }
    seen.add(name)
  }
}

function* sectionFaults(policy: PolicyConfig, path: Path): Iterable<ConfigFault> {
  const { type } = policy
  if (!WITHOUT_SECTION.has(type) && policy[type as keyof PolicyConfig] === undefined)
    yield { path, message: `the policy is of type ${type}, but has no section of that name; accepted: ${type}: { … }` }
  for (const key of Object.keys(policy))
    if (SECTIONS.has(key) && key !== type)
      yield { path: [...path, key], message: `means nothing to a policy of type ${type}; accepted there: ${type}` }
}

function* ownFaults(
  { type, numeric_attribute: numeric, string_attribute: text, composite }: PolicyConfig,
  path: Path,
): Iterable<ConfigFault> {
  if (type === 'numeric_attribute' && numeric !== undefined && numeric.min_value === 0 && numeric.max_value === 0)
    yield { path: [...path, type], message: 'has no bound; accepted: min_value, max_value or both, other than 0' }
  if (text?.enabled_regex_matching === true)
    for (const [i, value] of text.values.entries()) {
      const pattern = goPattern(value)
      if ('fault' in pattern) yield { path: [...path, 'string_attribute', 'values', i], message: pattern.fault }
    }
  if (composite !== undefined) yield* compositeFaults(composite, [...path, 'composite'])
}

function* compositeFaults(
  { composite_sub_policy: policies, policy_order: order, rate_allocation: shares }: NonNullable<PolicyConfig['composite']>,
  path: Path,
): Iterable<ConfigFault> {
  yield* sameNames(policies, [...path, 'composite_sub_policy'])
  const names = policies.map(({ name }) => name)
  // The Collector takes any order here, and follows the one in which the policies stand.
  if (order.length > 0 && order.join('\n') !== names.join('\n'))
    yield {
      path: [...path, 'policy_order'],
      message: `is not the order in which the policies stand, which is what counts; accepted: [${names.join(', ')}]`,
    }
  for (const [i, { policy }] of shares.entries())
    if (!names.includes(policy))
      yield {
        path: [...path, 'rate_allocation', i, 'policy'],
        message: `no policy here is called ${quoted(policy)}; accepted: ${names.join(', ')}`,
      }
}
