// What is known of an execution, kept from one message to the next, against what all its parts say; and what that costs.

import fc from 'fast-check'
import t from 'tap'
import { ANONYMOUS } from '../batch.ts'
import { messageIn } from '../mplp/fixtures/executions.ts'
import { executionOf, type Message, partOf } from '../mplp/index.ts'
import { TestClock } from '../testing/index.ts'
import { type KeptPart, newPart, type OpenExecution } from './execution.ts'
import { KnownFacts } from './known-facts.ts'
import { ExecutionTable } from './table.ts'

type Fields = Readonly<Record<string, unknown>>

const TABLE = { maxCount: 10, maxBytes: 1e9, timeoutMs: 1e9, lateStartMs: 1e9, rememberedEnds: 10 }
const PLACE = { realm: '', origin: ANONYMOUS }

const message = (type: string, second: number, fields: Fields = {}): Message =>
  messageIn(
    JSON.stringify({
      message_type: `${type}_execution_trace`,
      version: '1.0.0-alpha',
      timestamp: new Date(1_770_091_500_000 + second * 1000).toISOString(),
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      span_id: 'b7ad6b7169203331',
      ...(type === 'start' ? { operation_name: 'plan', service_name: 'planner' } : {}),
      ...fields,
    }),
  )

class Bench {
  readonly #table = new ExecutionTable({ ...TABLE, clock: new TestClock() }, () => {})
  readonly #facts: KnownFacts
  readonly parts: KeptPart[] = []
  execution: OpenExecution | undefined
  /** Parts that were read. */
  reads = 0

  constructor() {
    const table = this.#table
    this.#facts = new KnownFacts({
      bytesOf: (open: OpenExecution) => this.#counted(table.bytesOf(open)),
      bytesIn: (part: KeptPart) => this.#counted([table.bytesIn(part)])[0],
    } as unknown as ExecutionTable)
  }

  #counted<T>(read: T[]): T[] {
    this.reads += read.length
    return read
  }

  add(said: Message): void {
    const part = newPart(String(this.parts.length), '')
    const bytes = Buffer.from(partOf(said))
    this.execution = this.#table.add(said, { ...PLACE, id: said.execution! }, part, bytes)
    this.parts.push(part)
  }

  takeBack(at: number): void {
    if (this.parts.length < 2) return
    const [part] = this.parts.splice(at % this.parts.length, 1)
    this.#table.takeBack(this.execution!, part!, { kind: 'update' })
  }

  known(): unknown {
    return this.#facts.of(this.execution)
  }

  all(): unknown {
    return executionOf(this.#table.bytesOf(this.execution!))
  }
}

const said = fc.record({
  type: fc.constantFrom('start', 'update', 'update'),
  second: fc.integer({ min: 0, max: 3 }),
  // At most one thing at a time: what one of them says must not hide what becomes of another.
  fields: fc.constantFrom<Fields[]>(
    {},
    { service_name: 'planner' },
    { service_name: 'other' },
    { service_version: '2' },
    { status: { code: 'waiting' } },
    { resource_attributes: { 'host.name': 'a' } },
    { resource_attributes: { 'service.name': 'b' } },
    { monitoring_configuration: { alert_thresholds: { max_duration_ms: 5 } } },
    { monitoring: { alert_thresholds: { max_cpu: 5 } } },
  ),
})

t.test('what is kept is what all parts say, in whatever order they come and go', async (t) => {
  const step = fc.oneof({ weight: 5, arbitrary: said }, { weight: 1, arbitrary: fc.nat(20) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }), (steps, looks) => {
      const bench = new Bench()
      bench.add(message('update', 0))
      for (const [i, one] of steps.entries()) {
        if (typeof one === 'number') bench.takeBack(one)
        else bench.add(message(one.type, one.second, one.fields))
        if (looks[i]) t.strictSame(bench.known(), bench.all())
      }
    }),
    { numRuns: 300 },
  )
})

t.test('messages of one execution cost what they say, not what came before them', async (t) => {
  const backwards: (i: number) => Message = (i) => message('update', 100_000 - i)
  const contradicting: (i: number) => Message = (i) => message('start', i, { service_name: `s${i}` })
  for (const next of [(i: number) => message('update', i, { status: { code: `${i}` } }), backwards, contradicting]) {
    const bench = new Bench()
    for (let i = 0; i < 3000; i++) {
      bench.add(next(i))
      bench.known()
    }
    t.ok(bench.reads < 30_000, `${bench.reads} parts read for 3000 messages`)
  }
})
