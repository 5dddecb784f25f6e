// SIGTERM and SIGINT: the first asks to stop, the second ends the process. `run` listens before it starts anything.

import { INTERRUPTED } from './terminal.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

export interface StopRequest {
  /** Resolves with the name of the first signal. */
  readonly asked: Promise<string>
  readonly isAsked: () => boolean
}

/** `onSecond` is told before the process ends. Keeps the process alive: whoever calls this ends it by `process.exit`. */
export function listenForSignals(onSecond: (signal: string) => void): StopRequest {
  const { promise, resolve } = Promise.withResolvers<string>()
  let first: string | undefined
  // Waiting for a signal keeps no process alive, and there may be nothing else: no listener, no connection.
  setInterval(() => {}, 2 ** 30)
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (first !== undefined) {
        onSecond(signal)
        process.exit(INTERRUPTED)
      }
      first = signal
      resolve(signal)
    })
  }
  return { asked: promise, isAsked: () => first !== undefined }
}
