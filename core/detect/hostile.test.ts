// No detector takes more than a time that grows with the length of the text: twice the text, about twice the time.

import t from 'tap'
import { Detection, detectorsNamed, DETECTOR_NAMES } from './index.ts'

/** What detectors look for, again and again, and the beginnings of it without an end. */
const PIECES: readonly string[] = [
  'a',
  '1',
  '@',
  ':',
  '-',
  '.',
  ' ',
  '=',
  '%',
  '%40',
  '"',
  '\\',
  '4',
  '4 ',
  '4-',
  '1.',
  '1:',
  'a:',
  '::',
  'a@',
  '@a',
  'a.',
  'a@a.',
  '@a.b',
  '"@',
  '12-',
  '123-45-',
  '123-45-6789',
  '4111 ',
  '4111111111111111 ',
  'DE89',
  'DE',
  'DE89 ',
  'eyJ',
  'eyJ.',
  'eyJhbGciOiJIUzI1NiJ9.',
  'eyJhbGciOiJIUzI1NiJ9',
  'Bearer ',
  'bearer a1',
  'basic a',
  'Basic ',
  'AKIA',
  'AIza',
  'ghp_',
  'github_pat_',
  'xox',
  'xoxb-',
  'xapp-1-',
  'sk_live_',
  'whsec_',
  'ya29.',
  '-----BEGIN PRIVATE KEY-----',
  '-----BEGIN ',
  '-----END PRIVATE KEY-----',
  '://',
  '://a',
  '://a@',
  'a://b:c@',
  'token=',
  'token="',
  "token='",
  '"token":"',
  '"token":null,',
  '\\"token\\":\\"',
  'token=***',
  'ssn',
  'ssn ',
  '+',
  '+1',
  '(1',
  '(123) ',
  '415-',
  '+49 30 ',
  '00:1a:',
  '00-1a-',
  '1.2.3.4 ',
  '1.2.3.4.',
  'v1.',
  'é',
  '日',
  '😀',
  '\n',
  '\u00a0',
  'secret_access_key="',
]

t.test('time grows with the length, whatever the text', async (t) => {
  const detection = new Detection(await detectorsNamed(DETECTOR_NAMES, { phoneCountries: ['US'] }))
  const total = { half: 0, whole: 0 }
  for (const piece of PIECES) {
    const [half, whole] = [textOf(piece, 50_000), textOf(piece, 100_000)]
    const [short, long] = [cost(detection, half), cost(detection, whole)]
    total.half += short
    total.whole += long
    // A square would be four times, and at this length hours.
    t.ok(long < 200_000 || long / short < 3.5, `${JSON.stringify(piece)}: ${Math.round(short)} µs, then ${Math.round(long)}`)
  }
  t.ok(total.whole / total.half < 3, `${total.half}, then ${total.whole}`)
})

function textOf(piece: string, length: number): string {
  return piece.repeat(Math.ceil(length / piece.length))
}

/** In µs of CPU, of the better of two. */
function cost(detection: Detection, text: string): number {
  const bytes = Buffer.from(text)
  const once = (): number => {
    const before = process.cpuUsage()
    detection.anchors.scan(bytes)
    detection.find(text)
    const { user, system } = process.cpuUsage(before)
    return user + system
  }
  return Math.max(1, Math.min(once(), once()))
}
