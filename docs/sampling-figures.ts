// The figures of docs/sampling.md: five minutes of made-up traffic through the samplers themselves, on a clock that stands for those minutes.
// `npx node docs/sampling-figures.ts` writes the table into the page; a test holds that it is current.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Consumer, Processor } from '../core/index.ts'
import { adjustedCountOf, parseTraceState } from '../core/sampling/index.ts'
import { CollectingConsumer, type PlainResource, type PlainSpan, TestClock, TestSettings, tracesBatch } from '../core/testing/index.ts'
import { factory as headFactory } from '../processors/probabilistic_sampler/factory.ts'
import { factory as tailFactory, type TailSamplingConfig } from '../processors/tail_sampling/factory.ts'

const PAGE = join(import.meta.dirname, 'sampling.md')
const BEGIN = '<!-- figures -->\n'
const END = '<!-- /figures -->'

const SECONDS = 300
const TRACES_A_SECOND = 100
const SPANS_A_TRACE = 4
/** Of a thousand traces, how many call what. */
const OPERATIONS = [
  ['GET /products', 700],
  ['GET /cart', 200],
  ['POST /checkout', 99],
  ['POST /refund', 1],
] as const
/** One trace of so many has an error in its last span; one of so many lasts two seconds instead of a tenth. */
const AN_ERROR_OF = 100
const A_SLOW_ONE_OF = 150

/** The same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const mixed = Math.imul(state ^ (state >>> 15), 0x85eb_ca6b) >>> 0
    return ((mixed ^ (mixed >>> 13)) >>> 0) % below
  }
}

const hex = (random: (below: number) => number, digits: number): string =>
  Array.from({ length: digits }, () => random(16).toString(16)).join('')

interface Trace {
  readonly id: string
  readonly operation: string
  readonly hasError: boolean
  readonly isSlow: boolean
}

function traceOf(random: (below: number) => number): Trace {
  let chance = random(1000)
  const [operation] = OPERATIONS.find(([, share]) => (chance -= share) < 0)!
  return { id: hex(random, 32), operation, hasError: random(AN_ERROR_OF) === 0, isSlow: random(A_SLOW_ONE_OF) === 0 }
}

function spansOf({ id, operation, hasError, isSlow }: Trace, second: number, random: (below: number) => number): readonly PlainSpan[] {
  const startTimeUnixNano = BigInt(Date.UTC(2026, 0, 1) + second * 1000) * 1_000_000n
  const endTimeUnixNano = startTimeUnixNano + (isSlow ? 2_000_000_000n : 100_000_000n)
  const root = hex(random, 16)
  return Array.from({ length: SPANS_A_TRACE }, (_, n) => ({
    traceId: id,
    spanId: n === 0 ? root : hex(random, 16),
    parentSpanId: n === 0 ? '' : root,
    name: n === 0 ? operation : `step ${n}`,
    startTimeUnixNano,
    endTimeUnixNano,
    statusCode: hasError && n === SPANS_A_TRACE - 1 ? 2 : 0,
  }))
}

interface Second {
  readonly traces: readonly Trace[]
  readonly resources: readonly PlainResource[]
}
function traffic(): readonly Second[] {
  const random = numbers(2026)
  return Array.from({ length: SECONDS }, (_, second) => {
    const traces = Array.from({ length: TRACES_A_SECOND }, () => traceOf(random))
    const spans = traces.flatMap((trace) => spansOf(trace, second, random))
    return { traces, resources: [{ resource: { 'service.name': 'shop' }, spans }] }
  })
}

type Make = (next: Consumer, clock: TestClock) => Promise<Processor>

const head =
  (percentage: number): Make =>
  async (next, clock) =>
    headFactory.create(
      {
        sampling_percentage: percentage,
        mode: 'proportional',
        hash_seed: 0,
        sampling_precision: 4,
        fail_closed: true,
        attribute_source: 'traceID',
        from_attribute: '',
        sampling_priority: '',
      },
      next,
      new TestSettings('probabilistic_sampler', clock),
    )

const ALWAYS = [
  { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
  { name: 'slow', type: 'latency', latency: { threshold_ms: 1000, upper_threshold_ms: 0 } },
] as const
const tail =
  (rest: TailSamplingConfig['policies'][number]): Make =>
  async (next, clock) =>
    tailFactory.create(
      {
        decision_wait: '10s',
        decision_wait_after_root_received: '0s',
        num_traces: 50_000,
        max_bytes: 2 ** 28,
        maximum_trace_size_bytes: 0,
        block_on_overflow: false,
        expected_new_traces_per_sec: 0,
        decision_cache: { sampled_cache_size: 1000, non_sampled_cache_size: 1000 },
        sample_on_first_match: false,
        sampling_strategy: 'trace-complete',
        drop_pending_traces_on_shutdown: false,
        dry_run: false,
        explain: false,
        policies: [...ALWAYS, rest],
      },
      next,
      new TestSettings('tail_sampling', clock),
    )
const TENTH = { name: 'rest', type: 'probabilistic', probabilistic: { hash_salt: '', sampling_percentage: 10 } }
const BUDGET = { name: 'rest', type: 'budget', budget: { spans_per_second: 40 } }

/** Each with the processors in the order of their pipeline. */
const SETUPS: readonly (readonly [name: string, makes: readonly Make[]])[] = [
  ['no sampler', []],
  ['head 10 %', [head(10)]],
  ['head 1 %', [head(1)]],
  ['tail: errors, slow, `probabilistic` 10 %', [tail(TENTH)]],
  ['tail: errors, slow, `budget` 40 spans/s', [tail(BUDGET)]],
  ['head 50 %, then the same tail', [head(50), tail(BUDGET)]],
]

