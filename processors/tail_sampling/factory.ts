// Processor `tail_sampling`: keeps whole traces, and the right ones. Its schema, and nothing else until a pipeline uses it.

import { type ConfigFault, type ConfigOf, parseDuration, type ProcessorFactory } from '../../core/factory.ts'
import { policyFaults } from './policy-faults.ts'
import { MOST_POLICIES, type PolicyConfig, policySchema } from './policy-schema.ts'

/* oxlint-disable typescript/no-unnecessary-type-assertion -- they let declarations be made from this file alone */
export const schema = {
  type: 'object',
  required: ['policies'],
  properties: {
    decision_wait: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description: 'How long after its first span a trace is decided.',
    },
    decision_wait_after_root_received: {
      type: 'string',
      format: 'duration',
      default: '0s',
      description: 'How long after its root span a trace is decided, where that is sooner; `0s`: the root changes nothing.',
    },
    num_traces: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000_000,
      default: 50_000,
      description:
        'How many traces may wait for their decision at once. One more, and the oldest is decided early, on what has come of it.',
    },
    max_bytes: {
      type: 'integer',
      format: 'bytes',
      minimum: 16_777_216,
      maximum: 15_032_385_536,
      default: 536_870_912,
      description:
        'The memory that waiting spans may take. Where it does not suffice, the oldest traces are decided early; where what was kept does not leave, senders are told to come back.',
    },
    maximum_trace_size_bytes: {
      type: 'integer',
      format: 'bytes',
      minimum: 0,
      default: 0,
      description:
        'A trace with more bytes of spans is dropped at once. `0`: none is; one that takes an eighth of `max_bytes` is decided early instead.',
    },
    block_on_overflow: {
      type: 'boolean',
      default: false,
      description: 'Whether senders wait for room, as long as their deadline allows, instead of traces being decided early.',
    },
    storage: {
      type: 'string',
      extension: 'storage',
      description:
        'A `file_storage` extension. With it, what waits and what was decided survives a crash, and a sender is answered once its spans are synced.',
    },
    expected_new_traces_per_sec: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: 'As in the Collector, where it is a hint for allocation; here memory grows and shrinks by itself.',
    },
    decision_cache: {
      type: 'object',
      default: {},
      properties: {
        sampled_cache_size: {
          type: 'integer',
          minimum: 0,
          maximum: 100_000_000,
          default: 50_000,
          description: 'For how many kept traces the decision is remembered, for spans that come late; `0`: for none.',
        },
        non_sampled_cache_size: {
          type: 'integer',
          minimum: 0,
          maximum: 100_000_000,
          default: 50_000,
          description: 'The same for traces that were not kept.',
        },
      },
    },
    sample_on_first_match: {
      type: 'boolean',
      default: false,
      description: 'Whether the first policy that keeps a trace ends the question, so that those after it are not asked.',
    },
    sampling_strategy: {
      enum: ['trace-complete'],
      default: 'trace-complete',
      description: 'As in the Collector; `span-ingest` is not supported.',
    },
    drop_pending_traces_on_shutdown: {
      type: 'boolean',
      default: false,
      description: 'Whether traces that wait when the program stops are dropped, instead of decided on what has come of them.',
    },
    dry_run: {
      type: 'boolean',
      default: false,
      description: 'Decides and measures, and drops nothing. With `explain` each span says what would have become of it.',
    },
    explain: {
      type: 'boolean',
      default: false,
      description: 'Whether each span that leaves says in its attributes what was decided, by which policy, and whether too early.',
    },
    policies: {
      type: 'array',
      items: policySchema as typeof policySchema,
      minItems: 1,
      maxItems: MOST_POLICIES as number,
      description: 'A trace is kept if one of them holds, unless one of type `drop` does.',
    },
  },
} as const
/* oxlint-enable typescript/no-unnecessary-type-assertion */

export type TailSamplingConfig = ConfigOf<typeof schema>

function check({ policies, decision_wait: wait }: TailSamplingConfig): readonly ConfigFault[] {
  const faults = [...policyFaults(policies as readonly PolicyConfig[], ['policies'])]
  if (parseDuration(wait) <= 0) faults.push({ path: ['decision_wait'], message: `found "${wait}"; accepted: a time, such as 10s` })
  return faults
}

async function checkDeeply({ policies }: TailSamplingConfig): Promise<readonly ConfigFault[]> {
  const asked = JSON.stringify(policies)
  if (!asked.includes('condition')) return []
  const { conditionFaults } = await import('./condition-faults.ts')
  return conditionFaults(policies as readonly PolicyConfig[], ['policies'])
}

export const factory: ProcessorFactory<typeof schema> = {
  type: 'tail_sampling',
  signals: ['traces'],
  stability: 'alpha',
  schema,
  check,
  checkDeeply,
  async create(config, next, settings) {
    const { TailSampling } = await import('./tail-sampling.ts')
    return TailSampling.of(config, next, settings)
  },
}
