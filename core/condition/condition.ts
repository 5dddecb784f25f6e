// A condition of the user's, in CEL: compiled and type-checked before anything starts, evaluated for one item after the other.
// Source: https://github.com/google/cel-spec. Who asks for an attribute that is not there gets an error, which `||` and `&&` absorb.

import { didYouMean } from '../config/nearest.ts'
import { printable } from '../printable.ts'
import type { RequestEdits } from '../otlp/edits.ts'
import { fromOttl } from './ottl.ts'
import { withPatterns } from './patterns.ts'
import { type ConditionContext, VIEWS } from './views.ts'
import { environmentOf, wordsOf } from './vocabulary.ts'

type Program = (context: object) => unknown

/** What a condition came to. `error` is why there is no answer: an attribute that is missing, or of another type than it is used as. */
export type Verdict = boolean | EvaluationError

/** One object for all: a condition may fail for every item. `message` is of the last failure. */
export class EvaluationError {
  message = ''
  /** An attribute, or a member of a map, was not there: the usual case, and hardly a mistake. */
  isMissing = false
}
const failed = new EvaluationError()

/** Conditions on items of one kind; any of them may hold. */
export class Conditions {
  readonly #programs: readonly Program[]
  readonly #view: { moveTo(number: number): void } & object

  /** @throws TypeError where one of them does not compile; `conditionFault` says how. */
  constructor(context: ConditionContext, texts: readonly string[], edits: RequestEdits) {
    this.#programs = texts.map((text) => compile(context, text))
    this.#view = new VIEWS[context](edits)
  }

  /** True as soon as one holds for the item of that number; otherwise what the last one that failed says, or false. */
  any(item: number): Verdict {
    this.#view.moveTo(item)
    let verdict: Verdict = false
    for (const program of this.#programs) {
      try {
        if (program(this.#view) === true) return true
      } catch (error) {
        failed.message = (error as Error).message.split('\n', 1)[0]!
        failed.isMissing = (error as { readonly code?: string }).code === 'no_such_key'
        verdict = failed
      }
    }
    return verdict
  }
}

function compile(context: ConditionContext, text: string): Program {
  const fault = conditionFault(context, text)
  if (fault !== undefined) throw new TypeError(fault)
  const environment = environmentOf(context)
  const ready = withPatterns(text, environment.parse(text).ast)
  return environment.parse('text' in ready ? ready.text : text)
}

/** What is wrong with a condition, in words; undefined where it compiles and answers with true or false. */
export function conditionFault(context: ConditionContext, text: string): string | undefined {
  const wrong = wrongWith(context, text)
  if (wrong === undefined) return undefined
  const translated = fromOttl(text)
  if (translated !== undefined && wrongWith(context, translated) === undefined)
    return `conditions are written in CEL, and this is OTTL; accepted: ${translated}`
  return wrong
}

function wrongWith(context: ConditionContext, text: string): string | undefined {
  let parsed
  try {
    parsed = environmentOf(context).parse(text)
  } catch (error) {
    return `not a condition in CEL: ${inOneLine(error)}`
  }
  const checked = parsed.check()
  if (!checked.valid) return `not a condition in CEL: ${inOneLine(checked.error)}${hint(context, checked.error)}`
  const type = String(checked.type)
  if (type !== 'bool' && type !== 'dyn') return `is ${type}; accepted: a condition, which is true or false`
  const patterns = withPatterns(text, parsed.ast)
  return 'fault' in patterns ? patterns.fault : undefined
}

function inOneLine(error: unknown): string {
  const { message } = error as Error
  return printable(message.split('\n', 1)[0]!, 200)
}

function hint(context: ConditionContext, error: unknown): string {
  const unknown = /^Unknown variable: (\w+)/.exec((error as Error).message)?.[1]
  if (unknown === undefined) return ''
  const words = wordsOf(context)
  return `; known are ${words.join(', ')}${didYouMean(unknown, words)}`
}
