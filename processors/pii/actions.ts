// What stands in the place of a finding. rules.ts calls it.

import { createHmac } from 'node:crypto'

export interface Action {
  readonly action: 'replace' | 'mask' | 'hash' | 'delete'
  readonly keep_last: number
}

/** `name` is the rule's: `[EMAIL]`. Where something cannot be deleted it is replaced. */
export function insteadOf(found: string, name: string, { action, keep_last: keepLast }: Action, hashKey: string | undefined): string {
  switch (action) {
    case 'mask':
      return masked(found, keepLast)
    case 'hash':
      return createHmac('sha256', hashKey!).update(found).digest('hex')
    default:
      return `[${name.toUpperCase()}]`
  }
}

/** As many characters (code points) as before. Little text keeps little: its end would be most of it. */
function masked(found: string, keepLast: number): string {
  const characters = Array.from(found)
  const kept = Math.min(keepLast, Math.floor(characters.length / 3))
  return '*'.repeat(characters.length - kept) + characters.slice(characters.length - kept).join('')
}
