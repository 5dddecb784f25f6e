import * as fc from 'fast-check'
import t from 'tap'
import { ConfigError } from './fault.ts'
import { around, faultsIn, loadText } from './fixtures/loading.ts'

const UNWANTED: Readonly<Record<string, readonly [yaml: string, fault: string]>> = {
  'an alias': [
    'a: &x 1\nb: *x',
    '1:4: found an anchor (&…); YAML anchors and aliases are not accepted: write the value out, or take it from ${env:NAME}',
  ],
  'a billion laughs': ['a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]', '1:4: found an anchor (&…)'],
  'an alias of nothing': [
    'a: *x',
    '1:4: found an alias (*…); YAML anchors and aliases are not accepted: write the value out, or quote it if it is text',
  ],
  'a cycle': ['&a a: *a', '1:1: found an anchor (&…)'],
  'a merge': ['a:\n  <<: { b: 1 }', '2:3: a: found a merge key (<<); YAML merges are not accepted: write the keys out'],
  'a custom tag': ['a: !!js/function "x"', '1:4: found a tag (!…); YAML tags are not accepted: put text in quotes'],
  'a directive': ['%YAML 1.1\n---\na: yes', '1:1: found a directive (%…); YAML directives are not accepted: remove the line'],
  'a second document': [
    'a: 1\n---\nb: 1',
    '2:1: found a second YAML document; accepted: one document a file. Give --config several times for several files',
  ],
  'the prototype': ['receivers:\n  __proto__: { polluted: 1 }', '2:3: receivers: the key "__proto__" is not accepted'],
  'the prototype in quotes': ['{ "__proto__": 1 }', '1:3: the key "__proto__" is not accepted'],
  'a list as a key': ['? [a]\n: 1', '1:3: found a list or a map as a key; accepted: a word'],
  'an empty key': [': 1', '1:1: found an empty key; accepted: a word'],
  'a variable as a key': ['${env:A}: 1', '1:1: key "${env:A}": variables are expanded in values, not in keys'],
  'a key twice, in another form': ['"a": 1\na: 2', '2:1: key "a" stands here twice; the first is on line 1'],
  'bad indentation': ['a:\n  b: 1\n c: 2', '3:1: not valid YAML: All mapping items must start at the same column'],
  'a number that cannot be kept': [
    'a: 12345678901234567890',
    '1:4: a: found 12345678901234567890, a number too large to be kept exactly; put it in quotes if it is text',
  ],
  'a quote without an end': ['a: "b', '1:6: not valid YAML: Missing closing "quote'],
}

t.test('what YAML can do and a configuration must not', async (t) => {
  for (const [name, [yaml, fault]] of Object.entries(UNWANTED)) {
    const first = (await faultsIn(yaml)).find((line) => line.includes(`:${fault.split(': ', 1)[0]!}: `)) ?? ''
    t.ok(first.startsWith(`a.yaml:${fault}`), name, { found: first, wanted: fault })
  }
  t.equal(({} as { polluted?: unknown }).polluted, undefined)
})

t.test('names that every object has are names like others', async (t) => {
  t.same(await faultsIn('constructor: 1\ntoString:\nhasOwnProperty: {}\nservice: { pipelines: { valueOf: {} } }'), [
    'a.yaml:1:1: unknown key "constructor"; accepted here: receivers, processors, exporters, connectors, extensions, service, plugins',
    'a.yaml:2:1: unknown key "toString"; accepted here: receivers, processors, exporters, connectors, extensions, service, plugins',
    'a.yaml:3:1: unknown key "hasOwnProperty"; accepted here: receivers, processors, exporters, connectors, extensions, service, plugins',
    'a.yaml:4:25: service.pipelines.valueOf: missing key "receivers"; accepted: a list of at least 1 entry',
    'a.yaml:4:25: service.pipelines.valueOf: missing key "exporters"; accepted: a list of at least 1 entry',
    'a.yaml:4:25: service.pipelines.valueOf: unknown signal "valueOf"; accepted here: traces, metrics, logs',
  ])
  const { config } = await loadText(
    around('  otlp_http: { endpoint: a, headers: { constructor: b, toString: c } }').replace('[debug]', '[otlp_http]'),
  )
  t.strictSame(Object.entries((config.exporters.get('otlp_http')!.config as { headers: object }).headers), [
    ['constructor', 'b'],
    ['toString', 'c'],
  ])
})

