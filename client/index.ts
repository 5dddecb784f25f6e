// `millrace/client`: what applications import to report their executions over the trace protocol, in Node and in browsers.

export { type Client, createClient } from './client.ts'
export { type Carrier, extract, inject, type TraceContext } from './context.ts'
export type { Attributes, Execution, Outcome, StartOptions, Time, Update } from './execution.ts'
export type { ClientOptions, Counts, Drop, Fault, Keys, PrivateKey, Rejection, Sender, TransportName } from './options.ts'
