// What a request means in any signal, however it is written: canonically, in JSON, in tags longer than they need be.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Signal } from '../batch.ts'
import { canonicalRequest } from './canonical.ts'
import { countTags, withLongerTag } from './fixtures/longer-tag.ts'
import { decodeWhole, decodeWithProtobufEs } from './fixtures/oracles.ts'
import { decodeWithCursors } from './fixtures/ours.ts'
import { ourLogs, ourPoints, seenLogs, seenPoints } from './fixtures/seen-items.ts'
import { oddRequests, plainRequests } from './fixtures/wire-items.ts'
import { fromJson } from './json-read.ts'
import { toJson } from './json-write.ts'
import { RequestIndex } from './request-index.ts'
import { admit, indexChunk } from './requests.ts'
import { SHAPES } from './shapes.ts'
import { walkRequest } from './walk-request.ts'
import { MalformedError } from './wire.ts'

const ALL: readonly Signal[] = ['traces', 'metrics', 'logs']

for (const signal of ALL) {
  t.test(`${signal}: the canonical form says the same, and is not odd`, async () => {
    fc.assert(
      fc.property(oddRequests[signal], (bytes) => {
        const index = new RequestIndex()
        walkRequest(signal, bytes, index)
        const canonical = canonicalRequest(index)
        assert.deepEqual(decodeWhole(signal, canonical), decodeWhole(signal, bytes))
        walkRequest(signal, canonical, index)
        assert.equal(index.odd, false)
        assert.equal(index.itemCount, indexChunk(signal, bytes).itemCount)
      }),
      { numRuns: 20 },
    )
  })

  t.test(`${signal}: there and back through JSON without loss`, async () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 4, arbitrary: plainRequests[signal] }, oddRequests[signal]), (bytes) => {
        const { bytes: back, refused } = fromJson(signal, Buffer.from(toJson(signal, bytes)))
        assert.equal(refused, 0)
        assert.deepEqual(decodeWhole(signal, back), decodeWhole(signal, bytes))
      }),
      { numRuns: 40 },
    )
  })

  t.test(`${signal}: random bytes are refused or admitted, never more`, async () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          admit(signal, bytes)
        } catch (error) {
          assert.ok(error instanceof MalformedError, String(error))
        }
      }),
      { numRuns: 1000 },
    )
  })
}

/** What our cursors see, and what another decoder does. */
const seenBy: Readonly<Record<Signal, readonly [ours: (bytes: Uint8Array) => unknown, others: (bytes: Uint8Array) => unknown]>> = {
  traces: [decodeWithCursors, decodeWithProtobufEs],
  metrics: [ourPoints, (bytes) => seenPoints(bytes, 'protobufEs')],
  logs: [ourLogs, (bytes) => seenLogs(bytes, 'protobufEs')],
}
for (const signal of ALL) {
  t.test(`${signal}: one tag that is longer than it need be, and nothing else odd: read alike`, async () => {
    const { request } = SHAPES[signal]
    const [ours, others] = seenBy[signal]
    fc.assert(
      fc.property(plainRequests[signal], fc.nat(), (bytes, nat) => {
        const longer = withLongerTag(bytes, request, nat % Math.max(1, countTags(bytes, request)))
        assert.deepEqual(ours(longer), others(longer))
        assert.deepEqual(ours(longer), ours(bytes))
      }),
      { numRuns: 150 },
    )
  })
}

t.test('of two values of a data point the last counts, with nothing else odd', async (t) => {
  const asDouble = [0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]
  const asInt = [0x31, 7, 0, 0, 0, 0, 0, 0, 0]
  const values: readonly (readonly [number[], number])[] = [
    [[...asDouble, ...asInt], 7],
    [[...asInt, ...asDouble], 1],
  ]
  for (const [point, value] of values) {
    const wrap = (tag: number, body: readonly number[]): number[] => [tag, body.length, ...body]
    const bytes = Uint8Array.from(wrap(0x0a, wrap(0x12, wrap(0x12, wrap(0x2a, wrap(0x0a, point))))))
    t.equal(ourPoints(bytes)[0]!.value, value)
    assert.deepEqual(ourPoints(bytes), seenPoints(bytes, 'protobufEs'))
  }
})
