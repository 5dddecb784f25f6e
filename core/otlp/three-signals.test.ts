// Metrics and logs, plain, odd and broken: seen as two other decoders see them. Spans have walk-request.test.ts.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { type Any, decodeWhole } from './fixtures/oracles.ts'
import { ourLogs, ourPoints, seenLogs, seenPoints } from './fixtures/seen-items.ts'
import { looseRequests, oddRequests, plainRequests } from './fixtures/wire-items.ts'
import { admit, indexChunk } from './requests.ts'
import { MalformedError } from './wire.ts'

const NEW = ['metrics', 'logs'] as const

const ours = { metrics: ourPoints, logs: ourLogs }
const theirs = { metrics: seenPoints, logs: seenLogs }

/** What an admitted request should say: ids that are none are gone, from records and exemplars. */
function withoutBadIds(value: Any): Any {
  if (Array.isArray(value)) return value.map(withoutBadIds)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(
    Object.entries(value as Record<string, Any>).map(([key, inner]) => {
      const size = key === 'traceId' ? 16 : key === 'spanId' ? 8 : 0
      if (size === 0) return [key, withoutBadIds(inner)]
      return [key, inner.length === size && inner.some((byte: number) => byte !== 0) ? inner : new Uint8Array(0)]
    }),
  )
}

for (const signal of NEW) {
  t.test(`${signal}: sees what two other decoders see, and forwards the bytes as they came`, async () => {
    fc.assert(
      fc.property(plainRequests[signal], (bytes) => {
        const seen = ours[signal](bytes)
        assert.deepEqual(seen, theirs[signal](bytes, 'protobufEs'))
        assert.deepEqual(seen, theirs[signal](bytes, 'protobufjs'))
        const { chunk, count, refused } = admit(signal, bytes)
        assert.equal(chunk, bytes)
        assert.deepEqual([count, refused], [seen.length, 0])
      }),
      { numRuns: 80 },
    )
  })

  t.test(`${signal}: sees through the corners of protobuf`, async () => {
    fc.assert(
      fc.property(oddRequests[signal], (bytes) => {
        assert.deepEqual(ours[signal](bytes), theirs[signal](bytes, 'protobufEs'))
      }),
      { numRuns: 20 },
    )
  })

  t.test(`${signal}: items lose ids that are none, and nothing else`, async () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 4, arbitrary: looseRequests[signal] }, oddRequests[signal]), (bytes) => {
        const { chunk, count, refused } = admit(signal, bytes)
        assert.equal(refused, 0)
        assert.deepEqual(decodeWhole(signal, chunk), withoutBadIds(decodeWhole(signal, bytes)))
        assert.equal(count, theirs[signal](bytes, 'protobufEs').length)
        assert.equal(admit(signal, chunk).chunk, chunk, 'once')
      }),
      { numRuns: 50 },
    )
  })

  t.test(`${signal}: whatever is admitted of broken bytes, two other decoders read alike`, async () => {
    const broken = fc.tuple(
      fc.oneof({ weight: 9, arbitrary: plainRequests[signal] }, oddRequests[signal]),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      fc.boolean(),
    )
    fc.assert(
      fc.property(broken, ([bytes, flips, cut, shorten]) => {
        const mutated = Buffer.from(bytes)
        if (mutated.length > 0) for (const [at, byte] of flips) mutated[at % mutated.length] = byte
        const input = shorten ? mutated.subarray(0, cut % (mutated.length + 1)) : mutated
        let admitted
        try {
          admitted = admit(signal, input)
        } catch (error) {
          if (error instanceof MalformedError) return
          throw error
        }
        const seen = theirs[signal](admitted.chunk, 'protobufEs')
        assert.equal(seen.length, admitted.count)
        assert.deepEqual(ours[signal](admitted.chunk), seen)
        // Of a 32-bit varint of six to nine bytes protobufjs skips ten: it gets the canonical form, in which there are none.
        assert.deepEqual(theirs[signal](indexChunk(signal, admitted.chunk).bytes, 'protobufjs'), seen)
        assert.deepEqual(withoutBadIds(decodeWhole(signal, admitted.chunk)), decodeWhole(signal, admitted.chunk))
        assert.equal(admit(signal, admitted.chunk).refused, 0)
      }),
      { numRuns: 80 },
    )
  })
}
