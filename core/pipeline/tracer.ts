// Where traces of the pipelines themselves are made, for whoever wants them. The graph asks it once for each way in and out; without one
// there is nothing on the way of a batch.

import type { Signal } from '../batch.ts'
import type { Consumer } from '../component.ts'

export interface Tracer {
  /** Around everything that becomes of what a receiver took. */
  received(receiver: string, signal: Signal, next: Consumer): Consumer
  /** Around what an exporter does. */
  sent(exporter: string, destination: Consumer): Consumer
}
