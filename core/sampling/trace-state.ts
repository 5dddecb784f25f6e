// W3C tracestate, as far as samplers read and write it: OpenTelemetry's member `ot` with its `rv` and `th`, and everything else as it came.
//
//   tracestate = member *( "," member ); member = key "=" value; ot = sub-key ":" value *( ";" sub-key ":" value )
//
// Source: https://www.w3.org/TR/trace-context/#tracestate-header, https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/

import { type Randomness, type Threshold, parseRandomness, parseThreshold } from './bits.ts'

const KEY = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/
const SUB_KEY = /^[a-z][a-z0-9]*:[A-Za-z0-9._-]*$/
const MOST_MEMBERS = 32
/** In characters. Everybody must pass on 512; what Collectors write, and read, has up to this. */
const LONGEST = 1024
/** In characters, of one value: `ot` and all in it. */
const LONGEST_VALUE = 256

export interface TraceState {
  /** The threshold that samplers before this one have kept the item by, and how they wrote it; undefined where there was none. */
  readonly threshold: Threshold | undefined
  readonly thresholdText: string
  /** Randomness that comes before the trace id's own, and how it was written. */
  readonly randomness: Randomness | undefined
  readonly randomnessText: string
  /** What else `ot` says, as `key:value`. */
  readonly subKeys: readonly string[]
  /** Other vendors' members, as `key=value`, in their order. */
  readonly members: readonly string[]
}

export const NO_TRACE_STATE: TraceState = {
  threshold: undefined,
  thresholdText: '',
  randomness: undefined,
  randomnessText: '',
  subKeys: [],
  members: [],
}

/** What a tracestate says, or why it is none: then nothing of it counts. */
export function parseTraceState(text: string): TraceState | string {
  if (text.length > LONGEST) return `the tracestate has ${text.length} characters; accepted: ${LONGEST}`
  let state = NO_TRACE_STATE
  const members: string[] = []
  let count = 0
  for (const raw of text.split(',')) {
    const member = raw.replace(/^[ \t]+|[ \t]+$/g, '')
    if (member === '') continue
    if (++count > MOST_MEMBERS) return `the tracestate has more than ${MOST_MEMBERS} members`
    const equals = member.indexOf('=')
    if (!KEY.test(member.slice(0, Math.max(0, equals))) || !VALUE.test(member.slice(equals + 1)))
      return 'a member of the tracestate is not key=value as W3C Trace Context says'
    if (!member.startsWith('ot=')) {
      members.push(member)
      continue
    }
    const parsed = parseOt(member.slice(3))
    if (typeof parsed === 'string') return parsed
    state = parsed
  }
  return members.length === 0 ? state : { ...state, members }
}

function parseOt(value: string): TraceState | string {
  const subKeys: string[] = []
  let [thresholdText, randomnessText] = ['', '']
  for (const subKey of value.split(';')) {
    if (!SUB_KEY.test(subKey)) return 'ot in the tracestate is not key:value;key:value'
    const of = subKey.slice(subKey.indexOf(':') + 1)
    if (subKey.startsWith('th:')) {
      thresholdText = of
      if (parseThreshold(of) === undefined) return 'th in the tracestate is not 1 to 14 hex digits'
    } else if (subKey.startsWith('rv:')) {
      randomnessText = of
      if (parseRandomness(of) === undefined) return 'rv in the tracestate is not 14 hex digits'
    } else subKeys.push(subKey)
  }
  const [threshold, randomness] = [parseThreshold(thresholdText), parseRandomness(randomnessText)]
  return { ...NO_TRACE_STATE, threshold, thresholdText, randomness, randomnessText, subKeys }
}

/**
 * The tracestate with that threshold and that randomness, as texts; empty: without. Who changes a member moves it to the front, and the last
 * member goes where there would be too many. Undefined where `ot` would be longer than a value may be: then it must stay as it was.
 */
export function writeTraceState({ subKeys, members }: TraceState, thresholdText: string, randomnessText: string): string | undefined {
  const written: string[] = []
  if (randomnessText !== '') written.push(`rv:${randomnessText}`)
  if (thresholdText !== '') written.push(`th:${thresholdText}`)
  const ot = subKeys.length === 0 ? written.join(';') : [...written, ...subKeys].join(';')
  if (ot.length > LONGEST_VALUE) return undefined
  if (members.length === 0) return ot === '' ? '' : `ot=${ot}`
  return ot === '' ? members.join(',') : [`ot=${ot}`, ...members.slice(0, MOST_MEMBERS - 1)].join(',')
}
