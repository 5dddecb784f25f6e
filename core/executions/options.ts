// The sections `executions`, `metrics` and `remember` of receivers of the trace protocol: whatever they listen for, they keep executions alike.

import type { ConfigOf } from '../config/schema.ts'

const properties = {
  executions: {
    type: 'object',
    default: {},
    description: 'Executions that have begun and not ended.',
    properties: {
      max_open: {
        type: 'integer',
        minimum: 1,
        default: 100_000,
        description: 'How many may be open at once. Past it, what would open one more is answered `retry`.',
      },
      max_bytes: {
        type: 'integer',
        format: 'bytes',
        minimum: 1,
        default: 402_653_184,
        description: 'How many bytes they may take together. Past it, everything but what ends one is answered `retry`.',
      },
      timeout: {
        type: 'string',
        format: 'duration',
        default: '1h',
        description: 'How long one may be open. Then it is handed on as a span with status error and `mplp.status = "timeout"`.',
      },
      late_start_wait: {
        type: 'string',
        format: 'duration',
        default: '1s',
        description: 'How long an execution that has ended waits for a start that did not come; then its span is marked `mplp.incomplete`.',
      },
      remembered_ends: {
        type: 'integer',
        minimum: 1,
        default: 100_000,
        description:
          'How many ended executions are remembered. What comes late for them makes log records and metrics, and no second span.',
      },
    },
  },
  remember: {
    type: 'object',
    default: {},
    description: 'Messages that were accepted: the same one again is answered `duplicate`, and changes nothing.',
    properties: {
      messages: { type: 'integer', minimum: 1, default: 100_000, description: 'How many.' },
      for: { type: 'string', format: 'duration', default: '10m', description: 'For how long.' },
    },
  },
  metrics: {
    type: 'object',
    default: {},
    description: 'What messages measure.',
    properties: {
      identity: {
        type: 'string',
        enum: ['service', 'operation', 'execution'],
        default: 'operation',
        description:
          'Which attributes tell series apart: the service, with it the operation, or with both the trace and span id, which makes a series for every execution.',
      },
      window: {
        type: 'string',
        format: 'duration',
        default: '5ms',
        description:
          'How long measurements wait for others of their series: what came together is one point, with its least, greatest and sum.',
      },
    },
  },
  timeout: {
    type: 'string',
    format: 'duration',
    default: '8s',
    description: 'How long the pipelines may take to accept what a message produced; then it is answered `retry`.',
  },
  storage: {
    type: 'string',
    extension: 'storage',
    description:
      'The extension that keeps open executions and the memory of messages across a restart and a crash. Without it they are in memory.',
  },
} as const

/** An interface would not do as a schema: it might be added to. */
export type ExecutionsSchema = { readonly type: 'object'; readonly properties: typeof properties }
export const executionsSchema: ExecutionsSchema = { type: 'object', properties }
export type ExecutionsConfig = ConfigOf<ExecutionsSchema>
