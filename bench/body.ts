// The requests that the generator sends: whole HTTP messages, encoded before the run and only patched during it (ids, and the user in
// the e-mail address), so that no two spans of a run are the same and the loop allocates nothing.

import { mix, SPANS_PER_TRACE } from './span-numbers.ts'
import { attribute, field, fixed64Field, varintField } from './wire.ts'

/** Every tenth span carries an event, every fiftieth an error: after fifty spans the shares are exact. */
const CYCLE = 50
const USER_DIGITS = 5

export interface Message {
  readonly bytes: Buffer
  /** Where the protobuf begins: before it stands the HTTP head. */
  readonly bodyAt: number
  readonly view: DataView
  readonly spans: number
  /** By span, in the order of their numbers: where its trace id stands; the span id follows 18 bytes later. */
  readonly traceIdAt: Int32Array
  /** By span: where its parent's id stands, or -1. */
  readonly parentIdAt: Int32Array
  /** By span: where the digits of its user's e-mail address stand. */
  readonly userAt: Int32Array
}

/** How a message goes out: the head that stands before its protobuf, whatever the protocol. */
export type Head = (length: number) => Buffer

export interface MessageOptions {
  readonly spans: number
  readonly run: number
  readonly host: string
  readonly path: string
  /** Makes the texts of one connection differ from another's. */
  readonly seed: number
  /** What stands before the protobuf; without it, the head of an HTTP request. */
  readonly head?: Head
}

/** One connection's messages: request r uses number r modulo their count, which makes the shares of events and errors exact. */
export function prepareMessages(options: MessageOptions): readonly Message[] {
  if (options.spans !== 1 && options.spans % SPANS_PER_TRACE !== 0) {
    throw new RangeError(`spans per request: got ${options.spans}; accepted are 1 and the multiples of ${SPANS_PER_TRACE}`)
  }
  const count = CYCLE / greatestDivisor(options.spans, CYCLE)
  return Array.from({ length: count }, (_, index) => prepareMessage(options, index * options.spans))
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}

function prepareMessage(options: MessageOptions, firstOrdinal: number): Message {
  const spans = Array.from({ length: options.spans }, (_, index) => encodeSpan(options, firstOrdinal + index))
  const body = SERVICES.map((service) => encodeService(service, spans)).filter((bytes) => bytes !== undefined)
  const length = body.reduce((sum, part) => sum + part.length, 0)
  const head = headOf(options, length)
  const bytes = Buffer.concat([head, ...body])
  const at = placesOf(spans, bytes, head.length)
  return {
    bytes,
    bodyAt: head.length,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    spans: options.spans,
    traceIdAt: Int32Array.from(at, (start) => start + 2),
    parentIdAt: Int32Array.from(at, (start, index) => (spans[index]?.place === 1 ? -1 : start + 30)),
    userAt: Int32Array.from(at, (start, index) => start + (spans[index]?.bytes.indexOf('@example.com') ?? 0) - USER_DIGITS),
  }
}

/** Where each span stands in the message: services follow one another, and within a service the spans keep their order. */
function placesOf(spans: readonly EncodedSpan[], message: Buffer, from: number): number[] {
  const at: number[] = []
  let cursor = from
  for (const { places } of SERVICES) {
    for (const [index, { place, bytes }] of spans.entries()) {
      if (!places.includes(place)) continue
      cursor = message.indexOf(bytes, cursor)
      at[index] = cursor
    }
  }
  return at
}

function headOf(options: MessageOptions, length: number): Buffer {
  return options.head === undefined ? httpHead(options, length) : options.head(length)
}

export function httpHead(options: { readonly host: string; readonly path: string }, length: number, encoding?: string): Buffer {
  const lines = [`POST ${options.path} HTTP/1.1`, `Host: ${options.host}`, 'Content-Type: application/x-protobuf']
  if (encoding !== undefined) lines.push(`Content-Encoding: ${encoding}`)
  return Buffer.from(`${lines.join('\r\n')}\r\nContent-Length: ${length}\r\n\r\n`, 'latin1')
}

/** Makes the message carry spans `firstSpan` and following. Not while it is being sent. */
export function patch(message: Message, firstSpan: number): void {
  const { view, bytes, spans, traceIdAt, parentIdAt, userAt } = message
  let trace = Math.floor(firstSpan / SPANS_PER_TRACE)
  let place = firstSpan % SPANS_PER_TRACE
  let [high, low, own] = [mix(trace), mix(trace ^ 0x5bd1e995), mix(trace ^ 0x2545f491)]
  for (let index = 0; index < spans; index++) {
    const at = traceIdAt[index] as number
    view.setUint32(at + 4, trace)
    view.setUint32(at + 8, high)
    view.setUint32(at + 12, low)
    view.setUint32(at + 18, own)
    const parentAt = parentIdAt[index] as number
    if (parentAt >= 0) view.setUint32(parentAt, own)
    let user = own % 100_000
    for (let digit = (userAt[index] as number) + USER_DIGITS - 1, left = USER_DIGITS; left > 0; left--, digit--) {
      bytes[digit] = 48 + (user % 10)
      user = (user / 10) | 0
    }
    if (++place === SPANS_PER_TRACE) {
      place = 0
      trace++
      high = mix(trace)
      low = mix(trace ^ 0x5bd1e995)
      own = mix(trace ^ 0x2545f491)
    }
  }
}

// ---------------------------------------------------------------- what the spans say

