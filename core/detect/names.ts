// The names of the built-in detectors, as users write them. Schemas list them, at every start: nothing that finds is imported here.

/** In the order in which they name what several of them find. */
export const DETECTOR_NAMES = [
  'private_key',
  'aws_key',
  'google_key',
  'github_token',
  'slack_token',
  'stripe_key',
  'jwt',
  'credentials',
  'url_secret',
  'email',
  'iban',
  'card',
  'us_ssn',
  'ipv4',
  'ipv6',
  'mac',
  'phone',
] as const
export type DetectorName = (typeof DETECTOR_NAMES)[number]
