// What a detector is: something that finds one kind of personal data or secret in a string. Plugins may bring their own.

/** Where something was found in a string, in UTF-16 units: `[start, end)`. */
export interface Finding {
  readonly start: number
  readonly end: number
}

/**
 * How a place that a match might contain looks in raw bytes: a name of `SHAPES`, or text in ASCII that every match contains. The pass over a
 * chunk finds these, never too few: a byte that is no part of a string may lie beside it and look like text.
 */
export type Anchor = Shape | { readonly literal: string }

/**
 * - `at`: `@`, or `%40` in a URL
 * - `dotted`: digits and dots that can be an IPv4 address
 * - `colons`: hexadecimal digits between colons or dashes that can be an IPv6 or MAC address
 * - `long_number`: 12 digits or more, also in groups
 * - `number`: 7 digits or more, also in groups
 * - `triple`: three digits, two, four, in groups
 * - `iban`: two letters, two digits
 * - `secret`: what secrets begin with, e.g. `eyJ`, `AKIA`, `Bearer `, `-----BEGIN`
 * - `assignment`: `=` behind a name that secrets have, e.g. `password=`
 * - `integer`: a protobuf value that is a number and can be a card's: see `findNumber`
 * - `any`: every string there is
 */
export const SHAPES = [
  'at',
  'dotted',
  'colons',
  'long_number',
  'number',
  'triple',
  'iban',
  'secret',
  'assignment',
  'integer',
  'any',
] as const
export type Shape = (typeof SHAPES)[number]

export interface Detector {
  /** As users write it, e.g. `email`; `[EMAIL]` is what stands in the place of a finding by default. */
  readonly name: string
  /** It is asked about strings in which the pass saw one of these, and about no others. */
  readonly anchors: readonly Anchor[]
  /** All that it finds, in order, not overlapping. The time this takes may grow with the length of the text, and not faster. */
  find(text: string): readonly Finding[]
  /** Whether this number as a whole is a finding; asked with the anchor `integer`. */
  isNumber?(value: bigint): boolean
}

/** What is found in a string by several detectors. */
export interface Found extends Finding {
  readonly detector: Detector
}
