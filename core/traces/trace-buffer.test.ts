// What goes out of a trace buffer is what came in: every span of the kept traces, with its own resource and scope, none twice, none lost.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { ANONYMOUS, type Batch, type Origin } from '../batch.ts'
import { RetryableError } from '../errors.ts'
import { decodeWithProtobufEs, decodeWithProtobufjs, type SeenSpan } from '../otlp/fixtures/oracles.ts'
import { oddRequest, plainRequest, requestOf, type WireField, plainSpan, toBytes, twisted } from '../otlp/fixtures/wire-trees.ts'
import { countItems } from '../otlp/count.ts'
import { encodeTraces, TestClock, tracesBatch } from '../testing/index.ts'
import { TraceBuffer } from './trace-buffer.ts'
import type { Cause, Remembered, TraceBufferOptions, TraceOwner } from './trace-owner.ts'
import { ID, SPAN_COUNT } from './trace-table.ts'

const ALL = { traces: Infinity, spans: Infinity, bytes: Infinity } as const

/** Keeps traces by their id's first byte, and remembers that. */
class Owner implements TraceOwner {
  buffer!: TraceBuffer
  readonly causes: Record<Cause, number> = { due: 0, crowded: 0, large: 0 }
  readonly decided: number[] = []
  dropped = 0
  observed = 0
  recalledVerdict = 77
  keeps: (firstByte: number) => boolean = (byte) => byte % 2 === 0
  readonly memory = new Map<string, boolean>()

  observe(): void {
    this.observed++
  }

  recall(origin: string, a: number, b: number, c: number, d: number): Remembered {
    const known = this.memory.get([origin, a, b, c, d].join())
    return known === undefined ? 'unknown' : known ? 'kept' : 'dropped'
  }

  decide(traces: readonly number[], cause: Cause): void {
    this.causes[cause] += traces.length
    for (const trace of traces) {
      const { cells, stride } = this.buffer.table
      const id = [0, 1, 2, 3].map((i) => cells[trace * stride + ID + i]!)
      const kept = this.keeps(id[0]! & 0xff)
      this.memory.set([this.buffer.originKey(trace), ...id].join(), kept)
      this.decided.push(cells[trace * stride + SPAN_COUNT]!)
      if (kept) this.buffer.keep(trace, id[0]! & 0xff)
      else this.dropped += this.buffer.drop(trace)
    }
  }
}

function bufferOf(options: Partial<TraceBufferOptions> = {}): { buffer: TraceBuffer; owner: Owner; clock: TestClock } {
  const clock = new TestClock()
  const owner = new Owner()
  const buffer = new TraceBuffer(
    { maxBytes: 2 ** 30, maxTraces: 1e6, waitMs: 1000, waitAfterRootMs: Infinity, ownCells: 1, decidesEarly: true, clock, ...options },
    owner,
  )
  owner.buffer = buffer
  return { buffer, owner, clock }
}

function batchOf(chunks: readonly Uint8Array[], origin: Origin = ANONYMOUS): Batch {
  return { signal: 'traces', chunks, count: chunks.reduce((sum, chunk) => sum + countItems('traces', chunk), 0), origin }
}

function leaveAll(buffer: TraceBuffer, most: Parameters<TraceBuffer['leave']>[0] = ALL): Batch[] {
  const batches: Batch[] = []
  for (let left = buffer.leave(most); left !== undefined; left = buffer.leave(most)) {
    assert.equal(left.verdicts.length, left.batch.count)
    batches.push(left.batch)
  }
  return batches
}

function seen(chunks: readonly Uint8Array[], decode = decodeWithProtobufEs): string[] {
  return chunks.flatMap((chunk) => decode(chunk)).map(shown)
}
function shown(span: SeenSpan): string {
  return JSON.stringify(span, (_, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
    return value instanceof Uint8Array ? [...value] : value
  })
}
const keptSpan = (span: SeenSpan): boolean => Number.parseInt(span.traceId.slice(0, 2), 16) % 2 === 0

/** Spans of few traces, so that most come in several requests. */
const fewTraces = plainSpan.chain((fields) =>
  fc
    .integer({ min: 1, max: 6 })
    .map((n) => fields.map((one): WireField => (one.number === 1 ? { ...one, value: new Uint8Array(16).fill(n) } : one))),
)
const request = fc.oneof(
  requestOf(fewTraces, (base) => base),
  requestOf(twisted(fewTraces), twisted),
  plainRequest,
  oddRequest,
)

