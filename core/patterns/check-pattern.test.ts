// Which patterns of users are refused: those that some text makes the engine try for longer than anybody waits.

import t from 'tap'
import { goPattern } from '../config/go-pattern.ts'
import { explodingPattern } from './check-pattern.ts'

/** Patterns that explode, and a text that shows it: `prefix`, `pumped` again and again, `suffix`. */
const EXPLODING: readonly (readonly [pattern: string, place: string])[] = [
  ['(a+)+$', '(a+)+'],
  ['^(a*)*$', '(a*)*'],
  ['^(a|aa)+$', '(a|aa)+'],
  ['(a|a?)+$', '(a|a?)+'],
  ['^(([a-z])+.)+[A-Z]([a-z])+$', '(([a-z])+.)+'],
  [
    String.raw`^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$`,
    String.raw`(([\-.]|[_]+)?([a-zA-Z0-9]+))*`,
  ],
  [String.raw`^(\d+)*$`, String.raw`(\d+)*`],
  [String.raw`^(\w+\s?)*$`, String.raw`(\w+\s?)*`],
  ['(x+x+)+y', '(x+x+)+'],
  ['^(.*,)*.*$x', '(.*,)*'],
  ['(?:[a-z]{1,10}){1,10}$', '(?:[a-z]{1,10}){1,10}'],
  [String.raw`<!--(?:[\s\S]|-)*-->`, String.raw`(?:[\s\S]|-)*`],
  [String.raw`^\s*\s*\s*x`, String.raw`\s*`],
  [String.raw`^(?:(?:(?:(?:\w|[ab])){3}){1,3}){3}c$`, ''],
  [`^${String.raw`(?:\w|[ab])`.repeat(20)}c$`, String.raw`\w`],
  ['^a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?b', 'a?'],
  ['.*foo.*bar', '.*'],
  [String.raw`\d+\d+x`, String.raw`\d+`],
  [String.raw`^(?=(a+)+b)a`, '(a+)+'],
  [String.raw`(\w+) \1`, String.raw`\1`],
  [String.raw`(?<=\w+)x`, String.raw`(?<=\w+)`],
]

