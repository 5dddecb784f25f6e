// What the nine kinds of messages become, against a written expectation and by an independent decoder; and that nothing a sender wrote is lost.

import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Any } from '../otlp/fixtures/oracles.ts'
import { admit } from '../otlp/index.ts'
import { compactOf } from './fixtures/compact.ts'
import { become, messageIn, NAMES, NOW, textOf } from './fixtures/executions.ts'
import { shownLogs, shownMetrics, shownSpans } from './fixtures/shown.ts'
import { type Dialect, executionOf, isRejection, outcomeOf, readMessage, spanOf } from './index.ts'

for (const dialect of ['flat', 'envelope'] as const satisfies readonly Dialect[]) {
  t.test(`the ${dialect} messages of an execution become what is written in fixtures/expected-${dialect}.json`, async (t) => {
    const became = become(Object.fromEntries(NAMES[dialect].map((name) => [name, textOf(name)])))
    const compact = compactOf(became, (what) => t.fail(what))
    t.strictSame(compact, JSON.parse(readFileSync(join(import.meta.dirname, `fixtures/expected-${dialect}.json`), 'utf8')))
  })
}

type Path = readonly (string | number)[]

/** Of a message, with their paths: everything that says something. */
function leavesOf(value: Any, path: Path = []): [Path, unknown][] {
  if (value === null) return []
  if (typeof value !== 'object') return [[path, value]]
  const entries: [string | number, unknown][] = Array.isArray(value) ? value.map((element, i) => [i, element]) : Object.entries(value)
  return entries.flatMap(([key, inner]) => leavesOf(inner, [...path, key]))
}

/** All values in what came out of one message, as texts; integers and doubles alike. */
function valuesIn(value: Any, found: Set<string> = new Set()): Set<string> {
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) valuesIn(inner, found)
  else found.add(typeof value === 'string' ? value.replace(/^(-?\d+)n$/, '$1') : String(value))
  return found
}

/** What is said in another way: ids that are hex, words that are codes, times, lists in one text, and a secret that must not come out. */
const OTHERWISE = /^(message_type|version|protocol_version|sender\/authentication\/token|.*\/?(span_kind|baggage))$/
const TIMES = /(^|\/)(timestamp|\w+_timestamp|start_time|detection_time)$/

function lost(text: string): string[] {
  const message = messageIn(text)
  const { part, logs, metrics } = outcomeOf(message, executionOf([]), { identity: 'execution', late: false, now: NOW })
  const shown = [
    part === undefined ? [] : shownSpans(spanOf(message.execution!, [part], { how: 'interrupted', time: NOW })),
    logs === undefined ? [] : shownLogs(logs.bytes),
    metrics === undefined ? [] : shownMetrics(metrics.bytes),
  ]
  const found = valuesIn(shown)
  for (const value of found) if (value.endsWith('000000Z')) found.add(value.replace('000000Z', 'Z'))
  return leavesOf(JSON.parse(text))
    .filter(
      ([path, leaf]) =>
        !OTHERWISE.test(path.join('/')) && !found.has(String(leaf)) && !(TIMES.test(path.join('/')) && found.has(timeAs(leaf))),
    )
    .map(([path, leaf]) => `${path.join('/')}: ${String(leaf)}`)
}

/** As shown.ts writes it. */
function timeAs(leaf: unknown): string {
  const [, seconds = '', digits = ''] = /^(.{19})(?:\.(\d+))?Z$/.exec(String(leaf)) ?? []
  return `${seconds}.${digits.padEnd(9, '0')}Z`
}

t.test('nothing is lost of the nine messages', async (t) => {
  for (const name of Object.values(NAMES).flat()) t.same(lost(textOf(name)), [], name)
})

