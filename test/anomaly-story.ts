// What configs/anomaly.yaml is for: five services of a shop are as usual for a while, then five things go wrong; each is kept and explained, and little else is.

import { join } from 'node:path'
import type { Test } from 'tap'
import { readLogRecords, readSpans } from '../core/testing/index.ts'
import { type Fault, FAULTS, type MadeTrace, requestOf, Traffic } from './anomaly-traffic.ts'
import { httpBackend } from './backend.ts'
import type { Program } from './program.ts'
import { sendHttp } from './senders.ts'

type Start = (env: NodeJS.ProcessEnv) => Promise<Program>

/** What a person reads first, or soon. */
const REASONS: Readonly<Record<Fault, RegExp>> = {
  'slow dependency': /^duration: payments INSERT payment took \d+ ms, usually 1\d(\.\d)? ms$/,
  'error burst': /^errors: catalog GET \/products\/\{id\} failed, and 1 more span; usually 0\.\d+ % do$/,
  'retry storm': /^repeats: orders POST \/orders called payments POST \/charge \d times, usually 1$/,
  'missing call': /^missing: orders POST \/orders did not call payments POST \/charge, as (100|99) % of its spans do$/,
  'new route': /^operation: frontend GET \/export was (never seen before|seen only \d times? before)$/,
}
const USUAL = 4000
const AFTERWARDS = 400
const OF_EACH = 3

export async function anomalyStory(t: Test, start: Start, stops: (program: Program, account: RegExp) => Promise<void>): Promise<void> {
  const backend = await httpBackend(t)
  // A slow machine takes its time to score; a fast one does not need it.
  const env = {
    BACKEND: `http://${backend.address}`,
    STORAGE_DIRECTORY: join(t.testdir(), 'storage'),
    DECISION_WAIT: '1s',
    SCORING_TIMEOUT_MS: '20000',
  }
  const program = await start(env)
  const traffic = new Traffic(21)
  let spans = 0
  const send = async (traces: readonly MadeTrace[]): Promise<void> => {
    spans += traces.reduce((sum, { resources }) => sum + resources.reduce((all, one) => all + one.spans.length, 0), 0)
    t.equal((await sendHttp(program.url('receivers.otlp'), 'traces', requestOf(traces))).status, 200)
  }
  for (let i = 0; i < USUAL; i += 200) await send(Array.from({ length: 200 }, () => traffic.next()))
  await program.says(/a model was trained/)

  const usual = Array.from({ length: AFTERWARDS }, () => traffic.next())
  const odd = FAULTS.flatMap((fault) => Array.from({ length: OF_EACH }, () => traffic.next(fault)))
  await send([...usual, ...odd])
  // Stopping scores and decides what waits.
  await stops(program, new RegExp(`traces → otlp_http: ${spans} received, (\\d+) delivered, \\d+ dropped \\(tail_sampling: not sampled\\)`))

  const kept = backend.taken.requests.filter(({ signal }) => signal === 'traces').flatMap((batch) => readSpans(batch))
  const reasons = new Map(
    kept.flatMap(({ traceId, attributes }) =>
      'anomaly.reasons' in attributes ? [[traceId, attributes['anomaly.reasons'] as string[]]] : [],
    ),
  )
  for (const { id, fault, resources } of odd) {
    const said = reasons.get(id) ?? []
    t.ok(
      said.some((reason) => REASONS[fault!].test(reason)),
      `${fault}: ${said.join('; ') || 'not found'}`,
    )
    const count = resources.reduce((sum, one) => sum + one.spans.length, 0)
    t.equal(kept.filter(({ traceId }) => traceId === id).length, count, 'the whole trace is kept')
  }
  const wrong = usual.filter(({ id }) => reasons.has(id)).length
  t.ok(wrong <= AFTERWARDS * 0.02, `${wrong} of ${AFTERWARDS} usual traces are called anomalous`)

  const records = backend.taken.requests.filter(({ signal }) => signal === 'logs').flatMap((batch) => readLogRecords(batch))
  t.same(new Set(records.map(({ traceId }) => traceId)), new Set(reasons.keys()), 'a record for each')
  t.ok(records.every(({ eventName }) => eventName === 'mplp.anomaly'))
}
