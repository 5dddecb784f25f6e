// What the schema of `span_metrics` cannot say of its configuration.

import { ascendingFaults, type ConfigFault, goPattern, quoted, zeroFaults } from '../../core/factory.ts'
import { globPattern } from './glob.ts'
import type { Config, DimensionConfig } from './schema.ts'

const OWN = ['service.name', 'span.name', 'span.kind', 'status.code', 'collector.instance.id']

export function faultsOf(config: Config): readonly ConfigFault[] {
  const { histogram, events } = config
  const faults = [
    ...dimensionFaults(['dimensions'], config.dimensions),
    ...dimensionFaults(['calls_dimensions'], config.calls_dimensions),
    ...dimensionFaults(['histogram', 'dimensions'], histogram.dimensions),
    ...dimensionFaults(['events', 'dimensions'], events.dimensions),
    ...ascendingFaults(['histogram', 'explicit', 'buckets'], histogram.explicit?.buckets ?? []),
    ...zeroFaults(['metrics_flush_interval'], config.metrics_flush_interval, '60s'),
  ]
  if (histogram.explicit !== undefined && histogram.exponential !== undefined)
    faults.push({ path: ['histogram'], message: 'has explicit and exponential; accepted: one of them' })
  if (events.enabled && events.dimensions.length === 0)
    faults.push({
      path: ['events', 'dimensions'],
      message: 'is empty; accepted where events are enabled: one or more attributes of events',
    })
  return faults
}

function dimensionFaults(path: readonly string[], dimensions: readonly DimensionConfig[]): ConfigFault[] {
  const faults: ConfigFault[] = []
  const names = new Set(OWN)
  const globs: [number, RegExp, string][] = []
  for (const [i, { name, glob, default: value }] of dimensions.entries()) {
    const fault = (message: string): void => void faults.push({ path: [...path, i], message })
    if ((name === undefined) === (glob === undefined)) fault('needs name or glob, and not both')
    if (glob !== undefined && value !== undefined) fault('has glob and default; a default needs a name')
    if (name !== undefined && names.has(name)) fault(`names ${quoted(name)}, which is a dimension already`)
    if (name !== undefined) names.add(name)
    if (glob === undefined) continue
    const pattern = compiled(glob)
    if (typeof pattern === 'string') fault(pattern)
    else globs.push([i, pattern, glob])
  }
  for (const [i, pattern, glob] of globs)
    for (const name of names)
      if (pattern.test(name))
        faults.push({ path: [...path, i], message: `the glob ${quoted(glob)} matches ${quoted(name)}, which is a dimension already` })
  return faults
}

function compiled(glob: string): RegExp | string {
  try {
    const pattern = globPattern(glob)
    const checked = goPattern(pattern.source)
    return 'fault' in checked ? checked.fault : pattern
  } catch (error) {
    return `the glob ${quoted(glob)} is none: ${(error as Error).message}`
  }
}
