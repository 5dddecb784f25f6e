// `include` and `exclude`, compiled: which items of a request the actions are for.

import { type AttributeValue, type Attributes, goPattern, type Item, otlp, type Signal } from '../../core/index.ts'
import type { Choice } from './factory.ts'

type Fits = (item: number) => boolean
type Compare = (found: unknown) => boolean

const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']

/** Every property that is given must fit. What a signal does not have is not asked of it. */
export function choosing(choice: Choice, signal: Signal, edits: otlp.RequestEdits): Fits {
  const common = commonTests(choice)
  if (signal === 'traces') {
    const span = new otlp.SpanCursor(edits, () => {})
    const tests = spanTests(choice, span)
    return (item) => {
      span.moveTo(item)
      return common.every((fits) => fits(span)) && tests.every((fits) => fits())
    }
  }
  if (signal === 'metrics') {
    const point = new otlp.DataPointCursor(edits, () => {})
    const names = oneOf(choice, choice.metric_names)
    return (item) => {
      point.moveTo(item)
      return common.every((fits) => fits(point)) && (names === undefined || names(point.metricName))
    }
  }
  const record = new otlp.LogRecordCursor(edits, () => {})
  const tests = logTests(choice, record)
  return (item) => {
    record.moveTo(item)
    return common.every((fits) => fits(record)) && tests.every((fits) => fits())
  }
}

function commonTests(choice: Choice): readonly ((item: Item) => boolean)[] {
  const tests: ((item: Item) => boolean)[] = []
  const services = oneOf(choice, choice.services)
  if (services !== undefined) tests.push((item) => services(item.resource.get('service.name')))
  for (const { key, value } of choice.resources ?? []) tests.push(holding(choice, (item) => item.resource, key, value))
  for (const { key, value } of choice.attributes ?? []) tests.push(holding(choice, (item) => item.attributes, key, value))
  const libraries = choice.libraries?.map(({ name, version }) => ({
    name: comparing(choice, name),
    version: version === undefined ? () => true : comparing(choice, version),
  }))
  if (libraries !== undefined)
    tests.push((item) => libraries.some(({ name, version }) => name(item.scopeName) && version(item.scopeVersion)))
  return tests
}

function holding(choice: Choice, of: (item: Item) => Attributes, key: string, value: unknown): (item: Item) => boolean {
  if (value === undefined) return (item) => of(item).has(key)
  const compare = comparing(choice, value)
  return (item) => compare(of(item).get(key))
}

function spanTests(choice: Choice, span: otlp.SpanCursor): readonly (() => boolean)[] {
  const tests: (() => boolean)[] = []
  const names = oneOf(choice, choice.span_names)
  if (names !== undefined) tests.push(() => names(span.name))
  const kinds = oneOf(choice, choice.span_kinds)
  if (kinds !== undefined) tests.push(() => kinds(`SPAN_KIND_${KINDS[span.kind] ?? span.kind}`))
  return tests
}

function logTests(choice: Choice, record: otlp.LogRecordCursor): readonly (() => boolean)[] {
  const tests: (() => boolean)[] = []
  const bodies = oneOf(choice, choice.log_bodies)
  if (bodies !== undefined) tests.push(() => typeof record.body === 'string' && bodies(record.body))
  const texts = oneOf(choice, choice.log_severity_texts)
  if (texts !== undefined) tests.push(() => texts(record.severityText))
  const number = choice.log_severity_number
  if (number !== undefined) tests.push(() => (record.severityNumber === 0 ? number.match_undefined : record.severityNumber >= number.min))
  return tests
}

function oneOf(choice: Choice, texts: readonly string[] | undefined): Compare | undefined {
  const compares = texts?.map((text) => comparing(choice, text))
  return compares === undefined ? undefined : (found) => compares.some((compare) => compare(found))
}

/** With regular expressions, numbers and booleans are looked at as text, as in the Collector. */
function comparing({ match_type: type }: Choice, wanted: unknown): Compare {
  if (type === 'strict' || typeof wanted !== 'string') return (found) => isSame(found as AttributeValue | undefined, wanted)
  const compiled = goPattern(wanted)
  if ('fault' in compiled) throw new TypeError(compiled.fault) // `check` has said so with line and column
  return (found) => ['string', 'number', 'bigint', 'boolean'].includes(typeof found) && compiled.regexp.test(String(found))
}

function isSame(found: AttributeValue | undefined, wanted: unknown): boolean {
  if (Array.isArray(found) && Array.isArray(wanted))
    return found.length === wanted.length && found.every((one, i) => isSame(one as AttributeValue, wanted[i]))
  return found === wanted
}
