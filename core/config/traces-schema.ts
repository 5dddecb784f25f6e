// `service.telemetry.traces`: the program's own traces, with the Collector's keys, and what they come to. telemetry-schema.ts has it.

import { endpointFault, otlpTarget, type OtlpTarget, ownOtlpSchema, type OwnOtlpSettings } from './own-otlp-schema.ts'
import type { ConfigSchema } from './schema.ts'

/** Absent where there are none. */
export interface TracesConfig {
  /** Of the traces, which part is kept: 0 to 1. */
  readonly ratio: number
  readonly pushes: readonly TracePushOptions[]
}
export interface TracePushOptions extends OtlpTarget {
  /** How long a span may wait for others, in milliseconds. */
  readonly delayMs: number
  /** Spans. */
  readonly maxBatchSize: number
  readonly maxQueueSize: number
}

const EXPORTER: ConfigSchema = { type: 'object', required: ['otlp'], properties: { otlp: ownOtlpSchema('/v1/traces') } }
const ROOT: Readonly<Record<string, ConfigSchema>> = {
  always_on: { type: 'object', nullable: true, description: 'Every trace is kept.' },
  always_off: { type: 'object', nullable: true, description: 'None is.' },
  trace_id_ratio_based: {
    type: 'object',
    required: ['ratio'],
    properties: { ratio: { type: 'number', minimum: 0, maximum: 1, description: 'The part of the traces that is kept.' } },
  },
}

export const TRACES_SCHEMA: ConfigSchema = {
  type: 'object',
  default: {},
  description: "The program's own traces: what receivers take, and what exporters send.",
  properties: {
    level: {
      enum: ['none', 'basic', 'normal', 'detailed'],
      default: 'basic',
      description: '`none` turns traces off; the others are alike. Without `processors` there are none either.',
    },
    processors: {
      type: 'array',
      default: [],
      description: 'Who gets the traces.',
      items: {
        type: 'object',
        properties: {
          batch: {
            type: 'object',
            required: ['exporter'],
            properties: {
              schedule_delay: {
                type: 'integer',
                minimum: 1,
                default: 5000,
                description: 'How long a span may wait for others, in milliseconds.',
              },
              max_queue_size: { type: 'integer', minimum: 1, default: 2048, description: 'How many spans may wait; more are left out.' },
              max_export_batch_size: { type: 'integer', minimum: 1, default: 512, description: 'How many spans are sent at once.' },
              exporter: EXPORTER,
            },
          },
          simple: { type: 'object', required: ['exporter'], properties: { exporter: EXPORTER } },
        },
      },
    },
    sampler: {
      type: 'object',
      default: {},
      properties: {
        ...ROOT,
        parent_based: {
          type: 'object',
          properties: { root: { type: 'object', default: {}, properties: ROOT } },
        },
      },
    },
  },
}

interface Sampler {
  readonly always_on?: object | null
  readonly always_off?: object | null
  readonly trace_id_ratio_based?: { readonly ratio: number }
}
/** What TRACES_SCHEMA accepted. */
export interface TracesSettings {
  readonly level: 'none' | 'basic' | 'normal' | 'detailed'
  readonly processors: readonly {
    readonly batch?: {
      readonly schedule_delay: number
      readonly max_queue_size: number
      readonly max_export_batch_size: number
      readonly exporter: { readonly otlp: OwnOtlpSettings }
    }
    readonly simple?: { readonly exporter: { readonly otlp: OwnOtlpSettings } }
  }[]
  readonly sampler: Sampler & { readonly parent_based?: { readonly root: Sampler } }
}

/** Undefined where nobody would get a trace. */
export function tracesConfig({ level, processors, sampler }: TracesSettings): TracesConfig | undefined {
  const ratio = ratioOf(sampler.parent_based?.root ?? sampler)
  if (level === 'none' || ratio === 0 || processors.length === 0) return undefined
  const pushes = processors.map(({ batch, simple }) =>
    batch === undefined
      ? { ...otlpTarget(simple!.exporter.otlp), delayMs: 0, maxBatchSize: 512, maxQueueSize: 2048 }
      : {
          ...otlpTarget(batch.exporter.otlp),
          delayMs: batch.schedule_delay,
          maxBatchSize: batch.max_export_batch_size,
          maxQueueSize: batch.max_queue_size,
        },
  )
  return { ratio, pushes }
}

/** Without a sampler everything is kept. */
function ratioOf(sampler: Sampler): number {
  if ('always_off' in sampler) return 0
  return sampler.trace_id_ratio_based?.ratio ?? 1
}

/** What the schema cannot say, with its path below `traces`. */
export function tracesFaults({
  processors,
  sampler,
}: TracesSettings): readonly { readonly path: readonly (string | number)[]; readonly message: string }[] {
  const faults = processors.flatMap(({ batch, simple }, i) => {
    const path = ['processors', i]
    if ((batch === undefined) === (simple === undefined)) return [{ path, message: 'accepted: either "batch" or "simple"' }]
    const message = endpointFault((batch ?? simple)!.exporter.otlp.endpoint)
    return message === undefined
      ? []
      : [{ path: [...path, batch === undefined ? 'simple' : 'batch', 'exporter', 'otlp', 'endpoint'], message }]
  })
  if (Object.keys(sampler).length < 2) return faults
  return [
    ...faults,
    { path: ['sampler'], message: 'accepted: one of "always_on", "always_off", "trace_id_ratio_based" and "parent_based"' },
  ]
}
