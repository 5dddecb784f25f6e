// What a model says of spans or traces: scores, and why. Processors, policies and connectors read it.

/** Why there is no score. */
export type Unscored =
  /** The model has not seen enough traffic yet. */
  | 'warming up'
  /** The operation has not: the rest has its scores. */
  | 'not enough yet'
  /** The workers did not answer in time; the pipeline waits no longer. */
  | 'timeout'
  /** More waits to be scored than can be in time. */
  | 'busy'
  /** Its worker failed, and so did the next. */
  | 'set aside'

export interface Reason {
  /** A feature's name, or the key of a user's own attribute. */
  readonly feature: string
  /** What was found, in `unit`. */
  readonly value: number
  /** The middle of what is usual there; undefined where there is no such number. */
  readonly usual?: number
  readonly unit: string
  /** `service operation` of the span that it is about. */
  readonly operation: string
  /** In splits of a tree: how much shorter it made the way to be told apart. */
  readonly share: number
  /** One line for people. */
  readonly text: string
}

export interface Judgement {
  /** Why those without a score have none. Undefined: their operation is `not enough yet`. */
  readonly unscored?: Unscored
  /** By ordinal: 0 … 1; NaN where there is none. */
  readonly scores: Float32Array
  /** What is above is anomalous. */
  readonly bound: number
  /** Of one that is above the bound: the strongest first. */
  reasonsOf(ordinal: number): readonly Reason[]
  /** The share of the traffic that the model was trained on that has a lower score. */
  confidenceOf(ordinal: number): number
}
