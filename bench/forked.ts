// A process of the bench's own (the generator, the counting server) that answers every question over IPC with one message.

import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

export class Forked<Ask, Reply> {
  readonly #child: ChildProcess
  readonly #name: string

  private constructor(name: string, args: readonly string[]) {
    this.#name = name
    // The child's own loop must not be measured by a test runner's or a profiler's flags.
    this.#child = fork(join(import.meta.dirname, name), [...args], { execArgv: [] })
  }

  /** With its first message: what it says when it is ready. */
  static async start<Ask, Reply>(name: string, args: readonly string[]): Promise<Forked<Ask, Reply>> {
    const forked = new Forked<Ask, Reply>(name, args)
    await forked.#next()
    return forked
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  async ask(question: Ask): Promise<Reply> {
    const reply = this.#next()
    this.#child.send(question as object)
    return reply
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.disconnect()
    await gone
  }

  #next(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: unknown): void => {
        this.#child.off('exit', onExit)
        resolve(message as Reply)
      }
      const onExit = (code: number | null): void => {
        this.#child.off('message', onMessage)
        reject(new Error(`bench/${this.#name} ended with ${code} before it answered`))
      }
      this.#child.once('message', onMessage)
      this.#child.once('exit', onExit)
    })
  }
}
