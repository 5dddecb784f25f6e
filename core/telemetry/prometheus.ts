// Metrics as Prometheus reads them. The page of `service.telemetry.metrics` writes this.
// Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4), and, for names, what the Collector's own page
// has by default: no suffix for a type or a unit.

import type { MetricAttributes } from '../component.ts'
import type { Metric } from './meter.ts'

export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function toPrometheus(metrics: readonly Metric[], target: MetricAttributes): string {
  let text = ''
  for (const metric of [...metrics].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (metric.points.length === 0) continue
    const name = nameOf(metric.name)
    text += `# HELP ${name} ${metric.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${metric.type}\n`
    if (metric.type !== 'histogram') {
      for (const { attributes, value } of metric.points) text += `${name}${labels(attributes)} ${number(value)}\n`
      continue
    }
    for (const { attributes, counts, sum } of metric.points) {
      let total = 0
      for (const [i, count] of counts.entries()) {
        total += count
        text += `${name}_bucket${labels({ ...attributes, le: i < metric.bounds.length ? number(metric.bounds[i]!) : '+Inf' })} ${total}\n`
      }
      text += `${name}_sum${labels(attributes)} ${number(sum)}\n${name}_count${labels(attributes)} ${total}\n`
    }
  }
  return `${text}# HELP target_info Target metadata\n# TYPE target_info gauge\ntarget_info${labels(target)} 1\n`
}

function nameOf(name: string): string {
  const legal = name.replaceAll(/[^A-Za-z0-9_:]/g, '_')
  return /^\d/.test(legal) ? `_${legal}` : legal
}

function labels(attributes: MetricAttributes): string {
  const pairs = Object.entries(attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${nameOf(key).replaceAll(':', '_')}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function number(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value)
}