t.test('nesting is bounded before anything recurses', async (t) => {
  const tooDeep = /: found values nested more than 64 deep; accepted: up to 64$/
  for (const opening of ['[', '{a: ', '- ', '? ', 'a: ', ': ', '[{a: ']) {
    const [fault, ...more] = await faultsIn(opening.repeat(200_000))
    t.match(fault, tooDeep, opening)
    t.same(more, [], opening)
  }
  t.match(await faultsIn(Array.from({ length: 100 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join('')), [tooDeep])
  t.match(await faultsIn(`${'['.repeat(65)}1${']'.repeat(65)}`), [tooDeep])
  t.match(await faultsIn(`${'['.repeat(64)}1${']'.repeat(64)}`), [/found a list; accepted: a map with/])
})

t.test('the number of words and signs is bounded before anything is built of them', async (t) => {
  const tooLarge = /: the file is too large: accepted are 50000 words and signs \(about 5,000 lines\) a file; split it$/
  for (const text of ['a: 1\n', '#\n', '"" ', '\n', '? a\n', '- []\n']) {
    t.match((await faultsIn(text.repeat(60_000))).at(-1), tooLarge, JSON.stringify(text))
  }
})

t.test('of thousands of faults in the syntax the first ten are told', async (t) => {
  for (const text of ['!a ', '*a ', '&a ', '%A\n', '}']) t.equal((await faultsIn(text.repeat(300_000))).length, 10, JSON.stringify(text))
  t.equal((await faultsIn('a: [' + '}'.repeat(5000))).length, 10)
})

// What YAML is made of, and what this configuration is made of: random text of it parses often enough to reach every check.
const WORDS =
  `receivers processors exporters connectors extensions service pipelines traces metrics plugins otlp otlp_http otlphttp debug forward
      span_metrics batch attributes actions health_check endpoint protocols http headers /x { } [ ] " ' &a *a <<: # %YAML $\{env:A}
      $\{env:B:-1} $$ $\{ $\{file:x} 1 -1 1e999 .nan null true ~ __proto__ constructor 5s 64MiB`
    .split(/\s+/)
    .concat([
      ': ',
      ': ',
      ': ',
      ':\n',
      ':\n  ',
      ':\n    ',
      '\n',
      '\n  ',
      '\n- ',
      '\n  - ',
      ', ',
      '!t ',
      '|\n',
      '>-\n',
      '? ',
      '---\n',
      '\t',
      '\0',
      '\r',
      '\uD800',
    ])

t.test('no text throws anything but a ConfigError', async (t) => {
  const text = fc.oneof(
    fc.array(fc.constantFrom(...WORDS), { maxLength: 60 }).map((words) => words.join('')),
    fc.tuple(fc.nat(400), fc.constantFrom(...WORDS)).map(([at, word]) => {
      const valid = around('processors:\n  batch: { timeout: 1s }\nconnectors:\n  forward:')
      return valid.slice(0, at % valid.length) + word + valid.slice(at % valid.length)
    }),
    fc.string({ unit: 'binary', maxLength: 200 }),
  )
  await fc.assert(
    fc.asyncProperty(text, async (yaml) => {
      const faults = await faultsIn(yaml, { A: 'x' })
      for (const fault of faults) if (!/^a\.yaml:\d+:\d+: \P{Cc}+$/u.test(fault)) throw new Error(`not one line: ${fault}`)
    }),
    { numRuns: 120 },
  )
  await t.rejects(loadText('['), ConfigError)
})