t.test('every span of the kept traces goes out once, with its resource and scope, whatever came in', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(request, { minLength: 1, maxLength: 3 }), { maxLength: 6 }),
      fc.integer({ min: 1, max: 8 }),
      (batches, spans) => {
        const { buffer, owner, clock } = bufferOf()
        const out: Batch[] = []
        let lateDropped = 0
        for (const [i, chunks] of batches.entries()) {
          buffer.take(batchOf(chunks))
          lateDropped += buffer.lateDropped
          // The third batch and those after it come late.
          if (i === 2) buffer.decideDue(Infinity)
          if (i % 2 === 0) out.push(...leaveAll(buffer, { ...ALL, spans }))
        }
        buffer.decideDue(clock.monotonicMs() + 1000)
        out.push(...leaveAll(buffer))
        const before = batches.flat().flatMap((chunk) => decodeWithProtobufEs(chunk))
        const wanted = before.filter(keptSpan).map(shown).sort()
        const chunks = out.flatMap((batch) => batch.chunks)
        assert.deepEqual(seen(chunks).sort(), wanted)
        assert.deepEqual(seen(chunks, decodeWithProtobufjs).length, wanted.length)
        assert.equal(
          out.reduce((sum, { count }) => sum + count, 0),
          wanted.length,
        )
        assert.equal(owner.dropped + lateDropped + wanted.length, before.length)
        assert.equal(buffer.openTraces + buffer.leavingTraces + buffer.table.count, 0)
      },
    ),
    { numRuns: 10 },
  )
})

const id = (n: number): string => n.toString(16).padStart(2, '0').repeat(16)

t.test('a resource, a schema_url and fields of later versions are written once for all the spans of a request', async (t) => {
  const bytes = (value: string): Uint8Array => new Uint8Array(Buffer.from(value))
  const span = (n: number): WireField => ({
    number: 2,
    value: [
      { number: 1, value: new Uint8Array(16).fill(n) },
      { number: 2, value: new Uint8Array(8).fill(n) },
    ],
  })
  const chunk = toBytes([
    {
      number: 1,
      value: [
        {
          number: 1,
          value: [
            {
              number: 1,
              value: [
                { number: 1, value: bytes('key') },
                { number: 2, value: [{ number: 1, value: bytes('value') }] },
              ],
            },
          ],
        },
        { number: 2, value: [span(2), span(3), span(4), { number: 3, value: bytes('scope-url') }] },
        { number: 3, value: bytes('resource-url') },
        { number: 77, value: bytes('later') },
      ],
    },
  ])
  const { buffer } = bufferOf()
  buffer.take(batchOf([chunk]))
  buffer.decideDue(Infinity)
  const [out] = leaveAll(buffer)
  const text = Buffer.from(out!.chunks[0]!).toString('latin1')
  for (const once of ['resource-url', 'scope-url', 'later', 'value']) t.equal(text.split(once).length - 1, 1, once)
  t.equal(out!.count, 2)
})

t.test('a trace is due when it has waited, or sooner after its root', async (t) => {
  const { buffer, owner, clock } = bufferOf({ waitMs: 1000, waitAfterRootMs: 100 })
  buffer.take(tracesBatch([{ spans: [{ traceId: id(2), parentSpanId: '01'.repeat(8) }, { traceId: id(4) }] }]))
  t.equal(buffer.nextDueMs(), 100)
  await clock.advance(99)
  buffer.decideDue(clock.monotonicMs())
  t.same(owner.decided, [])
  await clock.advance(1)
  buffer.decideDue(clock.monotonicMs())
  t.same(owner.decided, [1])
  await clock.advance(850)
  buffer.take(tracesBatch([{ spans: [{ traceId: id(2) }] }]))
  t.equal(buffer.nextDueMs(), 1000, 'a root that comes late makes nothing later')
  await clock.advance(50)
  buffer.decideDue(clock.monotonicMs())
  t.same(owner.decided, [1, 2])
  t.same(owner.causes, { due: 2, crowded: 0, large: 0 })
})

t.test('one trace id of two origins is two traces, and each leaves with its origin', async (t) => {
  const origin = (tenant: string): Origin => ({ tenant, headers: new Map([['x', tenant]]) })
  const { buffer, owner } = bufferOf()
  for (const tenant of ['a', 'b', 'a'])
    buffer.take({ ...tracesBatch([{ spans: [{ traceId: id(2), name: tenant }] }]), origin: origin(tenant) })
  t.equal(buffer.openTraces, 2)
  buffer.decideDue(Infinity)
  t.same(owner.decided, [2, 1])
  const out = leaveAll(buffer)
  t.same(
    out.map(({ origin, count }) => [origin.tenant, count]),
    [
      ['a', 2],
      ['b', 1],
    ],
  )
})

