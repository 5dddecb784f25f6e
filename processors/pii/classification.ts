// What is noted on an item or resource in which something was found: kinds and counts, never what it was. rules.ts asks for it.

import type { AttributeValue } from '../../core/factory.ts'
import type { Note } from '../../core/mask/index.ts'
import type { PiiConfig } from './factory.ts'

const KINDS: Readonly<Record<string, string>> = {
  card: 'financial',
  iban: 'financial',
  email: 'personal',
  phone: 'personal',
  us_ssn: 'personal',
  ipv4: 'network',
  ipv6: 'network',
  mac: 'network',
}
/** The other detectors find keys, tokens and passwords. What a pattern of the user's finds, and what goes for its key, counts as a secret, too. */
const OTHERWISE = 'secret'

export function notesOn(
  found: readonly (readonly [rule: string, count: number])[],
  { attribute, counts_attribute: countsAttribute }: NonNullable<PiiConfig['classification']>,
): readonly Note[] {
  const kinds = found.flatMap(([rule]) => (rule === 'not_allowed' ? [] : [KINDS[rule] ?? OTHERWISE]))
  if (kinds.length === 0) return []
  const notes: Note[] = [{ key: attribute, value: (before) => [...new Set([...listed(before), ...kinds])].sort().join(',') }]
  if (countsAttribute !== undefined) notes.push({ key: countsAttribute, value: () => Object.fromEntries(found) })
  return notes
}

/** What an earlier processor, or the sender, has said already. */
function listed(before: AttributeValue | undefined): readonly string[] {
  return typeof before === 'string' && before !== '' ? before.split(',') : []
}
