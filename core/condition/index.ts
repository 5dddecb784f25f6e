// The door for components that take conditions. It is not a part of core/index.ts, for it loads the language: import it inside `create` or
// `checkDeeply`.

export { conditionFault, Conditions, EvaluationError, type Verdict } from './condition.ts'
export type { ConditionContext } from './views.ts'
