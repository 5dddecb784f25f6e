// What is wrong with conditions, and what an OTTL condition would be: behind a door of its own, for it loads the language.

import { conditionFault } from '../../core/condition/index.ts'
import type { ConfigFault } from '../../core/factory.ts'
import { eachPolicy } from './policy-faults.ts'
import type { PolicyConfig } from './policy-schema.ts'

export function conditionFaults(policies: readonly PolicyConfig[], path: readonly (string | number)[]): readonly ConfigFault[] {
  return [...eachPolicy(policies, path)].flatMap(([{ condition, ottl_condition: ottl }, at]) => [
    ...(condition?.span ?? []).flatMap((text, i) => {
      const message = conditionFault('span', text)
      return message === undefined ? [] : [{ path: [...at, 'condition', 'span', i], message }]
    }),
    ...(ottl === undefined ? [] : [{ path: [...at, 'ottl_condition'], message: inCel(ottl) }]),
  ])
}

const ACCEPTED = /; accepted: (.*)$/s

function inCel({ span = [], spanevent = [] }: NonNullable<PolicyConfig['ottl_condition']>): string {
  const refused = 'conditions are written in CEL'
  if (spanevent.length > 0) return `${refused}, and there are none on span events; accepted: type: condition, with conditions on spans`
  const translated = span.map((text) => {
    const fault = conditionFault('span', text)
    return fault === undefined ? text : ACCEPTED.exec(fault)?.[1]
  })
  if (translated.length === 0 || translated.includes(undefined)) return `${refused}; accepted: type: condition, condition: { span: [ … ] }`
  return `${refused}; accepted: type: condition, condition: { span: [${translated.map((text) => `'${text!.replaceAll("'", "''")}'`).join(', ')}] }`
}
