// What the generator sends, read by protobufjs code of OpenTelemetry's own: sizes, shares and ids are what every result says they are.

import { createRequire } from 'node:module'
import { join } from 'node:path'

import t from 'tap'

import { patch, prepareMessages, type Message } from './body.ts'

interface Decoded {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] }
    readonly scopeSpans: readonly { readonly spans: readonly DecodedSpan[] }[]
  }[]
}
interface KeyValue {
  readonly key: string
  readonly value: { readonly stringValue?: string }
}
interface DecodedSpan {
  readonly traceId: Buffer
  readonly spanId: Buffer
  /** Null where the field is left out. */
  readonly parentSpanId: Buffer | null
  readonly attributes: readonly KeyValue[]
  readonly events: readonly unknown[]
  readonly status: { readonly code: number } | null
}
const generated = join(import.meta.dirname, '../node_modules/otlp-transformer-0213/build/src/generated/root.js')
const root = createRequire(import.meta.url)(generated) as {
  opentelemetry: { proto: { collector: { trace: { v1: { ExportTraceServiceRequest: { decode(bytes: Uint8Array): Decoded } } } } } }
}
const { ExportTraceServiceRequest } = root.opentelemetry.proto.collector.trace.v1

const options = { run: 0xabcdef01, host: '127.0.0.1:4318', path: '/v1/traces', seed: 3 }

function spansOf(message: Message): DecodedSpan[] {
  const request = ExportTraceServiceRequest.decode(message.bytes.subarray(message.bodyAt))
  return request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => [...spans]))
}

/** Fifty spans or more, as the generator would send them from span `first` on. */
function sent(spans: number, first = 0): DecodedSpan[] {
  return prepareMessages({ ...options, spans }).flatMap((message, index) => {
    patch(message, first + index * spans)
    return spansOf(message)
  })
}

for (const spans of [1, 5, 100, 1000]) {
  t.test(`requests of ${spans}: ten attributes, two of them personal, an event on one in ten, an error on one in fifty`, async (t) => {
    const all = sent(spans)
    t.equal(all.length % 50, 0)
    t.ok(all.every(({ attributes }) => attributes.length === 10))
    const personal = /^(user\.email|client\.address|payment\.card\.number)$/
    t.ok(all.every(({ attributes }) => attributes.filter(({ key }) => personal.test(key)).length === 2))
    t.equal(all.filter(({ events }) => events.length === 1).length, all.length / 10)
    t.equal(all.filter(({ status }) => status?.code === 2).length, all.length / 50)
  })

  t.test(`requests of ${spans}: every span has its own id, every five share a trace, and parents are in the trace`, async (t) => {
    const all = [...sent(spans), ...sent(spans, 1_000_000)]
    const ids = new Set(all.map(({ traceId, spanId }) => traceId.toString('hex') + spanId.toString('hex')))
    t.equal(ids.size, all.length)
    t.equal(new Set(all.map(({ traceId }) => traceId.toString('hex'))).size, all.length / 5)
    const orphans = all.filter(({ traceId, parentSpanId }) => parentSpanId !== null && !ids.has(hex(traceId) + hex(parentSpanId)))
    t.equal(orphans.length, 0)
    t.equal(all.filter(({ parentSpanId }) => parentSpanId === null).length, all.length / 5)
  })
}

t.test('a request of 100 is about 465 bytes a span, from three services, and the message says its length', async (t) => {
  const [message] = prepareMessages({ ...options, spans: 100 })
  if (!message) return t.fail('no message')
  const body = message.bytes.subarray(message.bodyAt)
  t.ok(Math.abs(body.length / 100 - 465) < 5, `${body.length / 100} bytes a span`)
  t.match(message.bytes.subarray(0, message.bodyAt).toString(), new RegExp(`\r\nContent-Length: ${body.length}\r\n\r\n$`))
  const services = ExportTraceServiceRequest.decode(body).resourceSpans.map(({ resource }) => resource.attributes[0]?.value.stringValue)
  t.same(services, ['frontend', 'checkout', 'payment'])
})

t.test('card numbers pass the Luhn check, and users differ', async (t) => {
  const all = sent(100)
  const cards = all.map((span) => text(span, 'payment.card.number')).filter((card) => card !== undefined)
  t.equal(cards.length, 20)
  t.ok(cards.every((card) => card.length === 16 && luhn(card)))
  t.equal(new Set(all.map((span) => text(span, 'user.email'))).size, 20)
  t.ok(all.every((span) => /^customer-\d{5}@example\.com$/.test(text(span, 'user.email') ?? '')))
})

t.test('a size that would split a trace between requests is refused', async (t) => {
  t.throws(() => prepareMessages({ ...options, spans: 7 }), /got 7; accepted are 1 and the multiples of 5/)
})

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const text = (span: DecodedSpan, key: string): string | undefined => span.attributes.find((entry) => entry.key === key)?.value.stringValue

function luhn(card: string): boolean {
  const weighted = card.split('').map((digit, index) => Number(digit) * (index % 2 === 0 ? 2 : 1))
  return weighted.reduce((sum, digit) => sum + (digit > 9 ? digit - 9 : digit), 0) % 10 === 0
}
