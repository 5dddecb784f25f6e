// The door for processors whose settings are a list of actions on attributes; `actionSchema` and `actionFaults` are in core/factory.ts.

export { type ActionConfig } from './action-config.ts'
export { Actions } from './actions.ts'
export { textOf } from './convert.ts'
export { ITEMS, type Owner, RESOURCES } from './owners.ts'
