// The words after `millrace` as a command and its options, or a sentence about what is wrong with them. command-line.ts calls it.

import { parseArgs } from 'node:util'
import { listed } from '../config/explain.ts'
import { didYouMean } from '../config/nearest.ts'
import { quoted } from '../printable.ts'

export const COMMANDS = [
  'run',
  'validate',
  'components',
  'quickstart',
  'deadletter',
  'queue',
  'sampling',
  'pii',
  'audit',
  'archive',
] as const
export type Command = (typeof COMMANDS)[number]
type Acting = 'deadletter' | 'queue'
/** `deadletter list`: these commands do one of several things. */
const ACTIONS = { deadletter: ['list', 'show', 'replay', 'drop'], queue: ['stat'] } as const
const ARCHIVE_ACTIONS = ['ls', 'get', 'verify', 'replay', 'erase'] as const
export type ArchiveAction = (typeof ARCHIVE_ACTIONS)[number]
export type DeadLetterAction = (typeof ACTIONS)['deadletter'][number]

const OPTIONS = {
  config: { type: 'string', short: 'c', multiple: true },
  file: { type: 'string' },
  'key-file': { type: 'string' },
  storage: { type: 'string' },
  exporter: { type: 'string' },
  to: { type: 'string' },
  tenant: { type: 'string' },
  day: { type: 'string' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const
type Option = keyof typeof OPTIONS
/** What stands behind those that need a value. */
const VALUES: Readonly<Partial<Record<Option, readonly [what: string, name: string]>>> = {
  config: ['a file', 'FILE'],
  file: ['a recording', 'FILE'],
  'key-file': ['a file', 'FILE'],
  storage: ['an extension', 'ID'],
  exporter: ['an exporter', 'ID'],
  to: ['an exporter', 'ID'],
  tenant: ['a tenant', 'NAME'],
  day: ['a day', '2026-01-31'],
}
/** What each command takes beside help and version. Those that are not here look at no file of the user's. */
const TAKES: Readonly<Record<string, readonly Option[]>> = {
  run: ['config'],
  validate: ['config'],
  'deadletter list': ['config', 'storage', 'exporter', 'json'],
  'deadletter show': ['config', 'storage', 'json'],
  'deadletter replay': ['config', 'storage', 'exporter', 'to', 'all'],
  'deadletter drop': ['config', 'storage', 'exporter', 'all'],
  'queue stat': ['config', 'storage', 'json'],
  'sampling try': ['json'],
  'pii test': ['config', 'file', 'json'],
  'audit verify': ['key-file', 'json'],
  'archive ls': ['config', 'exporter', 'tenant', 'day', 'json'],
  'archive get': ['config', 'exporter', 'tenant', 'day'],
  'archive verify': ['config', 'exporter', 'tenant', 'day', 'json'],
  'archive replay': ['config', 'exporter', 'tenant', 'day', 'to'],
  'archive erase': ['config', 'exporter', 'tenant', 'day'],
}
const EVERYWHERE: readonly Option[] = ['config', 'help', 'version']

/** What the commands that look at stored data were asked for. */
export interface Asked {
  readonly files: readonly string[]
  /** The storage extension; needed where there are several. */
  readonly storage?: string
  /** Only what was for this one. */
  readonly exporter?: string
  /** Instead of the exporter that it was for. */
  readonly to?: string
  readonly ids: readonly number[]
  readonly all: boolean
  readonly json: boolean
}
/** What `archive` was asked for. */
export interface ArchiveAsked {
  readonly files: readonly string[]
  /** The archive, where the configuration has several. */
  readonly exporter?: string
  readonly tenant?: string
  /** 2026-01-31 */
  readonly day?: string
  readonly to?: string
  /** In hex, in lower case. */
  readonly traceIds: readonly string[]
  readonly json: boolean
}
export type Arguments =
  | { readonly command: 'archive'; readonly action: ArchiveAction; readonly asked: ArchiveAsked }
  | { readonly command: 'run' | 'validate' | 'components' | 'quickstart'; readonly files: readonly string[] }
  | { readonly command: 'deadletter'; readonly action: DeadLetterAction; readonly asked: Asked }
  | { readonly command: 'queue'; readonly asked: Asked }
  | {
      readonly command: 'sampling'
      readonly asked: { readonly policies: string; readonly traces: readonly string[]; readonly json: boolean }
    }
  | {
      readonly command: 'pii'
      readonly asked: { readonly files: readonly string[]; readonly text?: string; readonly recording?: string; readonly json: boolean }
    }
  | { readonly command: 'audit'; readonly asked: { readonly logs: readonly string[]; readonly keyFile?: string; readonly json: boolean } }
  | { readonly command: 'help' | 'version' }
  | { readonly command: undefined; readonly wrong: string }

type Given = Map<Option, readonly string[]>

export function parseArguments(words: readonly string[]): Arguments {
  const { tokens } = parseArgs({ args: [...words], options: OPTIONS, strict: false, allowPositionals: true, tokens: true })
  const positionals = tokens.filter((token) => token.kind === 'positional').map(({ value }) => value)
  const accepted = acceptedBy(positionals)
  const given: Given = new Map()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    if (!Object.hasOwn(OPTIONS, token.name)) return wrong(unknownOption(token.rawName, accepted))
    const name = token.name as Option
    const value = VALUES[name]
    if (value === undefined && token.value !== undefined) return wrong(`${token.rawName} takes no value; found ${quoted(token.value)}`)
    if (
      value !== undefined &&
      (token.value === undefined || (token.value === '' && name !== 'tenant') || (!token.inlineValue && /^-./.test(token.value)))
    )
      return wrong(`${token.rawName} needs ${value[0]}; accepted: --${name} ${value[1]}`)
    given.set(name, [...(given.get(name) ?? []), token.value ?? ''])
  }
  for (const name of given.keys()) if (name === 'help' || name === 'version') return { command: name }
  return commandOf(positionals, given)
}

function acceptedBy([command = '', action]: readonly string[]): readonly Option[] {
  return [...new Set([...(TAKES[`${command} ${action}`] ?? TAKES[command] ?? []), ...EVERYWHERE])]
}

function commandOf([name, ...more]: readonly string[], given: Given): Arguments {
  if (name === 'help') return { command: 'help' }
  const command = COMMANDS.find((known) => known === name)
  if (name === undefined) return wrong(`no command; accepted: ${listed(COMMANDS)}`)
  if (command === undefined) return wrong(`unknown command ${quoted(name)}; accepted: ${listed(COMMANDS)}${didYouMean(name, COMMANDS)}`)
  if (command === 'sampling') return trialOf(more, given)
  if (command === 'pii') return maskingOf(more, given)
  if (command === 'audit') return auditOf(more, given)
  if (command === 'archive') return archiveOf(more, given)
  if (command === 'deadletter' || command === 'queue') return actionOf(command, more, given)
  const superfluous = tooMuch(command, given)
  if (superfluous !== undefined) return wrong(superfluous)
  const takesFiles = TAKES[command] !== undefined
  const files = given.get('config') ?? []
  if (more[0] !== undefined) {
    const meant = takesFiles ? `; did you mean --config ${more[0]}?` : ''
    return wrong(`${command} takes options only; found ${quoted(more[0])}${meant}`)
  }
  return takesFiles && files.length === 0 ? wrong(noConfiguration(command)) : { command, files }
}

function trialOf([action, policies, ...traces]: readonly string[], given: Given): Arguments {
  const example = 'millrace sampling try policies.yaml traces.jsonl'
  if (action !== 'try') return wrong(`sampling what? accepted: sampling try, as in ${example}`)
  const superfluous = tooMuch('sampling try', given)
  if (superfluous !== undefined) return wrong(superfluous)
  if (policies === undefined || traces.length === 0) return wrong(`sampling try needs policies and recorded traces; accepted: ${example}`)
  return { command: 'sampling', asked: { policies, traces, json: given.has('json') } }
}

function maskingOf([action, text, ...more]: readonly string[], given: Given): Arguments {
  const accepted = 'accepted: pii test "a text", or pii test --file spans.jsonl'
  if (action !== 'test') return wrong(`pii what? ${accepted}`)
  const superfluous = tooMuch('pii test', given)
  if (superfluous !== undefined) return wrong(superfluous)
  const recordings = given.get('file') ?? []
  if (more.length > 0 || recordings.length > 1 || (text === undefined) === (recordings.length === 0))
    return wrong(`pii test takes one text or one file; ${accepted}`)
  const subject = text === undefined ? { recording: recordings[0]! } : { text }
  return { command: 'pii', asked: { files: given.get('config') ?? [], ...subject, json: given.has('json') } }
}

function auditOf([action, ...logs]: readonly string[], given: Given): Arguments {
  const example = 'audit verify audit.jsonl'
  if (action !== 'verify') return wrong(`audit what? accepted: ${example}`)
  const superfluous = tooMuch('audit verify', given)
  if (superfluous !== undefined) return wrong(superfluous)
  const [keyFile, ...others] = given.get('key-file') ?? []
  if (logs.length === 0 || others.length > 0) return wrong(`audit verify takes logs and one --key-file; accepted: ${example}`)
  return { command: 'audit', asked: { logs, ...(keyFile === undefined ? {} : { keyFile }), json: given.has('json') } }
}

function archiveOf([name, ...words]: readonly string[], given: Given): Arguments {
  const action = ARCHIVE_ACTIONS.find((known) => known === name)
  if (action === undefined) {
    const accepted = `accepted: ${ARCHIVE_ACTIONS.map((one) => `archive ${one}`).join(', ')}`
    return wrong(
      name === undefined
        ? `archive what? ${accepted}`
        : `unknown command ${quoted(`archive ${name}`)}; ${accepted}${didYouMean(name, ARCHIVE_ACTIONS)}`,
    )
  }
  const full = `archive ${action}`
  const superfluous = tooMuch(full, given)
  if (superfluous !== undefined) return wrong(superfluous)
  if (!given.has('config')) return wrong(noConfiguration(full))
  const twice = [...given].find(([option, values]) => option !== 'config' && values.length > 1)
  if (twice !== undefined) return wrong(`--${twice[0]} stands there twice; accepted: once`)
  const day = given.get('day')?.[0]
  if (day !== undefined && !isDay(day)) return wrong(`--day: found ${quoted(day)}; accepted: a day in UTC such as 2026-01-31`)
  const odd = words.find((word) => !/^[0-9a-f]{32}$/i.test(word))
  if (odd !== undefined || (words.length > 0 && action !== 'get' && action !== 'replay'))
    return wrong(
      `${full}: found ${quoted(odd ?? words[0]!)}; accepted: ${action === 'get' || action === 'replay' ? 'trace ids, 32 hexadecimal digits' : 'options only'}`,
    )
  if (action === 'get' && words.length !== 1) return wrong(`archive get needs one trace id; accepted: 32 hexadecimal digits`)
  if (action === 'erase' && !given.has('tenant')) return wrong('archive erase needs to know whose: --tenant NAME')
  const one = (option: 'exporter' | 'tenant' | 'to' | 'day'): object => (given.has(option) ? { [option]: given.get(option)![0] } : {})
  const chosen = { ...one('exporter'), ...one('tenant'), ...one('to'), ...one('day') }
  const traceIds = words.map((word) => word.toLowerCase())
  return { command: 'archive', action, asked: { files: given.get('config')!, ...chosen, traceIds, json: given.has('json') } }
}

function isDay(text: string): boolean {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

function actionOf(command: Acting, [name, ...words]: readonly string[], given: Given): Arguments {
  const actions: readonly string[] = ACTIONS[command]
  if (name === undefined) return wrong(`${command} what? accepted: ${actions.map((action) => `${command} ${action}`).join(', ')}`)
  if (!actions.includes(name))
    return wrong(`unknown command ${quoted(`${command} ${name}`)}; accepted: ${listed(actions)}${didYouMean(name, actions)}`)
  const full = `${command} ${name}`
  const superfluous = tooMuch(full, given)
  if (superfluous !== undefined) return wrong(superfluous)
  if (!given.has('config')) return wrong(noConfiguration(full))
  const twice = [...given].find(([option, values]) => option !== 'config' && values.length > 1)
  if (twice !== undefined) return wrong(`--${twice[0]} stands there twice; accepted: once`)
  const ids = command === 'deadletter' && name !== 'list' ? idsIn(words) : []
  if (typeof ids === 'string') return wrong(ids)
  if (ids.length === 0 && words[0] !== undefined) return wrong(`${full} takes options only; found ${quoted(words[0])}`)
  const asked = askedFor(given, ids)
  const missing = choiceFault(full, asked)
  if (missing !== undefined) return wrong(missing)
  return command === 'queue' ? { command, asked } : { command, action: name as DeadLetterAction, asked }
}

function askedFor(given: Given, ids: readonly number[]): Asked {
  const one = (option: 'storage' | 'exporter' | 'to'): object => (given.has(option) ? { [option]: given.get(option)![0] } : {})
  const chosen = { ...one('storage'), ...one('exporter'), ...one('to') }
  return { files: given.get('config') ?? [], ...chosen, ids, all: given.has('all'), json: given.has('json') }
}

/** Nothing is sent or dropped that was not named. */
function choiceFault(full: string, { ids, all, exporter }: Asked): string | undefined {
  if (full === 'deadletter show' && ids.length !== 1) return `${full} needs the id of one letter, as deadletter list shows it`
  if (full !== 'deadletter replay' && full !== 'deadletter drop') return undefined
  if (ids.length === 0 && !all)
    return `${full} needs to know which letters; accepted: ids, as deadletter list shows them, or --all${exporter === undefined ? '' : ', which with --exporter means all of that exporter'}`
  if (ids.length > 0 && all) return `${full} takes ids or --all; found both`
  return ids.length > 0 && exporter !== undefined ? `${full} takes ids or --exporter; found both` : undefined
}

function idsIn(words: readonly string[]): readonly number[] | string {
  const odd = words.find((word) => !/^\d{1,16}$/.test(word))
  return odd === undefined ? words.map(Number) : `found ${quoted(odd)}; accepted: the id of a letter, as deadletter list shows it`
}

function tooMuch(command: string, given: Given): string | undefined {
  const takes = TAKES[command] ?? []
  const first = [...given.keys()].find((option) => !takes.includes(option))
  return first === undefined ? undefined : `${command} takes no --${first}`
}

function noConfiguration(command: string): string {
  return `${command} needs a configuration; accepted: --config FILE, once or more`
}

function unknownOption(rawName: string, accepted: readonly Option[]): string {
  const spellings = accepted.map((name) => `--${name}`)
  return `unknown option ${quoted(rawName)}; accepted: ${spellings.join(', ')}${didYouMean(rawName, spellings)}`
}

function wrong(sentence: string): Arguments {
  return { command: undefined, wrong: sentence }
}
