// A model and what it knows of operations, as bytes that survive a restart. Operations are known by the hash of their names: no name is written.
//
//   length of the head (uint32) · the head (JSON) · sorted scores · forest · operations, the one used longest ago first, each:
//   key (float64) · seen, errors (float32) · calls (uint32), each key (float64) and times (float32) · bins (uint16)

import { gunzipSync, gzipSync } from 'node:zlib'
import type { Baselines } from './baselines.ts'
import { Forest, ForestError } from './forest/index.ts'
import { Model } from './model.ts'
import type { Operation } from './operation.ts'
import type { Scorer } from './scorer.ts'

/** Of the layout above. Another one is not read: the model is trained anew. */
export const SNAPSHOT_VERSION = 1

interface Head {
  readonly version: number
  readonly kind: string
  /** Names of the numbers in a row: another configuration needs another model. */
  readonly features: readonly string[]
  readonly seeds: readonly number[]
  readonly trainedMs: number
  readonly zeroScore: number
  readonly scores: number
  readonly forestBytes: number
  readonly operations: number
}

const namesOf = ({ featurizer }: Scorer): readonly string[] => [...featurizer.features.map(({ name }) => name), ...featurizer.attributes]

/** Undefined where there is no model yet. */
export function snapshotOf(scorer: Scorer): Buffer | undefined {
  const { model, baselines } = scorer
  if (model === undefined) return undefined
  const operations = [...baselines.all()]
  const head: Head = {
    version: SNAPSHOT_VERSION,
    kind: scorer.kind,
    features: namesOf(scorer),
    seeds: [...baselines.seeds],
    trainedMs: model.trainedMs,
    zeroScore: model.zeroScore,
    scores: model.scores.length,
    forestBytes: model.forest.byteLength,
    operations: operations.length,
  }
  const json = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  const scores = Buffer.from(model.scores.buffer, model.scores.byteOffset, model.scores.byteLength)
  return gzipSync(Buffer.concat([length, json, scores, new Uint8Array(model.forest), ...operations.map(encoded)]), { level: 1 })
}

function encoded({ key, seen, errors, called, bins }: Operation): Buffer {
  const out = Buffer.alloc(20 + called.size * 12 + bins.byteLength)
  out.writeDoubleLE(key, 0)
  out.writeFloatLE(seen, 8)
  out.writeFloatLE(errors, 12)
  let at = out.writeUInt32LE(called.size, 16)
  for (const [other, times] of called) {
    at = out.writeDoubleLE(other, at)
    at = out.writeFloatLE(times, at)
  }
  for (const count of bins) at = out.writeUInt16LE(count, at)
  return out
}

/**
 * Gives the scorer back what was saved; it must have learned nothing yet. Returns why that cannot be done, or undefined.
 * @throws whatever damaged bytes make: the caller starts anew.
 */
export function restore(scorer: Scorer, saved: Uint8Array): string | undefined {
  const bytes = gunzipSync(saved)
  const from = 4 + bytes.readUInt32LE(0)
  const head = JSON.parse(bytes.toString('utf8', 4, from)) as Head
  if (head.version !== SNAPSHOT_VERSION) return `it is of version ${head.version}, and this program reads ${SNAPSHOT_VERSION}`
  if (head.kind !== scorer.kind || head.features.join() !== namesOf(scorer).join()) return 'it was trained with other features'
  const forestAt = from + head.scores * 4
  const operationsAt = forestAt + head.forestBytes
  const scores = new Float32Array(head.scores)
  new Uint8Array(scores.buffer).set(bytes.subarray(from, forestAt))
  const forest = new SharedArrayBuffer(head.forestBytes)
  new Uint8Array(forest).set(bytes.subarray(forestAt, operationsAt))
  if (new Forest(forest).shape.features !== scorer.featurizer.width) throw new ForestError('it has other features than its head says')
  scorer.baselines.seeds = Int32Array.from(head.seeds)
  readOperations(scorer.baselines, bytes, operationsAt, head)
  scorer.restore(new Model({ forest, scores, zeroScore: head.zeroScore }, scorer.options.flaggedShare, head.trainedMs))
}

function readOperations(baselines: Baselines, bytes: Buffer, from: number, { operations }: Head): void {
  let at = from
  for (let i = 0; i < operations; i++) {
    const operation = baselines.restore(bytes.readDoubleLE(at))
    operation.seen = bytes.readFloatLE(at + 8)
    operation.errors = bytes.readFloatLE(at + 12)
    const calls = bytes.readUInt32LE(at + 16)
    at += 20
    for (let call = 0; call < calls; call++, at += 12) operation.called.set(bytes.readDoubleLE(at), bytes.readFloatLE(at + 8))
    for (let bin = 0; bin < operation.bins.length; bin++, at += 2) operation.bins[bin] = bytes.readUInt16LE(at)
    operation.restored()
  }
}
