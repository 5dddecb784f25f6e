// What a command may touch of the process it runs in: main.ts makes the real one, tests their own.

import type { Environment } from '../config/expand.ts'

export interface Terminal {
  /** What was asked for. */
  out(text: string): void
  /** Everything else: errors, the log, the line that says `ready`. */
  err(text: string): void
  readonly environment: Environment
  /** How many characters of a line `out` shows, where it is a screen. */
  readonly columns?: number
  /** Lets V8's young generation grow: asked for where a receiver makes objects of what it receives. */
  readonly growYoungGeneration?: () => void
}

/** Exit codes, as `--help` lists them. */
export const OK = 0
export const FAILED = 1
export const WRONG_USAGE = 2
export const INVALID_CONFIGURATION = 3
/** As a shell counts a process that Ctrl-C ended. */
export const INTERRUPTED = 130
