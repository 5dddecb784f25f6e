// What a graph is built with, and what it is made of: graph.ts and queues.ts build, service.ts starts and stops.

import type { Clock } from '../clock.ts'
import type { Lifecycle, Logger, Meter, MetricAttributes, Service } from '../component.ts'
import type { Ledger } from '../ledger.ts'
import type { Tracer } from './tracer.ts'

export interface Wiring {
  readonly log: (id: string) => Logger
  /** A component's own meter: what is given here is on everything that it measures. */
  readonly meter: (own: MetricAttributes) => Meter
  readonly clock: Clock
  readonly ledger: Ledger
  readonly service: Service
  /** Of the pipelines themselves, where anybody wants their traces. */
  readonly tracer?: Tracer
}

/** A component that can be started and stopped, named as errors name it: `receivers.otlp`. */
export interface Member {
  readonly name: string
  readonly component: Partial<Lifecycle>
}
