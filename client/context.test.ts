import t from 'tap'
import { extract, inject } from './index.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const PARENT = `00-${TRACE}-${SPAN}-01`

t.test('what is injected is extracted', (t) => {
  const context = { traceId: TRACE, spanId: SPAN, sampled: false, traceState: 'a=1,b=2', baggage: { 'user id': 'früh, = ;', b: '' } }
  for (const carrier of [{}, new Headers(), new Map<string, string>()]) t.same(extract(inject(context, carrier)), context)
  t.same(inject({ traceId: TRACE, spanId: SPAN, sampled: true }, {}), { traceparent: PARENT }, 'nothing more than there is')
  t.end()
})

t.test('headers are found however they are written', (t) => {
  const expected = { traceId: TRACE, spanId: SPAN, sampled: true }
  t.same(extract({ TraceParent: PARENT }), expected)
  t.same(extract({ traceparent: ` ${PARENT} ` }), expected)
  t.same(extract({ traceparent: PARENT, tracestate: ['a=1', 'b=2'] }), { ...expected, traceState: 'a=1,b=2' })
  t.same(extract({ traceparent: PARENT, baggage: 'a=1;ttl=3, b = x%20y ,=,c,%zz=%zz' }), {
    ...expected,
    baggage: { a: '1', b: 'x y', '%zz': '%zz' },
  })
  t.same(extract({ traceparent: `01-${TRACE}-${SPAN}-03-more` }), expected, 'a later version may say more')
  t.end()
})

t.test('what is no context is none', (t) => {
  const wrong = [
    '',
    'x',
    `00-${TRACE}-${SPAN}-01-more`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}`,
  ]
  for (const traceparent of wrong) t.equal(extract({ traceparent }), undefined, traceparent)
  t.equal(extract({}), undefined)
  t.equal(extract({ traceparent: [PARENT, PARENT] }), undefined)
  t.end()
})

t.test('baggage stays within what everybody carries', (t) => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, 'v'.repeat(i < 10 ? 1000 : 1)]))
  const carrier: { baggage?: string } = {}
  const { baggage } = inject({ traceId: TRACE, spanId: SPAN, sampled: true, baggage: many }, carrier)
  t.ok(baggage!.length <= 8192 && baggage!.length > 7000)
  t.equal(extract({ traceparent: PARENT, baggage: `a=${'x'.repeat(9000)}` })?.baggage, undefined)
  t.equal(Object.getPrototypeOf(extract({ traceparent: PARENT, baggage: '__proto__=x' })!.baggage), Object.prototype)
  t.end()
})