interface Service {
  readonly name: string
  readonly places: readonly number[]
}
const SERVICES: readonly Service[] = [
  { name: 'frontend', places: [1, 2] },
  { name: 'checkout', places: [3, 4] },
  { name: 'payment', places: [5] },
]

interface Operation {
  readonly name: string
  readonly kind: number
  readonly parent: number
  readonly attributes: readonly (readonly [string, string | number])[]
}
const OPERATIONS: readonly Operation[] = [
  {
    name: 'POST /api/checkout',
    kind: 2,
    parent: 0,
    attributes: [
      ['http.route', '/api/checkout'],
      ['url.path', '/api/checkout/confirm'],
      ['http.request.method', 'POST'],
    ],
  },
  {
    name: 'POST checkout:8080',
    kind: 3,
    parent: 1,
    attributes: [
      ['url.full', 'http://checkout:8080/orders'],
      ['http.request.method', 'POST'],
      ['server.address', 'checkout'],
    ],
  },
  {
    name: 'oteldemo.Checkout/PlaceOrder',
    kind: 2,
    parent: 2,
    attributes: [
      ['rpc.system', 'grpc'],
      ['rpc.service', 'oteldemo.CheckoutService'],
      ['rpc.method', 'PlaceOrder'],
    ],
  },
  {
    name: 'INSERT shop.orders',
    kind: 3,
    parent: 3,
    attributes: [
      ['db.system.name', 'postgresql'],
      ['db.query.text', 'INSERT INTO orders VALUES (?)'],
      ['db.namespace', 'shop'],
    ],
  },
  {
    name: 'oteldemo.Payment/Charge',
    kind: 2,
    parent: 3,
    attributes: [
      ['rpc.system', 'grpc'],
      ['rpc.service', 'oteldemo.PaymentService'],
      ['rpc.method', 'Charge'],
    ],
  },
]

interface EncodedSpan {
  /** 1 to 5, in its trace. */
  readonly place: number
  readonly bytes: Buffer
}

function encodeService(service: Service, spans: readonly EncodedSpan[]): Buffer | undefined {
  const own = spans.filter(({ place }) => service.places.includes(place))
  if (own.length === 0) return undefined
  const resource = field(
    1,
    attribute(1, 'service.name', service.name),
    attribute(1, 'service.version', '2.14.3'),
    attribute(1, 'host.name', `${service.name}-7c9d5b8f64-x2kqp`),
    attribute(1, 'telemetry.sdk.language', 'nodejs'),
  )
  const scope = field(1, field(1, '@opentelemetry/instrumentation-http'), field(2, '0.57.1'))
  return field(1, resource, field(2, scope, ...own.map(({ bytes }) => field(2, bytes))))
}

function encodeSpan(options: MessageOptions, ordinal: number): EncodedSpan {
  const place = (ordinal % SPANS_PER_TRACE) + 1
  const operation = OPERATIONS[place - 1] as Operation
  const failed = ordinal % CYCLE === 7
  const random = mix(options.seed * 1_000_003 + ordinal)
  const start = STARTED + BigInt(ordinal) * 1_000_000n
  const end = start + 5_000_000n + BigInt(random % 400_000_000)
  const bytes = Buffer.concat(
    [
      field(1, traceId(options.run)),
      field(2, spanId(place)),
      operation.parent === 0 ? '' : field(4, spanId(operation.parent)),
      field(5, operation.name),
      varintField(6, operation.kind),
      fixed64Field(7, start),
      fixed64Field(8, end),
      ...operation.attributes.map(([key, value]) => attribute(9, key, value)),
      attribute(9, 'user.email', `customer-${'0'.repeat(USER_DIGITS)}@example.com`),
      place === SPANS_PER_TRACE
        ? attribute(9, 'payment.card.number', cardNumber(random))
        : attribute(9, 'client.address', ipAddress(random)),
      attribute(9, 'response.status_code', failed ? 500 : 200),
      attribute(9, 'network.protocol.version', '1.1'),
      attribute(9, 'thread.id', random % 100),
      attribute(9, 'user_agent.original', 'Mozilla/5.0 (X11; Linux x86_64) ShopApp/5.1.2 okhttp/4.12.0 mob'),
      attribute(9, 'app.cart.items', (random >>> 8) % 20),
      ordinal % 10 === 3 ? field(11, fixed64Field(1, start), field(2, 'cache.miss'), attribute(3, 'cache.key', `cart:${random}`)) : '',
      failed ? field(15, field(2, 'upstream connect error'), varintField(3, 2)) : '',
    ].map((part) => Buffer.from(part)),
  )
  return { place, bytes }
}

const STARTED = BigInt(Date.now()) * 1_000_000n

function traceId(run: number): Buffer {
  const id = Buffer.alloc(16)
  id.writeUInt32BE(run)
  return id
}

function spanId(place: number): Buffer {
  return Buffer.from([0, 0, 0, 0, 0x5a, 0xc3, 0x96, place])
}

function ipAddress(random: number): string {
  return `203.0.${100 + (random % 100)}.${100 + ((random >>> 8) % 150)}`
}

/** Sixteen digits that pass the Luhn check, as a detector of cards demands. */
function cardNumber(random: number): string {
  const digits = `4111${String(random).padStart(11, '0')}`
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[index]) * (index % 2 === 0 ? 2 : 1)
    sum += digit > 9 ? digit - 9 : digit
  }
  return digits + ((10 - (sum % 10)) % 10)
}
