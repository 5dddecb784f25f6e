// `millrace sampling try`: what policies would have done with recorded traces, from files as users have them.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { start } from './program.ts'

const POLICIES = `decision_wait: 5s
policies:
  - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
  - { name: slow, type: latency, latency: { threshold_ms: 500 } }
`
const AT_MS = 1_767_225_600_000

/** A line of a recording: one trace of two spans, `ms` after the first, that took so long and ended so. */
function line(number: number, ms: number, tookMs: number, code = 0): string {
  const traceId = number.toString(16).padStart(32, '0')
  const times = { startTimeUnixNano: `${AT_MS + ms}000000`, endTimeUnixNano: `${AT_MS + ms + tookMs}000000` }
  const span = (id: number): object => ({
    traceId,
    spanId: (16 * number + id).toString(16).padStart(16, '0'),
    name: 'a',
    ...times,
    status: { code },
  })
  return `${JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span(1), span(2)] }] }] })}\n`
}

async function tried(
  t: Test,
  policies: string,
  traces: string,
  ...words: string[]
): Promise<{ readonly code: number | null; readonly said: string }> {
  const folder = t.testdir()
  writeFileSync(join(folder, 'policies.yaml'), policies)
  writeFileSync(join(folder, 'traces.jsonl'), traces)
  const program = start(t, ['sampling', 'try', join(folder, 'policies.yaml'), join(folder, 'traces.jsonl'), ...words])
  const code = await program.ended
  return { code, said: program.said().replaceAll(`${folder}/`, '') }
}

const RECORDING = [line(1, 0, 10), line(2, 100, 10, 2), line(3, 60_000, 900), line(4, 61_000, 10), line(4, 61_100, 10)].join('\n\n')

t.test('says how many traces each policy would have kept, and what would have gone', async (t) => {
  const { code, said } = await tried(t, POLICIES, RECORDING)
  t.equal(code, 0)
  t.equal(
    said,
    `4 traces of 10 spans, recorded over 61 s
decision     policy  traces            spans
not_sampled  –       2 traces  50.0 %  6 spans  60.0 %
sampled      errors  1 traces  25.0 %  2 spans  20.0 %
sampled      slow    1 traces  25.0 %  2 spans  20.0 %
`,
  )
})

t.test('with --json it says what became of each trace, and why', async (t) => {
  const { said } = await tried(t, POLICIES, RECORDING, '--json')
  const outcomes = said
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as { readonly traceId: string; readonly policy: string; readonly spans: number })
  outcomes.sort((a, b) => a.traceId.localeCompare(b.traceId))
  t.same(
    outcomes.map(({ traceId, policy, spans }) => [Number(`0x${traceId}`), policy, spans]),
    [
      [1, '', 2],
      [2, 'errors', 2],
      [3, 'slow', 2],
      [4, '', 4],
    ],
  )
})

t.test('the policy anomaly learns from the recording, and finds in it what is not like the rest', async (t) => {
  const whole = `receivers: { otlp: { protocols: { http: } } }
exporters: { nop: }
extensions: { anomaly_model: { warm_up: 256, reservoir_size: 512, min_samples: 10, timeout_ms: 50 } }
processors:
  tail_sampling: { decision_wait: 5s, policies: [{ name: odd, type: anomaly, anomaly: { model: anomaly_model } }] }
service:
  extensions: [anomaly_model]
  pipelines: { traces: { receivers: [otlp], processors: [tail_sampling], exporters: [nop] } }
`
  const usual = Array.from({ length: 800 }, (_, i) => line(i + 1, i * 20, 10 + (i % 5)))
  const recording = [...usual, line(900, 17_000, 4000), line(901, 30_000, 12)].join('')
  const { code, said } = await tried(t, whole, recording, '--json')
  t.equal(code, 0)
  const kept = said
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as { readonly traceId: string; readonly policy: string })
    .filter(({ policy }) => policy === 'odd')
  t.same(
    kept.map(({ traceId }) => Number(`0x${traceId}`)),
    [900],
  )
})

t.test('all of a long answer comes, however slowly it is read', async (t) => {
  const folder = t.testdir({
    'policies.yaml': POLICIES,
    'traces.jsonl': Array.from({ length: 4000 }, (_, i) => line(i + 1, i, 10)).join(''),
  })
  const words = ['sampling', 'try', join(folder, 'policies.yaml'), join(folder, 'traces.jsonl'), '--json']
  const { child, said, ended } = start(t, words)
  child.stdout!.pause()
  await new Promise((resolve) => setTimeout(resolve, 2500))
  child.stdout!.resume()
  t.equal(await ended, 0)
  t.equal(said().split('\n').length - 1, 4000)
})

t.test('the policies may stand in a whole configuration, or among processors', async (t) => {
  const inside = POLICIES.replace(/^(?=.)/gm, '    ')
  const processors = `processors:\n  tail_sampling:\n${inside}`
  const whole = `receivers: { otlp: { protocols: { http: } } }\nexporters: { nop: }\n${processors}service:\n  pipelines: { traces: { receivers: [otlp], processors: [tail_sampling], exporters: [nop] } }\n`
  for (const policies of [processors, whole]) t.match((await tried(t, policies, RECORDING)).said, /slow +1 traces/)
  const without = `receivers: { otlp: { protocols: { http: } } }\nexporters: { nop: }\nservice:\n  pipelines: { traces: { receivers: [otlp], exporters: [nop] } }\n`
  t.match(await tried(t, without, RECORDING), { code: 3, said: /policies.yaml: processors: no pipeline has tail_sampling/ })
})

t.test('a mistake is told where it stands, and nothing is made of it', async (t) => {
  const wrong = await tried(t, POLICIES.replace('threshold_ms', 'treshold_ms'), RECORDING)
  t.match(wrong, {
    code: 3,
    said: /^policies.yaml:4:45: policies\[1\].latency: unknown key "treshold_ms".*did you mean "threshold_ms"\?$/m,
  })
  t.match(await tried(t, POLICIES, `${RECORDING}\nno JSON\n`), {
    code: 1,
    said: /^millrace: traces.jsonl:15: not JSON: .*as the file exporter writes them$/m,
  })
  const none = start(t, ['sampling', 'try', join(t.testdirName, 'policies.yaml'), 'nowhere.jsonl'])
  t.equal(await none.ended, 1)
  t.match(none.said(), /nowhere.jsonl cannot be read: there is no such file/)
  const short = start(t, ['sampling', 'try', 'policies.yaml'])
  t.equal(await short.ended, 2)
  t.match(short.said(), /millrace sampling try policies.yaml traces.jsonl/)
})
