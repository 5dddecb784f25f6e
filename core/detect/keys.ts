// The detectors of keys that say whose they are: of AWS, Google, GitHub, Slack and Stripe, and blocks of private keys.

import type { Detector, Finding } from './detector.ts'

/** Everything that the pattern matches; where it has a group, that alone. No quantifier in `pattern` may meet its own beginning. */
function detectorOf(name: string, anchors: Detector['anchors'], pattern: RegExp): Detector {
  const find = (text: string): readonly Finding[] =>
    Array.from(text.matchAll(pattern), (match) => {
      const end = match.index + match[0].length
      return { start: match[1] === undefined ? match.index : end - match[1].length, end }
    })
  return { name, anchors, find }
}

/** Ids of access keys, and secret keys where they are assigned to their name. */
export const awsKey: Detector = detectorOf(
  'aws_key',
  ['secret', 'assignment'],
  /(?<![A-Za-z\d])(?:AKIA|ASIA|ABIA)[A-Z\d]{16}(?![A-Za-z\d])|secret_?access_?key["']?\s{0,4}[:=]\s{0,4}["']?([A-Za-z\d+/]{40})(?![A-Za-z\d+/])/gi,
)

/** Keys of APIs, secrets of OAuth clients, access tokens. */
export const googleKey: Detector = detectorOf(
  'google_key',
  ['secret'],
  /AIza[\w-]{35}|GOCSPX-[\w-]{20,40}|(?<![A-Za-z\d])ya29\.[\w-]{20,2048}/g,
)

export const githubToken: Detector = detectorOf(
  'github_token',
  ['secret'],
  /gh[pousr]_[A-Za-z\d]{36,251}|github_pat_[A-Za-z\d]{22}_[A-Za-z\d]{59}/g,
)

/** Tokens, and the secret part of a webhook's URL. */
export const slackToken: Detector = detectorOf(
  'slack_token',
  ['secret'],
  /xox[abeoprs]-[A-Za-z\d-]{10,512}|xoxe\.xox[bp]-\d-[A-Za-z\d]{20,512}|xapp-\d-[A-Za-z\d-]{10,512}|hooks\.slack\.com\/(?:services|workflows|triggers)\/([A-Za-z\d/]{20,256})/g,
)

/** Secret and restricted keys, and secrets of webhooks; publishable keys (`pk_`) are meant to be seen. */
export const stripeKey: Detector = detectorOf(
  'stripe_key',
  ['secret'],
  /(?<![A-Za-z\d])[rs]k_(?:live|test)_[A-Za-z\d]{10,256}|(?<![A-Za-z\d])whsec_[A-Za-z\d+/=]{24,256}/g,
)

const BEGIN = /-----BEGIN (?:[A-Z\d]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g
const END = /-----END (?:[A-Z\d]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g

/** From its first line to its last; where that was cut off, to the end of the text. */
export const privateKey: Detector = {
  name: 'private_key',
  anchors: ['secret'],
  find(text) {
    const findings: Finding[] = []
    BEGIN.lastIndex = 0
    for (let begin = BEGIN.exec(text); begin !== null; begin = BEGIN.exec(text)) {
      END.lastIndex = BEGIN.lastIndex
      const end = END.exec(text) === null ? text.length : END.lastIndex
      findings.push({ start: begin.index, end })
      BEGIN.lastIndex = end
    }
    return findings
  },
}
