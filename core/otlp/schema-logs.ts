// The grammar of log records, as schema.ts has that of spans. Source: opentelemetry-proto 1.9 (logs/v1).

import { AnyValue, KeyValue, type Message, Table } from './schema.ts'

export const LogRecord: Message = new Table('LogRecord')
  .scalar(1, 'timeUnixNano', 'fixed64')
  .scalar(2, 'severityNumber', 'enum')
  .scalar(3, 'severityText', 'string')
  .one(5, 'body', AnyValue)
  .many(6, 'attributes', KeyValue)
  .scalar(7, 'droppedAttributesCount', 'uint32')
  .scalar(8, 'flags', 'fixed32')
  .add(9, 'traceId', 'id', { size: 16, loose: true })
  .add(10, 'spanId', 'id', { size: 8, loose: true })
  .scalar(11, 'observedTimeUnixNano', 'fixed64')
  .scalar(12, 'eventName', 'string')
