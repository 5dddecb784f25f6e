// Reasons for people: which feature, what was found, what is usual. The scorer calls it for what is over the bound.

import type { Feature } from './features.ts'
import type { Reason } from './judgement.ts'
import type { Operation } from './operation.ts'

/** What stands behind one number of a row: noted only where that is not 0. */
export interface Note {
  readonly operation: Operation
  /** In the unit of the feature. */
  readonly value: number
  readonly usual?: number
  /** The operation that was called, or was not, or called too often. */
  readonly other?: string
  /** A trace has several such spans. */
  readonly times?: number
}

export function reasonOf(feature: Feature | string, note: Note, share: number): Reason {
  const name = typeof feature === 'string' ? feature : feature.name
  const unit = typeof feature === 'string' ? '1' : feature.unit
  const { value, usual, operation } = note
  const who = operation.name || 'an operation'
  return {
    feature: name,
    value,
    ...(usual === undefined ? {} : { usual }),
    unit,
    operation: who,
    share,
    text: `${name}: ${phrase(name, who, note)}`,
  }
}

function phrase(name: string, who: string, { value, usual = 0, other = 'the same operation', times = 1 }: Note): string {
  switch (name) {
    case 'duration':
      return `${who} took ${milliseconds(value)}, usually ${milliseconds(usual)}`
    case 'self_time':
      return `${who} spent ${percent(value)} of its time itself, usually ${percent(usual)}`
    case 'critical_path':
      return `the trace waited for ${who} ${percent(value)} of its time, usually ${percent(usual)}`
    case 'children':
      return `${who} made ${calls(value)}, usually ${number(usual)}`
    case 'repeats':
      return `${who} called ${other} ${number(value)} times, usually ${number(usual)}`
    case 'fan_out':
      return `${who} had ${calls(value)} under way at once, usually ${number(usual)}`
    case 'gap':
      return `${who} waited ${milliseconds(value)} between two calls, usually ${milliseconds(usual)}`
    case 'errors':
      return `${who} failed${times > 1 ? `, and ${calls(times - 1, 'more span')}` : ''}; usually ${percent(usual)} do`
    case 'operation':
      return value === 0 ? `${who} was never seen before` : `${who} was seen only ${calls(value, 'time')} before`
    case 'edge':
      return `${who} called ${other}, as ${percent(usual)} of its spans do`
    case 'missing':
      return `${who} did not call ${other}, as ${percent(usual)} of its spans do`
    case 'spans':
      return `${number(value)} spans, usually ${number(usual)} where ${who} begins`
    default:
      return `${who} has ${number(value)}, usually ${number(usual)}`
  }
}

function milliseconds(ms: number): string {
  if (ms >= 10_000) return `${number(ms / 1000)} s`
  return ms >= 1 ? `${number(ms)} ms` : `${number(ms * 1000)} µs`
}
function percent(share: number): string {
  const of = share * 100
  return of > 0 && of < 1 ? `${of.toPrecision(1)} %` : `${Math.round(of)} %`
}
function calls(n: number, word = 'call'): string {
  return `${number(n)} ${word}${n === 1 ? '' : 's'}`
}
function number(n: number): string {
  return Number(n.toPrecision(3)).toString()
}