/** What is left of a trace. */
interface Left {
  spans: number
  /** What its root stands for, by its tracestate; without a threshold, for itself. */
  count: number
}

async function run(makes: readonly Make[], seconds: readonly Second[]): Promise<ReadonlyMap<string, Left>> {
  const clock = new TestClock()
  const end = new CollectingConsumer()
  let first: Consumer = end
  for (const make of makes.toReversed()) first = await make(first, clock)
  for (const { resources } of seconds) {
    await first.consume(tracesBatch(resources), Infinity)
    await clock.advance(1000)
  }
  await clock.advance(20_000)
  const left = new Map<string, Left>()
  for (const { traceId, traceState, parentSpanId } of end.spans()) {
    const trace = left.get(traceId) ?? { spans: 0, count: 0 }
    left.set(traceId, trace)
    trace.spans++
    if (parentSpanId === '') trace.count = countOf(traceState)
  }
  return left
}

function countOf(traceState: string): number {
  const state = parseTraceState(traceState)
  return typeof state === 'string' || state.threshold === undefined ? 1 : adjustedCountOf(state.threshold)
}

const percent = (share: number, digits = 0): string => `${(100 * share).toFixed(digits)} %`

function rowOf(name: string, left: ReadonlyMap<string, Left>, traces: readonly Trace[]): string {
  const kept = traces.filter(({ id }) => left.has(id))
  const of = (fits: (trace: Trace) => boolean): string => percent(kept.filter(fits).length / traces.filter(fits).length)
  const counted = (some: readonly Trace[]): number => some.reduce((sum, { id }) => sum + left.get(id)!.count, 0)
  const spans = [...left.values()].reduce((sum, trace) => sum + trace.spans, 0)
  const failed = kept.filter(({ hasError }) => hasError)
  const cells = [
    name,
    String(Math.round(spans / SECONDS)),
    of(({ hasError }) => hasError),
    of(({ isSlow }) => isSlow),
    of(({ operation }) => operation === 'POST /refund'),
    percent(kept.length / traces.length),
    percent(counted(kept) / traces.length),
    percent(failed.length / kept.length, 1),
    percent(counted(failed) / counted(kept), 1),
  ]
  return `| ${cells.join(' | ')} |\n`
}

/** The table as it stands in the page. */
export async function figures(): Promise<string> {
  const seconds = traffic()
  const traces = seconds.flatMap((second) => second.traces)
  const refunds = traces.filter(({ operation }) => operation === 'POST /refund').length
  let table =
    `| | spans/s left, of ${TRACES_A_SECOND * SPANS_A_TRACE} | traces with an error kept | slow ones | refunds, of ${refunds} | ` +
    'all traces: kept | … as counted by `th` | share of errors among what is left | … as counted by `th` |\n' +
    '|---|---|---|---|---|---|---|---|---|\n'
  for (const [name, makes] of SETUPS) table += rowOf(name, await run(makes, seconds), traces)
  return table
}

/** The page with the table between its marks. */
export function withFigures(page: string, table: string): string {
  return `${page.slice(0, page.indexOf(BEGIN) + BEGIN.length)}${table}${page.slice(page.indexOf(END))}`
}

if (import.meta.main) writeFileSync(PAGE, withFigures(readFileSync(PAGE, 'utf8'), await figures()))
