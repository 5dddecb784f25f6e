// The instrumentation scope of spans, where its name is among those that are dimensions.
//
//   InstrumentationScope { string name = 1; string version = 2; }

import type { otlp } from '../../core/index.ts'
import { instrumentationScope } from '../../core/traces/index.ts'
import type { Scope } from './labels.ts'

/** `key` is what tells it from others. Undefined where it is no dimension. */
export function scopeOf(
  index: otlp.RequestIndex,
  scope: number,
  names: ReadonlySet<string>,
): (Scope & { readonly key: Buffer }) | undefined {
  if (names.size === 0) return undefined
  const { name, version } = instrumentationScope(index, scope)
  if (name === '' || !names.has(name)) return undefined
  return { name, version, key: Buffer.from(JSON.stringify([name, version])) }
}
