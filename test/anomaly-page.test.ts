// What docs/anomaly.md says of how well faults are found, with other traffic: few usual traces are flagged, and each fault is found better than by the plain rule.

import t from 'tap'
import { figures } from '../docs/anomaly-figures.ts'
import { FAULTS } from './anomaly-traffic.ts'

t.test(
  'at most one of a hundred clean traces is flagged, and every fault is found with more precision and recall than by the rule',
  async (t) => {
    const text = await figures([41])
    const share = Number(/clean traces the model flags ([\d.]+) %/.exec(text)?.[1])
    t.ok(share <= 1, `${share} % of clean traces`)
    for (const fault of FAULTS) {
      const row = text.split('\n').find((line) => line.startsWith(`| ${fault} |`))!
      const [precision, recall, ofRule, foundByRule] = row
        .split('|')
        .slice(2)
        .map((cell) => Number(cell.trim()) || 0) as [number, number, number, number]
      t.ok(recall >= 0.9 && recall >= foundByRule, `${fault}: recall ${recall}, of the rule ${foundByRule}`)
      t.ok(precision > ofRule && precision >= 0.7, `${fault}: precision ${precision}, of the rule ${ofRule}`)
    }
  },
)
