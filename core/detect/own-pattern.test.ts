// Detectors of users' patterns: what they find, and where they look.

import t from 'tap'
import { Detection, detectorOf, type Detector } from './index.ts'

const made = (pattern: string): Detector => {
  const detector = detectorOf('own', pattern)
  if ('fault' in detector) throw new Error(detector.fault)
  return detector
}

t.test('all matches are found, and empty ones are none', async (t) => {
  t.same(made('[A-Z]{2}-[0-9]+').find('AB-1, CD-22'), [
    { start: 0, end: 4 },
    { start: 6, end: 11 },
  ])
  t.same(made('x*').find('axb'), [{ start: 1, end: 2 }])
})

t.test('strings without the text that every match has are not looked at', async (t) => {
  const anchors = {
    'EMP-[0-9]{6}': [{ literal: 'EMP-' }],
    '^(?:order)/(?P<id>[0-9]+)/done$': [{ literal: 'order/' }],
    'ab+c?de': [{ literal: 'ab' }],
    'a?bc': [{ literal: 'bc' }],
    '(?:abc|abd)': ['any'],
    'abc|abd': ['any'],
    '(?i)emp-[0-9]{6}': ['any'],
    '[0-9]{6}': ['any'],
    'ü-x': [{ literal: '-x' }],
  }
  for (const [pattern, expected] of Object.entries(anchors)) t.same(made(pattern).anchors, expected, pattern)
  const detection = new Detection([made('EMP-[0-9]{6}')])
  t.equal(detection.everyString, false)
  t.equal(detection.anchors.scan(Buffer.from('at EMP-123456')), 1)
  t.equal(detection.find('at EMP-123456', detection.anchors.bits[0]).length, 1)
  t.equal(new Detection([made('[0-9]{6}')]).everyString, true)
})

t.test('a pattern that could take forever is a fault', async (t) => {
  t.match(detectorOf('own', '(a+)+$'), { fault: /can take forever/ })
  t.match(detectorOf('own', 'a('), { fault: /is none/ })
})
