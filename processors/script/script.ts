// Processor `script` at work: the user's function, called for every item through a cursor. What it throws concerns one item, never its batch.

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Consumer, eachItem, type Item, type otlp, type Processor, type Settings, type Signal } from '../../core/index.ts'
import type { ScriptConfig } from './factory.ts'

/** What the module exports for each signal. */
const EXPORTS = { traces: 'span', metrics: 'dataPoint', logs: 'logRecord' } as const satisfies Record<Signal, string>

/**
 * Of what is thrown in a second, so many are logged. One costs ten microseconds, for its stack and its line: a request of many items that all
 * fail would hold up everybody for seconds.
 */
const MAX_LOGGED = 10

type ItemFunction = (item: Item, settings: Settings) => unknown

export async function createScript(config: ScriptConfig, next: Consumer, settings: Settings): Promise<Processor> {
  const signal = settings.signal ?? 'traces'
  const url = pathToFileURL(resolve(config.file)).href
  const name = EXPORTS[signal]
  const run = ((await import(url)) as Readonly<Record<string, unknown>>)[name]
  if (typeof run !== 'function') {
    throw new TypeError(
      `${config.file} exports no function "${name}", which a pipeline of ${signal} needs; write: export function ${name}(…) { … }`,
    )
  }
  const guarded = guard(run as ItemFunction, url, config, settings)
  const schema = { type: 'object', properties: {} } as const
  const plugin = eachItem({ type: 'script', stability: 'alpha', schema, [name]: guarded })
  return plugin.create({}, next, settings)
}

/** Whatever the function throws, its item goes on as it came, or is left out; the log says where in the file. */
function guard(run: ItemFunction, url: string, { on_error: onError }: ScriptConfig, settings: Settings): (item: Item) => void {
  const failed = settings.meter.counter('millrace_script_errors', '{item}', 'Items for which the function of a script threw.')
  let untilMs = -Infinity
  let logged = 0
  const isLogged = (): boolean => {
    const nowMs = settings.clock.monotonicMs()
    if (nowMs >= untilMs) {
      untilMs = nowMs + 1000
      logged = 0
    }
    return ++logged <= MAX_LOGGED
  }
  return (item) => {
    const { stackTraceLimit } = Error
    if (logged >= MAX_LOGGED) Error.stackTraceLimit = settings.clock.monotonicMs() < untilMs ? 0 : stackTraceLimit
    try {
      const result = run(item, settings)
      if (result instanceof Promise) refusePromise(result)
    } catch (error) {
      failed(1)
      if (isLogged())
        settings.log.error(
          { where: placeOf(error, url), reason: reasonOf(error), item: onError === 'drop' ? 'dropped' : 'kept' },
          'the script threw',
        )
      if (onError === 'drop') item.drop('the script threw')
      else (item as Item & Pick<otlp.ItemCursor, 'undo'>).undo()
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
  }
}

/** A cursor has moved on long before a promise settles. */
function refusePromise(promise: Promise<unknown>): never {
  promise.catch(() => {}) // what it rejects with would end the process
  throw new TypeError('the function returned a promise; accepted: a function that is done when it returns, not an async one')
}

function reasonOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  } catch {
    return 'something that cannot be shown'
  }
}

/** `scrub.ts:3:11`: where in the user's file it was thrown, or through which line of it; the file alone where the stack does not say. */
function placeOf(error: unknown, url: string): string {
  const file = decodeURIComponent(url.slice(url.lastIndexOf('/') + 1))
  const stack = error instanceof Error && typeof error.stack === 'string' ? error.stack : ''
  const at = stack.indexOf(`${url}:`)
  const position = at < 0 ? undefined : /^:\d+:\d+/.exec(stack.slice(at + url.length))?.[0]
  return `${file}${position ?? ''}`
}
