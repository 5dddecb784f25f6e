// The built-in detectors by name. `pii`, and whoever else looks for something by a name from a configuration, takes them from here.

import { ipv4, ipv6, mac } from './addresses.ts'
import { card } from './card.ts'
import { credentials } from './credentials.ts'
import type { Detector } from './detector.ts'
import { email } from './email.ts'
import { iban } from './iban.ts'
import { jwt } from './jwt.ts'
import { awsKey, githubToken, googleKey, privateKey, slackToken, stripeKey } from './keys.ts'
import { DETECTOR_NAMES, type DetectorName } from './names.ts'
import { urlSecret } from './url-secret.ts'
import { usSsn } from './us-ssn.ts'

export interface DetectorOptions {
  /** ISO 3166 codes of the countries whose phone numbers are looked for without the country's code, too. Without any: with the code alone. */
  readonly phoneCountries?: readonly string[]
}

const BUILT_IN: Readonly<Record<Exclude<DetectorName, 'phone'>, Detector>> = {
  private_key: privateKey,
  aws_key: awsKey,
  google_key: googleKey,
  github_token: githubToken,
  slack_token: slackToken,
  stripe_key: stripeKey,
  jwt,
  credentials,
  url_secret: urlSecret,
  email,
  card,
  iban,
  us_ssn: usSsn,
  ipv4,
  ipv6,
  mac,
}

/** These detectors, in the order of `DETECTOR_NAMES`. What one of them needs is loaded for it alone: the rules of phone numbers are large. */
export async function detectorsNamed(names: Iterable<DetectorName>, options: DetectorOptions = {}): Promise<readonly Detector[]> {
  const wanted = new Set(names)
  const found: Detector[] = []
  for (const name of DETECTOR_NAMES) {
    if (!wanted.has(name)) continue
    if (name === 'phone') found.push((await import('./phone.ts')).phoneOf(options.phoneCountries ?? []))
    else found.push(BUILT_IN[name])
  }
  return found
}
