import t from 'tap'
import { didYouMean, nearest } from './nearest.ts'

const KEYS = ['endpoint', 'max_request_body_size', 'cors', 'tls', 'otlp_http']

t.test('the nearest name survives the usual mistakes', async (t) => {
  const meant: Readonly<Record<string, string | undefined>> = {
    endpont: 'endpoint',
    enpdoint: 'endpoint',
    endpointt: 'endpoint',
    Endpoint: 'endpoint',
    maxRequestBodySize: 'max_request_body_size',
    'max-request-body-size': 'max_request_body_size',
    otlphttp: 'otlp_http',
    tsl: 'tls',
    auth: undefined,
    x: undefined,
    '': undefined,
  }
  for (const [name, key] of Object.entries(meant)) t.equal(nearest(name, KEYS), key, JSON.stringify(name))
})

t.test('of two that are near, the nearer', async (t) => {
  t.equal(nearest('timeout', ['timeouts_max', 'timeouts', 'time_out']), 'time_out')
  t.equal(didYouMean('traces/b', ['traces/aa', 'traces/bb']), '; did you mean "traces/bb"?')
})

t.test('a suggestion stays cheap', async (t) => {
  t.equal(
    nearest(
      'a',
      Array.from({ length: 1001 }, () => 'a'),
    ),
    undefined,
    'among too many',
  )
  t.equal(nearest('a'.repeat(65), ['a'.repeat(65)]), undefined, 'for a name that is too long')
})
