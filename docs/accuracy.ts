// How well the detectors find, measured on labelled text: what masking.md says of it is printed by this. It fetches nothing.
//
//   node docs/accuracy.ts [--half seen|unseen] [--countries US,DE] [--list] file…
//
// A file is a JSON array, or one JSON object a line, of texts with labelled spans, in the form of presidio-research (`full_text`, `spans`) or
// of pii-detection-benchmark (`text`, `annotations`). Half of the texts, chosen by their hash, stay unseen while the detectors are made.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Detection, type Detector, detectorsNamed, type DetectorName } from '../core/detect/index.ts'

interface Label {
  readonly kind: string
  readonly start: number
  readonly end: number
}
interface Labelled {
  readonly text: string
  readonly labels: readonly Label[]
}
interface Tally {
  labels: number
  found: number
  findings: number
  right: number
}

/** What the labels of the data sets are called, and the detectors that stand for them. */
const KINDS: Readonly<Record<string, string>> = {
  EMAIL_ADDRESS: 'email',
  EMAIL: 'email',
  CREDIT_CARD: 'card',
  IBAN_CODE: 'iban',
  IBAN: 'iban',
  US_SSN: 'us_ssn',
  SSN: 'us_ssn',
  IP_ADDRESS: 'ip',
  IP: 'ip',
  PHONE_NUMBER: 'phone',
  PHONE: 'phone',
}
const DETECTORS: readonly DetectorName[] = ['email', 'card', 'iban', 'us_ssn', 'ipv4', 'ipv6', 'mac']
const kindOf = ({ name }: Detector): string => (name.startsWith('ipv') ? 'ip' : name)

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { half: { type: 'string' }, list: { type: 'boolean' }, countries: { type: 'string', default: 'US' } },
})
// All of them at once, as users have them; phones apart, because no text says of which country its numbers are.
const detections = [
  new Detection(await detectorsNamed(DETECTORS)),
  new Detection(await detectorsNamed(['phone'], { phoneCountries: values.countries.split(',') })),
]
for (const file of positionals) report(file, readLabelled(readFileSync(file, 'utf8')).filter(isWanted))

function isWanted({ text }: Labelled): boolean {
  const half = createHash('sha256').update(text).digest()[0]! % 2 === 0 ? 'seen' : 'unseen'
  return values.half === undefined || values.half === half
}

function readLabelled(source: string): readonly Labelled[] {
  const rows: readonly Record<string, unknown>[] = source.trimStart().startsWith('[')
    ? JSON.parse(source)
    : source.split('\n').flatMap((line) => (line.trim() === '' ? [] : [JSON.parse(line)]))
  return rows.map((row) => {
    const text = String(row['full_text'] ?? row['text'])
    const spans = (row['spans'] ?? row['annotations'] ?? []) as readonly Record<string, unknown>[]
    return { text, labels: spans.flatMap((span) => labelOf(text, span)) }
  })
}

/** Other data sets count code points: their offsets become ours. */
function labelOf(text: string, span: Record<string, unknown>): readonly Label[] {
  const kind = KINDS[String(span['entity_type'])]
  if (kind === undefined) return []
  const value = String(span['entity_value'] ?? span['text'])
  const said = Number(span['start_position'] ?? span['start'])
  const start = text.startsWith(value, said) ? said : Array.from(text).slice(0, said).join('').length
  if (!text.startsWith(value, start)) throw new Error(`a label does not stand where it says: ${JSON.stringify(span)}`)
  return [{ kind, start, end: start + value.trimEnd().length }]
}

function report(file: string, texts: readonly Labelled[]): void {
  const tallies = new Map<string, Tally>()
  const mistakes: string[] = []
  for (const one of texts) count(one, tallies, mistakes)
  // What a data set does not label at all it says nothing about.
  for (const [kind, { labels }] of tallies) if (labels === 0) tallies.delete(kind)
  console.log(`${file}: ${texts.length} texts`)
  console.log('| what | labelled | found | recall | findings | right | precision |\n|---|---|---|---|---|---|---|')
  for (const [kind, { labels, found, findings, right }] of tallies)
    console.log(`| ${kind} | ${labels} | ${found} | ${share(found, labels)} | ${findings} | ${right} | ${share(right, findings)} |`)
  if (values.list === true) for (const mistake of mistakes) console.log(mistake)
}

function share(part: number, whole: number): string {
  return whole === 0 ? '–' : (part / whole).toFixed(3)
}

/** A label is found where findings of its kind cover all of it; a finding is right where it overlaps a label of its kind. */
function count({ text, labels }: Labelled, tallies: Map<string, Tally>, mistakes: string[]): void {
  const findings = detections.flatMap((detection) =>
    detection.find(text, bitsIn(detection, text)).map(({ detector, start, end }) => ({ kind: kindOf(detector), start, end })),
  )
  for (const { kind, start, end } of labels) {
    const isFound = findings.some((finding) => finding.kind === kind && finding.start <= start && finding.end >= end)
    const tally = tallyOf(tallies, kind)
    tally.labels++
    if (isFound) tally.found++
    else mistakes.push(`missed  ${kind.padEnd(7)} ${shown(text, start, end)}`)
  }
  for (const { kind, start, end } of findings) {
    const isRight = labels.some((label) => label.kind === kind && label.start < end && label.end > start)
    const tally = tallyOf(tallies, kind)
    tally.findings++
    if (isRight) tally.right++
    else mistakes.push(`wrong   ${kind.padEnd(7)} ${shown(text, start, end)}`)
  }
}

function bitsIn({ anchors }: Detection, text: string): number {
  const count = anchors.scan(Buffer.from(text))
  return anchors.bits.subarray(0, count).reduce((all, bits) => all | bits, 0)
}

function tallyOf(tallies: Map<string, Tally>, kind: string): Tally {
  let tally = tallies.get(kind)
  if (tally === undefined) tallies.set(kind, (tally = { labels: 0, found: 0, findings: 0, right: 0 }))
  return tally
}

function shown(text: string, start: number, end: number): string {
  return JSON.stringify(`${text.slice(Math.max(0, start - 30), start)}»${text.slice(start, end)}«${text.slice(end, end + 20)}`)
}
