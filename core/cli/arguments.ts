// The words after `millrace` as a command and its options, or a sentence about what is wrong with them. command-line.ts calls it.

import { parseArgs } from 'node:util'
import { listed } from '../config/explain.ts'
import { didYouMean } from '../config/nearest.ts'
import { quoted } from '../printable.ts'

export const COMMANDS = ['run', 'validate', 'components', 'quickstart'] as const
export type Command = (typeof COMMANDS)[number]

const OPTIONS = {
  config: { type: 'string', short: 'c', multiple: true },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const
const SPELLINGS = Object.keys(OPTIONS).map((name) => `--${name}`)
/** The others look at no file of the user's. */
const TAKES_FILES: readonly Command[] = ['run', 'validate']

export type Arguments =
  | { readonly command: Command; readonly files: readonly string[] }
  | { readonly command: 'help' | 'version' }
  | { readonly command: undefined; readonly wrong: string }

export function parseArguments(words: readonly string[]): Arguments {
  const { tokens } = parseArgs({ args: [...words], options: OPTIONS, strict: false, allowPositionals: true, tokens: true })
  const files: string[] = []
  const positionals: string[] = []
  let asked: 'help' | 'version' | undefined
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    if (!Object.hasOwn(OPTIONS, token.name)) return wrong(unknownOption(token.rawName))
    if (token.name !== 'config') {
      if (token.value !== undefined) return wrong(`${token.rawName} takes no value; found ${quoted(token.value)}`)
      asked ??= token.name as 'help' | 'version'
    } else if (token.value === undefined || token.value === '' || (!token.inlineValue && /^-./.test(token.value))) {
      return wrong(`${token.rawName} needs a file; accepted: --config FILE`)
    } else files.push(token.value)
  }
  if (asked !== undefined) return { command: asked }
  return commandOf(positionals, files)
}

function commandOf([name, ...more]: readonly string[], files: readonly string[]): Arguments {
  if (name === 'help') return { command: 'help' }
  const command = COMMANDS.find((known) => known === name)
  if (name === undefined) return wrong(`no command; accepted: ${listed(COMMANDS)}`)
  if (command === undefined) return wrong(`unknown command ${quoted(name)}; accepted: ${listed(COMMANDS)}${didYouMean(name, COMMANDS)}`)
  if (!TAKES_FILES.includes(command) && files.length > 0) return wrong(`${command} takes no --config`)
  if (more[0] !== undefined) {
    const meant = TAKES_FILES.includes(command) ? `; did you mean --config ${more[0]}?` : ''
    return wrong(`${command} takes options only; found ${quoted(more[0])}${meant}`)
  }
  if (TAKES_FILES.includes(command) && files.length === 0)
    return wrong(`${command} needs a configuration; accepted: --config FILE, once or more`)
  return { command, files }
}

function unknownOption(rawName: string): string {
  return `unknown option ${quoted(rawName)}; accepted: ${SPELLINGS.join(', ')}${didYouMean(rawName, SPELLINGS)}`
}

function wrong(sentence: string): Arguments {
  return { command: undefined, wrong: sentence }
}
