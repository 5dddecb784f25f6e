// `service.telemetry`: what may stand there, with the Collector's keys, and what it comes to. service-schema.ts has it, load.ts reads it.

import type { Endpoint } from '../endpoint.ts'
import { quoted } from '../printable.ts'
import { endpointFault, otlpTarget, type OtlpTarget, ownOtlpSchema, type OwnOtlpSettings } from './own-otlp-schema.ts'
import type { ConfigSchema } from './schema.ts'
import { TRACES_SCHEMA, type TracesConfig, tracesConfig, tracesFaults, type TracesSettings } from './traces-schema.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

export interface TelemetryConfig {
  readonly logLevel: LogLevel
  /** `console`: lines for people. `json`: a JSON object a line. */
  readonly logEncoding: 'console' | 'json'
  readonly metrics: {
    readonly level: 'none' | 'basic' | 'normal' | 'detailed'
    /** Where Prometheus reads. `isDefault`: nobody asked for just this address. */
    readonly pages: readonly { readonly endpoint: Endpoint; readonly isDefault: boolean }[]
    readonly pushes: readonly (OtlpTarget & { readonly intervalMs: number })[]
  }
  readonly traces?: TracesConfig
  /** Attributes of the resource that the program's own telemetry comes from. */
  readonly resource: Readonly<Record<string, string>>
}

const PROMETHEUS: ConfigSchema = {
  type: 'object',
  description: 'A page for Prometheus, at `/metrics`.',
  properties: {
    host: { type: 'string', default: '127.0.0.1', description: 'The address to listen on.' },
    port: { type: 'integer', minimum: 0, maximum: 65_535, default: 8888, description: 'The port; 0 is any free one.' },
    without_scope_info: { enum: [true], default: true, description: 'As in the Collector; there is no other way.' },
    without_type_suffix: { enum: [true], default: true, description: 'As in the Collector; there is no other way.' },
    without_units: { enum: [true], default: true, description: 'As in the Collector; there is no other way.' },
  },
}
export const TELEMETRY_SCHEMA: ConfigSchema = {
  type: 'object',
  default: {},
  description: 'What the program tells of itself.',
  properties: {
    logs: {
      type: 'object',
      default: {},
      properties: {
        level: {
          enum: [...LOG_LEVELS, ...LOG_LEVELS.map((level) => level.toUpperCase())],
          default: 'info',
          description: 'The least important lines to log.',
        },
        encoding: { enum: ['console', 'json'], default: 'console', description: 'Lines for people, or a JSON object a line.' },
      },
    },
    metrics: {
      type: 'object',
      default: {},
      properties: {
        level: {
          enum: ['none', 'basic', 'normal', 'detailed'],
          default: 'normal',
          description: '`none` turns metrics off; the others are alike.',
        },
        readers: {
          type: 'array',
          description: 'Who gets the metrics. Without it, Prometheus can read them at 127.0.0.1:8888/metrics.',
          items: {
            type: 'object',
            properties: {
              pull: {
                type: 'object',
                required: ['exporter'],
                properties: { exporter: { type: 'object', required: ['prometheus'], properties: { prometheus: PROMETHEUS } } },
              },
              periodic: {
                type: 'object',
                required: ['exporter'],
                properties: {
                  interval: { type: 'integer', minimum: 1, default: 60_000, description: 'How often, in milliseconds.' },
                  timeout: { type: 'integer', minimum: 1, description: 'As in the Collector; that of the exporter counts.' },
                  exporter: { type: 'object', required: ['otlp'], properties: { otlp: ownOtlpSchema('/v1/metrics') } },
                },
              },
            },
          },
        },
      },
    },
    traces: TRACES_SCHEMA,
    resource: {
      type: 'object',
      default: {},
      properties: {
        attributes: {
          type: 'array',
          description: 'The same as a list, as newer Collectors have it.',
          items: {
            type: 'object',
            required: ['name', 'value'],
            properties: {
              name: { type: 'string', description: 'The key of an attribute.' },
              value: { type: 'string', description: 'Its value.' },
              type: { enum: ['string'], description: 'The type of its value.' },
            },
          },
        },
      },
      additionalProperties: { type: 'string' },
      description: "Attributes of the program's own resource, such as `service.name`.",
    },
  },
}

/** What TELEMETRY_SCHEMA accepted. */
export interface TelemetrySettings {
  readonly logs: { readonly level: string; readonly encoding: TelemetryConfig['logEncoding'] }
  readonly metrics: {
    readonly level: TelemetryConfig['metrics']['level']
    readonly readers?: readonly {
      readonly pull?: { readonly exporter: { readonly prometheus: { readonly host: string; readonly port: number } } }
      readonly periodic?: {
        readonly interval: number
        readonly exporter: { readonly otlp: OwnOtlpSettings }
      }
    }[]
  }
  readonly traces: TracesSettings
  readonly resource: {
    readonly attributes?: readonly { readonly name: string; readonly value: string }[]
  } & Readonly<Record<string, unknown>>
}

const DEFAULT_PAGE = { endpoint: { host: '127.0.0.1', port: 8888 }, isDefault: true }

export function telemetryConfig({ logs, metrics, traces, resource }: TelemetrySettings): TelemetryConfig {
  const readers = metrics.readers ?? []
  const pages = readers.flatMap(({ pull }) => {
    if (pull === undefined) return []
    const { host, port } = pull.exporter.prometheus
    return [{ endpoint: { host, port }, isDefault: false }]
  })
  const pushes = readers.flatMap(({ periodic }) => {
    if (periodic === undefined) return []
    return [{ ...otlpTarget(periodic.exporter.otlp), intervalMs: periodic.interval }]
  })
  const ofTraces = tracesConfig(traces)
  return {
    ...(ofTraces === undefined ? {} : { traces: ofTraces }),
    logLevel: logs.level.toLowerCase() as LogLevel,
    logEncoding: logs.encoding,
    metrics: { level: metrics.level, pages: metrics.readers === undefined ? [DEFAULT_PAGE] : pages, pushes },
    resource: resourceOf(resource),
  }
}

/** What the list says of a key goes before what stands beside the list. */
function resourceOf({ attributes = [], ...rest }: TelemetrySettings['resource']): Record<string, string> {
  const listed = attributes.map(({ name, value }): [string, string] => [name, value])
  // The schema has seen that the rest is text.
  return Object.fromEntries([...(Object.entries(rest) as [string, string][]), ...listed])
}

/** What the schema cannot say: a message for each fault, with its path below `service.telemetry`. */
export function telemetryFaults(
  settings: TelemetrySettings,
): readonly { readonly path: readonly (string | number)[]; readonly message: string }[] {
  const ofTraces = tracesFaults(settings.traces).map(({ path, message }) => ({ path: ['traces', ...path], message }))
  const ofMetrics = (settings.metrics.readers ?? []).flatMap(({ pull, periodic }, i) => {
    const path = ['metrics', 'readers', i]
    if ((pull === undefined) === (periodic === undefined)) return [{ path, message: 'accepted: either "pull" or "periodic"' }]
    if (pull !== undefined) {
      const { host } = pull.exporter.prometheus
      if (/^[^\s/]+$/.test(host)) return []
      return [
        {
          path: [...path, 'pull', 'exporter', 'prometheus', 'host'],
          message: `found ${quoted(host)}; accepted: an address or a name, such as 127.0.0.1`,
        },
      ]
    }
    const message = endpointFault(periodic!.exporter.otlp.endpoint)
    return message === undefined ? [] : [{ path: [...path, 'periodic', 'exporter', 'otlp', 'endpoint'], message }]
  })
  return [...ofMetrics, ...ofTraces]
}
