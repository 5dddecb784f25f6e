// The settings that processors.test.ts gives to the Collector's `redaction` and to ours, and where ours looks on purpose and theirs does not.

import type { SeenItem } from './items.ts'
import type { Case } from './processor-cases.ts'

/** What the tests find the items by, and what only the SDK sends, stays. */
const NEEDED = ['run', 'service.name']
const SECRET = 'a secret of sixty-four bytes or more, which is what both of them ask for'

function redaction(name: string, settings: object): Case {
  return { name: `redaction ${name}`, type: 'redaction', signals: ['traces', 'metrics', 'logs'], settings }
}

/** The patterns find nothing in names of spans and events, messages of status, and lists in attributes: there only ours looks. */
export const REDACTION: readonly Case[] = [
  redaction('allowed keys', { allowed_keys: [...NEEDED, 'text', 'most', 'list'], summary: 'debug' }),
  redaction('no allowed keys but those needed', { allowed_keys: NEEDED, summary: 'info' }),
  redaction('ignored keys', { allowed_keys: NEEDED, ignored_keys: ['zero', 'er'], ignored_key_patterns: ['^(te|m)'], summary: 'debug' }),
  redaction('blocked values', { allow_all_keys: true, blocked_values: ['n.code', '4\\.5\\.6', '[a-z]art:\\d'], summary: 'debug' }),
  redaction('blocked values, without a word', { allow_all_keys: true, blocked_values: ['ünïcode'], summary: 'silent' }),
  redaction('blocked values that match nothing', { allow_all_keys: true, blocked_values: ['🧀*$'], blocked_key_patterns: ['^no$'] }),
  redaction('blocked values of any type', {
    allow_all_keys: true,
    redact_all_types: true,
    blocked_values: ['92233\\d+', '^false$', 'AP/', '"deep"'],
    summary: 'debug',
  }),
  redaction('blocked keys', { allow_all_keys: true, blocked_key_patterns: ['^(text|empty|most|map)$'], summary: 'debug' }),
  redaction('blocked keys of any type', {
    allow_all_keys: true,
    redact_all_types: true,
    blocked_key_patterns: ['^(text|empty|most|real|no|bytes)$', 'list'],
    summary: 'debug',
  }),
  redaction('allowed values', {
    allow_all_keys: true,
    allowed_values: ['🧀'],
    blocked_key_patterns: ['^text$'],
    blocked_values: ['ünï'],
    summary: 'debug',
  }),
  ...['md5', 'sha1', 'sha3'].map((name) =>
    redaction(name, { allow_all_keys: true, blocked_values: ['n.code'], blocked_key_patterns: ['^empty$'], hash_function: name }),
  ),
  ...['hmac-sha256', 'hmac-sha512'].map((name) =>
    redaction(name, { allow_all_keys: true, blocked_values: ['n.code'], hash_function: name, hmac_key: SECRET }),
  ),
]

/** Without the attributes of links and exemplars: those of the Collector are as they came. */
export function whereBothLook(item: SeenItem): SeenItem {
  const without = (list: unknown, name: string): readonly object[] =>
    (list as readonly object[]).map((one) => ({ ...one, [name]: undefined }))
  return {
    ...item,
    ...('links' in item && { links: without(item['links'], 'attributes') }),
    ...('exemplars' in item && { exemplars: without(item['exemplars'], 'filteredAttributes') }),
  }
}