/** What people write in configurations of pipelines. */
const ORDINARY: readonly string[] = [
  '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
  '^[0-9a-fA-F]{32}$',
  String.raw`\b[A-Z]{2}\d{6}\b`,
  String.raw`ORD-\d{4}-\d{6}`,
  String.raw`[A-ZÄÖÜ]{1,3}-[A-Z]{1,2} ?\d{1,4}[EH]?`,
  String.raw`[A-Z]{2}\d{2} ?[A-Z]{3}`,
  String.raw`\b4[0-9]{12}(?:[0-9]{3})?\b`,
  String.raw`\b(5[1-5][0-9]{14})\b`,
  String.raw`\d{3}-\d{2}-\d{4}`,
  String.raw`\b(?:\d{4}[ -]?){3}\d{4}\b`,
  String.raw`[a-zA-Z0-9._%+-]+@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*\.[a-zA-Z]{2,}`,
  String.raw`\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`,
  String.raw`\b(?:\d{1,3}\.){3}\d{1,3}\b`,
  String.raw`(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}`,
  '^GET|POST|PUT|DELETE$',
  '^/api/v[0-9]+/users/[^/]+$',
  '^/healthz?$',
  String.raw`^/(?:static|assets)/.*\.(?:js|css|png)$`,
  '/users/[0-9]+/orders/[0-9]+',
  'password=[^&]*',
  String.raw`(?i)password=[^&\s]+`,
  String.raw`(?i)bearer [a-z0-9._~+/-]+=*`,
  String.raw`token=(?P<token>[^&]+)`,
  String.raw`^(?P<service>[a-z]+)-(?P<zone>[a-z0-9]+)$`,
  String.raw`\+?[1-9]\d{6,14}`,
  String.raw`\(\d{3}\) \d{3}-\d{4}`,
  String.raw`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z`,
  String.raw`\d{2}/\d{2}/\d{4}`,
  'AKIA[0-9A-Z]{16}',
  'ghp_[A-Za-z0-9]{36}',
  String.raw`xox[baprs]-[0-9A-Za-z-]{10,48}`,
  'sk_(?:live|test)_[0-9a-zA-Z]{24}',
  String.raw`eyJ[\w-]+\.[\w-]+\.[\w-]+`,
  '-----BEGIN [A-Z ]+ KEY-----',
  '[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}',
  '[A-CEGHJ-PR-TW-Z]{2}[0-9]{6}[A-D]',
  '[0-9]{2}[0-1][0-9][0-3][0-9]-?[0-9]{4}',
  '756[.][0-9]{4}[.][0-9]{4}[.][0-9]{2}',
  'EMP[0-9]{5,8}',
  '^user_[a-z0-9]{10,}$',
  String.raw`^cust\.[0-9]+$`,
  '^[a-z][a-z0-9_]*$',
  '^.*$',
  '.*',
  '.+',
  '^error',
  'timeout$',
  '.*timeout.*',
  '^5[0-9][0-9]$',
  'OutOfMemory(?:Error|Exception)',
  String.raw`java\.lang\.[A-Za-z]+Exception`,
  String.raw`^com\.example\..+`,
  '^prod-.*-db$',
  '^(?:prod|staging)-[a-z0-9-]+$',
  String.raw`"[^"\\]*(?:\\.[^"\\]*)*"`,
  String.raw`^\s+|\s+$`,
  String.raw`\$\{[^}]+\}`,
  '<[^>]+>',
  String.raw`^\[[A-Z]+\] `,
  String.raw`\b[A-Z]{3}[0-9]{3}\b|\b[A-Z]{2}[0-9]{2}[A-Z]{2}\b`,
  String.raw`[\p{L}\p{N}]+ gmbh`,
  String.raw`(?:MRN|mrn)[:# ]*\d{6,10}`,
  String.raw`VISA|MASTERCARD|AMEX`,
  String.raw`^v?\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$`,
  String.raw`^(?!internal\.)[a-z.]+$`,
]

t.test('patterns that explode are refused, with the place', async (t) => {
  for (const [pattern, place] of EXPLODING) {
    const found = goPattern(pattern)
    const fault = 'fault' in found ? found.fault : ''
    t.match(fault, /can take forever: at character \d+, "/, pattern)
    t.ok(fault.includes(place), `${pattern}: ${fault}`)
  }
})

t.test('patterns that people write are not', async (t) => {
  t.ok(ORDINARY.length > 60)
  for (const pattern of ORDINARY) t.hasOwnProps(goPattern(pattern), ['regexp'], pattern)
})

t.test('flags and sets are the engine’s own', async (t) => {
  t.match(explodingPattern(/(?:[a-z]|A)+$/i), /in many ways/)
  t.equal(explodingPattern(/(?:[a-z]|A)+$/), undefined)
  t.match(explodingPattern(/^(?:\p{L}|[а-я])+$/u), /in many ways/)
  t.equal(explodingPattern(/^(?:[\p{L}--[a-z]]|[a-z])+$/v), undefined)
  t.match(explodingPattern(/^(?:[\p{L}--[a-y]]|[a-z])+$/v), /in many ways/)
})

t.test('a flag in front counts', async (t) => {
  t.match(goPattern('(?i)^(?:[a-z]|[A-Z])+$'), { fault: /grows exponentially/ })
  t.match(goPattern('(?s)^(?:.|[^a])+$'), { fault: /grows exponentially/ })
  t.hasOwnProps(goPattern('^(?:[a-z]|[A-Z])+$'), ['regexp'])
})

t.test('what is too large to be checked is refused', async (t) => {
  t.match(explodingPattern(new RegExp('(?:abcdefghij|klmnopqrst)'.repeat(60))), /too large/)
})
