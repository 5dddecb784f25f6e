// Where an execution stands in its trace, and how that travels: W3C traceparent, tracestate and baggage, into and out of headers.
//
//   traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
//
// Source: https://www.w3.org/TR/trace-context/, https://www.w3.org/TR/baggage/

export interface TraceContext {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string
  /** 16 of them. */
  readonly spanId: string
  /** Whether whoever began the trace wants it kept. */
  readonly sampled: boolean
  readonly traceState?: string
  readonly baggage?: Readonly<Record<string, string>>
}

/** Headers in whatever form: a plain object, or what has `get` and `set`, such as `Headers` or a `Map`. */
export type Carrier = { [name: string]: string | readonly string[] | undefined } | GetterAndSetter
interface GetterAndSetter {
  get(name: string): string | null | undefined
  set(name: string, value: string): unknown
}

const TRACEPARENT = /^\s*([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\s*$/
const ZEROS = /^0+$/
/** What W3C Baggage asks everybody to carry at least. */
const MAX_BAGGAGE_BYTES = 8192
const MAX_BAGGAGE_MEMBERS = 64

/** Writes the context into the carrier, which it returns. One that cannot be written to, or not wholly, is left at that: never does it throw. */
export function inject<C extends Carrier>(context: TraceContext, carrier: C): C {
  try {
    writeAll(context, carrier)
  } catch {
    // Whoever calls wants to send a request, and can do so without.
  }
  return carrier
}

function writeAll(context: TraceContext, carrier: Carrier): void {
  write(carrier, 'traceparent', `00-${context.traceId}-${context.spanId}-${context.sampled ? '01' : '00'}`)
  if (context.traceState !== undefined && context.traceState !== '') write(carrier, 'tracestate', context.traceState)
  const baggage = baggageText(context.baggage ?? {})
  if (baggage !== '') write(carrier, 'baggage', baggage)
}

/** What the carrier says, for `parent` of `client.start`. Undefined where it has no valid `traceparent`, or cannot be read. */
export function extract(carrier: Carrier): TraceContext | undefined {
  try {
    return readAll(carrier)
  } catch {
    return undefined
  }
}

function readAll(carrier: Carrier): TraceContext | undefined {
  const match = TRACEPARENT.exec(read(carrier, 'traceparent') ?? '')
  if (match === null) return undefined
  const [, version, traceId, spanId, flags, more] = match
  if (version === 'ff' || (version === '00' && more !== undefined) || ZEROS.test(traceId!) || ZEROS.test(spanId!)) return undefined
  const traceState = read(carrier, 'tracestate')
  const baggage = baggageOf(read(carrier, 'baggage') ?? '')
  return {
    traceId: traceId!,
    spanId: spanId!,
    sampled: (Number.parseInt(flags!, 16) & 1) === 1,
    ...(traceState === undefined || traceState === '' ? {} : { traceState }),
    ...(Object.keys(baggage).length === 0 ? {} : { baggage }),
  }
}

function hasMethods(carrier: Carrier): carrier is GetterAndSetter {
  return typeof carrier['get'] === 'function' && typeof carrier['set'] === 'function'
}

function write(carrier: Carrier, name: string, value: string): void {
  if (hasMethods(carrier)) carrier.set(name, value)
  else carrier[name] = value
}

function read(carrier: Carrier, name: string): string | undefined {
  if (hasMethods(carrier)) return carrier.get(name) ?? undefined
  const key = Object.hasOwn(carrier, name) ? name : Object.keys(carrier).find((key) => key.toLowerCase() === name)
  const value = key === undefined ? undefined : carrier[key]
  // Headers that came several times: of traceparent that is none, the others are lists.
  return typeof value === 'object' ? value.join(',') : typeof value === 'string' ? value : undefined
}

/** Applications that are not type-checked hand over numbers. */
function baggageText(baggage: Readonly<Record<string, unknown>>): string {
  let text = ''
  for (const [key, value] of Object.entries(baggage).slice(0, MAX_BAGGAGE_MEMBERS)) {
    const member = `${encodeURIComponent(key.toWellFormed())}=${encodeURIComponent(String(value).toWellFormed())}`
    if (text.length + member.length + 1 > MAX_BAGGAGE_BYTES) break
    text += text === '' ? member : `,${member}`
  }
  return text
}

function baggageOf(text: string): Record<string, string> {
  if (text.length > MAX_BAGGAGE_BYTES) return {}
  const members = text.split(',').map((member) => {
    const [pair] = member.split(';')
    const at = pair!.indexOf('=')
    return at < 1 ? undefined : ([decoded(pair!.slice(0, at).trim()), decoded(pair!.slice(at + 1).trim())] as const)
  })
  return Object.fromEntries(members.filter((member) => member !== undefined))
}

/** As it is where it is not encoded as it should be. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
