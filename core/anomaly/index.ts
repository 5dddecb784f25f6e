// The door for components that score spans and traces, and for the extension that owns the models.

export * from './annotations.ts'
export type { AnomalyModel, AnomalyScorer } from './anomaly-model.ts'
export { BatchTraces } from './batch-traces.ts'
export { FEATURES, FEATURE_NAMES, type Feature, type FeatureName, type Kind } from './features.ts'
export type { Judgement, Reason, Unscored } from './judgement.ts'
export { ScoringPool, type PoolOptions } from './pool.ts'
export { Scorer, type ScorerOptions } from './scorer.ts'
export { restore, SNAPSHOT_VERSION, snapshotOf } from './snapshot.ts'
