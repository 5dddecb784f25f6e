// `kill -9` of Millrace under load, in a loop, seen from outside: no span that it answered for is lost. KILLS and SEED (environment) make it longer, or
// repeat a run.

import t from 'tap'
import { killAgainAndAgain } from '../../bench/kills.ts'

const kills = Number(process.env['KILLS'] ?? 20)
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)

t.test(`kill -9, ${kills} times under load, with a backend that comes and goes, loses no acknowledged span (SEED=${seed})`, async (t) => {
  const { acknowledged, lost, duplicates, foreign, restartMs } = await killAgainAndAgain({ kills, seed })
  t.comment(`${acknowledged} acknowledged, ${duplicates} came twice, a restart took ${restartMs.p50} ms, at most ${restartMs.max}`)
  t.ok(acknowledged > 1000 * kills * 0.2, `load got through: ${acknowledged}`)
  t.equal(lost, 0)
  t.equal(foreign, 0, 'nothing came that nobody sent')
  // Ten consumers carry 20 spans each; what was delivered while its mark was being written may come again, too.
  t.ok(duplicates <= kills * 2 * 10 * 20, `${duplicates} came twice: what was in flight`)
})
