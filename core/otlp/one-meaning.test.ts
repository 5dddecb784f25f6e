// What a request means in any signal, however it is written: canonically, in JSON, in tags longer than they need be.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Signal } from '../batch.ts'
import { canonicalRequest } from './canonical.ts'
import { decodeWhole } from './fixtures/oracles.ts'
import { ourLogs, ourPoints, seenLogs, seenPoints } from './fixtures/seen-items.ts'
import { oddRequests, plainRequests } from './fixtures/wire-items.ts'
import { fromJson } from './json-read.ts'
import { toJson } from './json-write.ts'
import { RequestIndex } from './request-index.ts'
import { admit, indexChunk } from './requests.ts'
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

t.test('one tag that is longer than it need be, and nothing else odd: read alike', async () => {
  const tagOf = (number: number, slack: boolean): number[] => (slack ? [(number * 8 + 2) | 0x80, 0] : [number * 8 + 2])
  const fieldOf = (number: number, value: readonly number[], slack = false): number[] => [...tagOf(number, slack), value.length, ...value]
  const letter = [0x61]
  for (const odd of [1, 2, 3, 5, 12]) {
    const metric = [1, 2, 3, 5, 12].flatMap((number) =>
      fieldOf(
        number,
        number === 5 ? fieldOf(1, [0x19, 1, 2, 3, 4, 5, 6, 7, 8]) : number === 12 ? fieldOf(1, letter) : letter,
        number === odd,
      ),
    )
    const bytes = Uint8Array.from(fieldOf(1, fieldOf(2, fieldOf(2, metric))))
    assert.deepEqual(ourPoints(bytes), seenPoints(bytes, 'protobufEs'))
    assert.equal(ourPoints(bytes)[0]!.unit, 'a')
  }
  for (const odd of [3, 5, 6, 9, 12]) {
    const record = [3, 5, 6, 9, 12].flatMap((number) =>
      fieldOf(
        number,
        number === 5 || number === 6 ? fieldOf(1, letter) : number === 9 ? Array<number>(16).fill(7) : letter,
        number === odd,
      ),
    )
    const bytes = Uint8Array.from(fieldOf(1, fieldOf(2, fieldOf(2, record))))
    assert.deepEqual(ourLogs(bytes), seenLogs(bytes, 'protobufEs'))
    assert.equal(ourLogs(bytes)[0]!.body, 'a')
  }
})

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