let unique = 0
/** JSON whose every leaf occurs once. */
const fresh: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  leaf: fc.constantFrom('text', 'number', 'double', 'negative').map((kind) => ({ kind })),
  list: fc.array(tie('any'), { maxLength: 3 }),
  map: fc.dictionary(
    fc.oneof(fc.string({ minLength: 1, maxLength: 12 }), fc.constantFrom('__proto__', 'constructor', 'a.b', 'ключ')),
    tie('any'),
    { maxKeys: 4 },
  ),
  any: fc.oneof({ depthSize: 'small', withCrossShrink: true }, tie('leaf'), tie('list'), tie('map')),
})).any

/** The leaves get their values late, so that no two are alike. */
function filled(value: Any): unknown {
  if (Array.isArray(value)) return value.map(filled)
  switch (value.kind) {
    case 'text':
      return `leaf ${++unique}`
    case 'number':
      return 1_000_000 + ++unique
    case 'double':
      return ++unique + 0.5
    case 'negative':
      return -1_000_000 - ++unique
    default:
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, filled(inner)]))
  }
}

/** Objects in a message to which a sender may add: all but what has a shape of its own. */
function openIn(value: Any, path: Path = []): Any[] {
  if (typeof value !== 'object' || value === null) return []
  const inner = Object.entries(value).flatMap(([key, one]) => (key === 'authentication' ? [] : openIn(one, [...path, key])))
  return Array.isArray(value) ? inner : [value, ...inner]
}

t.test('nothing is lost of what a sender adds, wherever it is', async (t) => {
  const names = Object.values(NAMES).flat()
  const additions = fc.array(
    fc.tuple(
      fc.nat(),
      fc.string({ minLength: 1, maxLength: 20 }).map((key) => `x${key}`),
      fresh,
    ),
    { minLength: 1, maxLength: 5 },
  )
  const property = fc.property(fc.constantFrom(...names), additions, (name, added) => {
    const message = JSON.parse(textOf(name))
    const places = openIn(message)
    for (const [place, key, value] of added) places[place % places.length][key] = filled(value)
    const missing = lost(JSON.stringify(message))
    if (missing.length > 0) throw new Error(`lost of ${name}: ${missing.join(', ')}`)
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: Number(process.env['RUNS'] ?? 150) }))
})

/** Places in a message, to put something else there. */
function placesIn(value: Any, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...path, key]))]
}

t.test('whatever stands in a message, it is rejected with a path or becomes valid OTLP', async (t) => {
  let [taken, rejected] = [0, 0]
  const names = Object.values(NAMES).flat()
  const changes = fc.array(fc.tuple(fc.nat(), fc.jsonValue({ maxDepth: 3 })), { minLength: 1, maxLength: 4 })
  const property = fc.property(fc.constantFrom(...names), changes, fc.boolean(), (name, changed, late) => {
    const value = JSON.parse(textOf(name))
    const places = placesIn(value).filter((path) => path.length > 0)
    for (const [place, replacement] of changed) put(value, places[place % places.length]!, replacement)
    const message = readMessage(value)
    if (isRejection(message)) {
      rejected++
      if (message.faults.length === 0 || !message.faults.every(({ path, message }) => path.startsWith('/') && message !== ''))
        throw new Error('no path')
      return
    }
    taken++
    const { part, logs, metrics } = outcomeOf(message, executionOf([]), { identity: 'operation', late, now: NOW })
    const span = part && { bytes: spanOf(message.execution!, [part, part], { how: 'interrupted', time: NOW }), count: 1 }
    for (const [signal, items] of [
      ['traces', span],
      ['logs', logs],
      ['metrics', metrics],
    ] as const) {
      if (items === undefined) continue
      const { chunk, count } = admit(signal, items.bytes)
      if (chunk !== items.bytes || count !== items.count) throw new Error(`${signal} of ${name} are not valid`)
    }
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: Number(process.env['RUNS'] ?? 400) }))
  t.ok(taken > 50 && rejected > 50, 'both were tried')
})

function put(root: Any, path: Path, value: unknown): void {
  const above = path.slice(0, -1).reduce<Any>((inner, key) => (typeof inner === 'object' ? inner?.[key] : undefined), root)
  if (typeof above === 'object' && above !== null) above[path.at(-1)!] = value
}