t.test('more traces than may wait: the oldest of whoever holds the most are decided early', async (t) => {
  const { buffer, owner } = bufferOf({ maxTraces: 10 })
  const quiet: Origin = { tenant: 'quiet', headers: new Map() }
  buffer.take({ ...tracesBatch([{ spans: [{ traceId: id(2) }] }]), origin: quiet })
  for (let n = 0; n < 50; n++) buffer.take(tracesBatch([{ spans: [{ name: 'flood'.repeat(20) }] }]))
  t.equal(buffer.openTraces, 10)
  t.equal(owner.causes.crowded, 41)
  t.notOk(
    [...owner.memory.keys()].some((key) => key.startsWith('["quiet"')),
    'the quiet one still waits',
  )
})

t.test('what waits stays within its bytes, and one giant trace within its share', async (t) => {
  const maxBytes = 32 * 2 ** 20
  const { buffer, owner } = bufferOf({ maxBytes })
  owner.keeps = () => false
  buffer.take(tracesBatch([{ spans: [{ traceId: id(1) }] }]))
  const large = { blob: 'x'.repeat(50_000) }
  const giant = encodeTraces([{ spans: Array.from({ length: 100 }, () => ({ traceId: id(3), attributes: large })) }])
  buffer.take(batchOf([giant]))
  t.equal(owner.causes.large, 1)
  t.equal(buffer.openTraces, 1, 'the small one still waits')
  t.ok(buffer.lateDropped > 0, 'what comes after the decision follows it')
  let most = 0
  for (let n = 0; n < 2000; n++) {
    buffer.take(tracesBatch([{ spans: [{ attributes: large }] }]))
    most = Math.max(most, buffer.bytes)
  }
  t.ok(most <= maxBytes, `${most} bytes`)
  t.ok(owner.causes.crowded > 1000)
})

t.test('a flood of small spans from many origins is decided early, and never refused for want of room', async (t) => {
  const maxBytes = 32 * 2 ** 20
  const { buffer, owner } = bufferOf({ maxBytes })
  owner.keeps = () => false
  let most = 0
  for (let n = 0; n < 50; n++) {
    const ids = Array.from({ length: 10_000 }, (_, i) => (10_000 * n + i + 1).toString(16))
    const spans = ids.map((one) => ({ traceId: one.padStart(32, '0'), spanId: one.padStart(16, '0'), name: '' }))
    buffer.take({ ...tracesBatch([{ spans }]), origin: { tenant: `${n}`, headers: new Map() } })
    owner.memory.clear()
    most = Math.max(most, buffer.bytes)
  }
  t.equal(owner.dropped + buffer.openTraces, 500_000)
  t.ok(most <= 1.1 * maxBytes, `${most} bytes`)
})

t.test('while what was kept does not leave, new spans are refused and nobody is decided early for nothing', async (t) => {
  const { buffer, owner } = bufferOf({ maxBytes: 32 * 2 ** 20 })
  owner.keeps = () => true
  const fill = (): void => buffer.take(tracesBatch([{ spans: [{ attributes: { blob: 'x'.repeat(500_000) } }] }]))
  for (let n = 0; n < 30; n++) fill()
  buffer.decideDue(Infinity)
  for (let n = 0; n < 100; n++)
    try {
      fill()
    } catch {
      break
    }
  const open = buffer.openTraces
  t.throws(fill, RetryableError)
  t.equal(buffer.openTraces, open)
  t.equal(owner.causes.crowded, 0)
  leaveAll(buffer)
  fill()
  t.equal(buffer.openTraces, open + 1)
})

t.test('without early decisions, one trace too many is refused', async (t) => {
  const { buffer, owner } = bufferOf({ maxTraces: 2, decidesEarly: false })
  buffer.take(tracesBatch([{ spans: [{ traceId: id(1) }, { traceId: id(2) }] }]))
  t.throws(() => buffer.take(tracesBatch([{ spans: [{ traceId: id(3) }] }])), RetryableError)
  buffer.decideDue(Infinity)
  buffer.take(tracesBatch([{ spans: [{ traceId: id(5) }] }]))
  t.equal(owner.causes.crowded, 0)
})

t.test('duplicates, spans that are their own parents and circles of them are kept as they came', async (t) => {
  const { buffer } = bufferOf()
  const one = { traceId: id(2), spanId: '01'.repeat(8), parentSpanId: '01'.repeat(8) }
  const circle = { traceId: id(2), spanId: '02'.repeat(8), parentSpanId: '03'.repeat(8) }
  const chunk = encodeTraces([{ spans: [one, one, circle, { ...circle, spanId: '03'.repeat(8), parentSpanId: '02'.repeat(8) }] }])
  buffer.take(batchOf([chunk]))
  buffer.decideDue(Infinity)
  t.same(seen(leaveAll(buffer).flatMap(({ chunks }) => chunks)), seen([chunk]))
})

