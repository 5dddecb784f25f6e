// The attributes of the series that a span is counted in: the five that every series has, and the dimensions. Made once for each series.

import type { Label } from '../../core/series/index.ts'
import type { Config } from './schema.ts'

/** What of a span makes the five, and what else stands with them. */
export interface Facts {
  readonly service: string
  readonly name: string
  readonly kind: number
  readonly status: number
  /** Of the instrumentation scope, where that is a dimension. */
  readonly scope: Scope | undefined
  readonly isExtrapolated: boolean
}
export interface Scope {
  readonly name: string
  readonly version: string
}

const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']
const STATUSES = ['UNSET', 'OK', 'ERROR']

export class Labels {
  readonly #excluded: ReadonlySet<string>
  readonly #instanceId: string
  readonly #hasMethod: boolean

  /** `instanceId` tells what this process counts from what another does. */
  constructor(config: Config, instanceId: string) {
    this.#excluded = new Set(config.exclude_dimensions)
    this.#instanceId = instanceId
    this.#hasMethod = config.enable_metrics_sampling_method
  }

  *of(facts: Facts): Generator<Label> {
    yield* this.#own(facts)
    const { scope, isExtrapolated } = facts
    if (scope !== undefined) {
      yield ['span.instrumentation.scope.name', scope.name]
      if (scope.version !== '') yield ['span.instrumentation.scope.version', scope.version]
    }
    if (this.#hasMethod) yield ['sampling.method', isExtrapolated ? 'extrapolated' : 'counted']
  }

  *#own({ service, name, kind, status }: Facts): Generator<Label> {
    const own = [
      ['service.name', service],
      ['span.name', name],
      ['span.kind', textOf('SPAN_KIND_', KINDS, kind)],
      ['status.code', textOf('STATUS_CODE_', STATUSES, status)],
      ['collector.instance.id', this.#instanceId],
    ] as const
    for (const label of own) if (!this.#excluded.has(label[0])) yield label
  }
}

function textOf(prefix: string, names: readonly string[], number: number): string {
  const name = names[number]
  return name === undefined ? '' : prefix + name
}
