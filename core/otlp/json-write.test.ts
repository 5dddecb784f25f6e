import assert from 'node:assert/strict'
import t from 'tap'
import fc from 'fast-check'
import root from 'otlp-transformer-0213/build/src/generated/root.js'
import { decodeWithProtobufEs, decodeWithProtobufjs } from './fixtures/oracles.ts'
import { oddRequest, plainRequest } from './fixtures/wire-trees.ts'
import { toJson } from './json-write.ts'
import { encodeTraces } from '../testing/index.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- generated without types
const type = (root as any).opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest

/** OTLP/JSON read by protobufjs. It takes base64 where OTLP/JSON has hex, and enums as they are; everything else is its own. */
function fromJson(json: string): Uint8Array {
  const request = JSON.parse(json, (key, value: unknown) =>
    ['traceId', 'spanId', 'parentSpanId'].includes(key) ? Buffer.from(value as string, 'hex').toString('base64') : value,
  )
  return type.encode(type.fromObject(request)).finish()
}

t.test('another library reads the same out of the JSON as out of the bytes', async () => {
  fc.assert(
    fc.property(plainRequest, (bytes) => {
      assert.deepEqual(decodeWithProtobufjs(fromJson(toJson('traces', bytes))), decodeWithProtobufjs(bytes))
    }),
    { numRuns: 60 },
  )
})

t.test('an odd request says in JSON what it means', async () => {
  fc.assert(
    fc.property(oddRequest, (bytes) => {
      const json = toJson('traces', bytes)
      assert.equal(json.includes('\n'), false)
      assert.deepEqual(decodeWithProtobufjs(fromJson(json)), decodeWithProtobufEs(bytes))
    }),
    { numRuns: 30 },
  )
})

t.test('writes what the specification shows', async (t) => {
  const json = toJson(
    'traces',
    encodeTraces([
      {
        resource: { 'service.name': 'shop' },
        scopeName: 'http',
        spans: [
          {
            traceId: '5b8efff798038103d269b633813fc60c',
            spanId: 'eee19b7ec3c1b174',
            parentSpanId: 'eee19b7ec3c1b173',
            name: 'say "hi"',
            startTimeUnixNano: 1544712660000000001n,
            endTimeUnixNano: 1544712661000000000n,
            statusCode: 2,
            attributes: {
              int: 9007199254740993n,
              double: 0.5,
              nan: NaN,
              no: -Infinity,
              yes: true,
              bytes: new Uint8Array([255, 0]),
              list: ['a', 1],
              map: { k: null },
            },
          },
        ],
      },
    ]),
  )
  t.same(JSON.parse(json), {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
        scopeSpans: [
          {
            scope: { name: 'http' },
            spans: [
              {
                traceId: '5b8efff798038103d269b633813fc60c',
                spanId: 'eee19b7ec3c1b174',
                parentSpanId: 'eee19b7ec3c1b173',
                name: 'say "hi"',
                kind: 2,
                startTimeUnixNano: '1544712660000000001',
                endTimeUnixNano: '1544712661000000000',
                status: { code: 2 },
                attributes: [
                  { key: 'int', value: { intValue: '9007199254740993' } },
                  { key: 'double', value: { doubleValue: 0.5 } },
                  { key: 'nan', value: { doubleValue: 'NaN' } },
                  { key: 'no', value: { doubleValue: '-Infinity' } },
                  { key: 'yes', value: { boolValue: true } },
                  { key: 'bytes', value: { bytesValue: '/wA=' } },
                  { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }] } } },
                  { key: 'map', value: { kvlistValue: { values: [{ key: 'k', value: {} }] } } },
                ],
              },
            ],
          },
        ],
      },
    ],
  })
})