t.test('a large resource is not repeated for every few of its spans', async (t) => {
  const { buffer } = bufferOf()
  const spans = Array.from({ length: 2000 }, (_, n) => ({ traceId: id(2), name: `${n}` }))
  const chunk = encodeTraces([{ resource: { blob: 'x'.repeat(2 ** 21) }, spans }])
  buffer.take(batchOf([chunk]))
  t.ok(buffer.bytes < 3 * chunk.length, `${buffer.bytes} bytes for ${chunk.length}`)
  buffer.decideDue(Infinity)
  const [out] = leaveAll(buffer)
  t.same(
    decodeWithProtobufEs(out!.chunks[0]!).map(({ name }) => name),
    spans.map(({ name }) => name),
  )
  t.ok(out!.chunks[0]!.length < 1.1 * chunk.length)
})

t.test('spans of a request that is larger than a slab keep their resources and scopes', async (t) => {
  const spans = (from: number) =>
    Array.from({ length: 3000 }, (_, n) => ({ traceId: id(2 * ((n % 5) + 1)), name: `${from + n} ${'x'.repeat(300)}` }))
  const resources = [0, 3000, 6000].map((from) => ({ resource: { from }, scopeName: `scope ${from}`, spans: spans(from) }))
  const chunk = encodeTraces(resources)
  const { buffer } = bufferOf()
  for (const chunks of [[chunk], [chunk, chunk]]) {
    buffer.take(batchOf(chunks))
    buffer.decideDue(Infinity)
    const out = leaveAll(buffer, { ...ALL, spans: 4000 })
    t.same(seen(out.flatMap((batch) => batch.chunks)).sort(), seen(chunks).sort())
  }
})

t.test('memory is given back, and a table that has lost most of its traces still finds the others', async (t) => {
  const { buffer, owner, clock } = bufferOf()
  owner.keeps = () => false
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < 100; n++)
      buffer.take(tracesBatch([{ spans: Array.from({ length: 20 }, () => ({ attributes: { blob: 'x'.repeat(500) } })) }]))
    await clock.advance(500)
    buffer.decideDue(clock.monotonicMs())
    owner.memory.clear()
  }
  t.equal(buffer.openTraces, 2000, 'of the last round')
  t.equal(buffer.table.count, 2000)
  buffer.decideDue(Infinity)
  t.equal(owner.dropped, 40_000)
  const empty = buffer.bytes
  t.ok(empty < 4 * 2 ** 20, `${empty} bytes`)
})

t.test('an odd request costs nothing of its meaning', async () => {
  fc.assert(
    fc.property(oddRequest, (chunk) => {
      const { buffer, owner } = bufferOf()
      owner.keeps = () => true
      buffer.take(batchOf([chunk]))
      buffer.decideDue(Infinity)
      assert.deepEqual(seen(leaveAll(buffer).flatMap(({ chunks }) => chunks)).sort(), seen([chunk]).sort())
    }),
    { numRuns: 12 },
  )
})

t.test('slabs that empty together are used again for what comes next, and given up where the room is needed', async (t) => {
  const maxBytes = 64 * 2 ** 20
  const { buffer, owner, clock } = bufferOf({ maxBytes })
  owner.keeps = () => false
  const large = { blob: 'x'.repeat(50_000) }
  const fill = (slabs: number): void => {
    for (let n = 0; n < slabs * 20; n++) buffer.take(tracesBatch([{ spans: [{ attributes: large }] }]))
  }
  fill(6)
  await clock.advance(500)
  fill(24)
  const full = buffer.bytes
  await clock.advance(500)
  buffer.decideDue(clock.monotonicMs())
  t.equal(owner.dropped, 120, 'the first six are empty')
  t.equal(buffer.bytes, full, 'and kept, and they count')
  fill(6)
  t.equal(buffer.bytes, full, 'so that what comes takes no more')
  await clock.advance(500)
  buffer.decideDue(clock.monotonicMs())
  t.ok(buffer.bytes < full / 2, 'no more than a part of what is in use')
  const before = buffer.bytes
  buffer.take(tracesBatch([{ spans: [{ attributes: large }] }]), maxBytes - before + 2 ** 20)
  t.ok(buffer.bytes < before, 'what others hold within the same budget comes before them')
  t.equal(owner.causes.crowded, 0)
})
