// What operations are called, whatever names come.

import t from 'tap'
import { indexChunk } from '../otlp/requests.ts'
import { encodeTraces } from '../testing/index.ts'
import { Baselines } from './baselines.ts'

function nameOf(service: string, name: string): string {
  const chunk = encodeTraces([{ resource: { 'service.name': service }, spans: [{ name }] }])
  return new Baselines({ maxOperations: 10, measures: 8, minSamples: 10 }).of(indexChunk('traces', chunk), 0).name
}

t.test('an operation is called by its service and name, cut where they are long, and never within a character', async (t) => {
  t.equal(nameOf('shop', 'POST /'), 'shop POST /')
  t.equal(nameOf('', ''), '(no name)')
  t.equal(nameOf('s'.repeat(200), 'n'.repeat(200)), `${'s'.repeat(120)} ${'n'.repeat(120)}`)
  const odd = nameOf(`${'s'.repeat(119)}😀`, `${'n'.repeat(119)}ä`)
  t.notMatch(odd, /\ufffd/)
  t.ok(odd.isWellFormed())
})
