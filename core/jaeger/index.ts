// The door for exporters to Jaeger: spans as its own protocol has them.

export { postSpansRequest } from './request.ts'
