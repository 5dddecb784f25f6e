// The door to open executions: receivers of the trace protocol make an `Executions`. It loads ajv: import it where a receiver is created.

export type { Answer, Told } from './answer.ts'
export { type Believer, believer } from './believer.ts'
export { Conversation, MessageQueue, oneMessageIn } from './conversation.ts'
export { ackOf, acksOf, GRPC_METHODS, messagesIn } from './grpc-messages.ts'
export type { OpenExecution } from './execution.ts'
export { Executions, type ExecutionsTools } from './executions.ts'
export type { Ownership, Permit } from './intake.ts'
export type { ExecutionsConfig } from './options.ts'
export { permitBy, READ, type Sees, seenBy } from './sight.ts'
export type { ExecutionDetails, ExecutionView } from './view.ts'
export type { ExecutionEvent, Happening } from './watchers.ts'
