// Our isolation forest beside scikit-learn's on ten public sets: `npx node docs/anomaly-accuracy.ts <folder>` prints the table of docs/anomaly.md.
// It downloads nothing: docs/anomaly.md says where the sets are, and docs/anomaly-reference.py writes what is compared with.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { score, train } from '../core/anomaly/forest/index.ts'

/** Chosen before any of them was looked at: those of the collection that the papers on isolation forests use. */
const SETS = [
  '2_annthyroid',
  '4_breastw',
  '6_cardio',
  '18_Ionosphere',
  '23_mammography',
  '28_pendigits',
  '29_Pima',
  '30_satellite',
  '32_shuttle',
  '38_thyroid',
] as const
const SEEDS = 10

interface Labelled {
  readonly rows: Float32Array
  readonly columns: number
  readonly isAnomaly: readonly boolean[]
}
interface Reference {
  readonly version: string
  readonly sets: Readonly<Record<string, { readonly areas: readonly number[] }>>
}

function read(path: string): Labelled {
  const lines = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(',').map(Number))
  const columns = lines[0]!.length - 1
  return {
    rows: Float32Array.from(lines.flatMap((line) => line.slice(0, columns))),
    columns,
    isAnomaly: lines.map((line) => line[columns] === 1),
  }
}

/** The area under the ROC curve: how likely an anomaly scores higher than anything else, ties counted half. */
export function areaUnderCurve(scores: Float32Array, isAnomaly: readonly boolean[]): number {
  const order = Array.from(scores, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!)
  const anomalies = isAnomaly.filter(Boolean).length
  let ranks = 0
  for (let i = 0; i < order.length;) {
    let end = i
    while (end < order.length && scores[order[end]!] === scores[order[i]!]) end++
    for (let k = i; k < end; k++) if (isAnomaly[order[k]!]!) ranks += (i + 1 + end) / 2
    i = end
  }
  return (ranks - (anomalies * (anomalies + 1)) / 2) / (anomalies * (isAnomaly.length - anomalies))
}

function areas({ rows, columns, isAnomaly }: Labelled, margin: number): number[] {
  return Array.from({ length: SEEDS }, (_, seed) => {
    const scores = new Float32Array(isAnomaly.length)
    score(train({ rows, features: columns, trees: 100, subsample: 256, seed, below: margin, above: margin }), rows, scores)
    return areaUnderCurve(scores, isAnomaly)
  })
}

/** Each column in units of its own spread, as the features of spans are: only then does a margin mean the same in all. */
function inSpreads({ rows, columns, isAnomaly }: Labelled): Labelled {
  const scaled = new Float32Array(rows.length)
  for (let column = 0; column < columns; column++) {
    const sorted = Float32Array.from(isAnomaly, (_, row) => rows[row * columns + column]!).sort()
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))]!
    const spread = Math.max(at(0.95) - at(0.5), at(0.5) - at(0.05), 1e-6)
    for (let row = 0; row < isAnomaly.length; row++) scaled[row * columns + column] = (rows[row * columns + column]! - at(0.5)) / spread
  }
  return { rows: scaled, columns, isAnomaly }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
const deviation = (values: readonly number[]): number => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)))
const shown = (values: readonly number[]): string => `${mean(values).toFixed(4)} ± ${deviation(values).toFixed(4)}`

function table(folder: string): string {
  const reference = JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8')) as Reference
  const lines = [
    `| set | rows | columns | anomalies | scikit-learn ${reference.version} | ours | difference | ours with a margin |`,
    '|---|--:|--:|--:|--:|--:|--:|--:|',
  ]
  const totals: [number[], number[], number[]] = [[], [], []]
  for (const name of SETS) {
    const set = read(join(folder, `${name}.csv`))
    const theirs = reference.sets[name]!.areas
    const ours = areas(set, 0)
    const wider = areas(inSpreads(set), 1)
    for (const [i, values] of [theirs, ours, wider].entries()) totals[i as 0 | 1 | 2].push(mean(values))
    const anomalies = set.isAnomaly.filter(Boolean).length
    const difference = (mean(ours) - mean(theirs)).toFixed(4)
    lines.push(
      `| ${name} | ${set.isAnomaly.length} | ${set.columns} | ${anomalies} | ${shown(theirs)} | ${shown(ours)} | ${difference} | ${shown(wider)} |`,
    )
  }
  const [theirs, ours, wider] = totals.map(mean) as [number, number, number]
  lines.push(`| **mean** | | | | ${theirs.toFixed(4)} | ${ours.toFixed(4)} | ${(ours - theirs).toFixed(4)} | ${wider.toFixed(4)} |`)
  return lines.join('\n')
}

if (import.meta.main) {
  const folder = process.argv[2]
  if (folder === undefined || !existsSync(join(folder, 'reference.json'))) {
    process.stderr.write('usage: npx node docs/anomaly-accuracy.ts <folder with reference.json and the sets as .csv>\n')
    process.exitCode = 1
  } else process.stdout.write(`${table(folder)}\n`)
}
