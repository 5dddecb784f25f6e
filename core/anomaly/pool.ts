// Threads that score and train, and what happens when one of them does not: it is replaced, what it had is tried once more, and nobody waits
// longer than they said. The extension `anomaly_model` owns one.

import { extname } from 'node:path'
import { Piscina } from 'piscina'
import type { Clock } from '../clock.ts'
import type { Logger } from '../component.ts'
import type { Unscored } from './judgement.ts'
import type { Scored, ScoreTask, Trained, TrainTask, WakeTask } from './worker.ts'

/** Numbers that one task takes at most, from several callers: about ten milliseconds of work. */
const MOST_NUMBERS = 32_768
/** What may wait, in numbers: more could not be scored in time. */
const MOST_WAITING = 1_048_576
/** A task for which nobody waits any more is hung; though not before that, for a busy machine is slow, and another thread would be no faster. */
const LEAST_HUNG_MS = 800
const LONGEST_TRAINING_MS = 30_000
/** Threads give way to the event loop: Linux's nice. */
const YIELD_SCORING = 3
const YIELD_TRAINING = 10

export interface PoolOptions {
  readonly threads: number
  /** How long a caller waits. */
  readonly timeoutMs: number
  /** The most that a thread's heap may take. */
  readonly maxHeapMb: number
  readonly clock: Clock
  readonly log: Logger
  /** Of tests: what to run instead of worker.ts. */
  readonly worker?: string
}

const WAKE: WakeTask = { kind: 'wake' }

interface Job {
  readonly forest: SharedArrayBuffer
  readonly bound: number
  readonly width: number
  readonly rows: Float32Array
  failures: number
  /** Settled: nobody waits for it. */
  isOver: boolean
  settle(result: Scored | Unscored): void
}

export class ScoringPool {
  /** Tasks that a thread failed at since the start: it threw, ended, or was ended because it hung. */
  failures = 0
  /** Batches that failed two threads. */
  setAside = 0
  readonly #options: PoolOptions
  readonly #scorers: Piscina<ScoreTask | WakeTask, Scored>
  readonly #trainer: Piscina<TrainTask | WakeTask, Trained>
  readonly #waiting: Job[] = []
  #waitingNumbers = 0
  #running = 0
  #closed = false
  #training: Promise<unknown> = Promise.resolve()

  constructor(options: PoolOptions) {
    this.#options = options
    const { threads, maxHeapMb, log } = options
    // Threads need nothing of what the process was told on its command line: loaders of tests would be loaded in each.
    const filename = options.worker ?? new URL(`./worker${extname(import.meta.filename)}`, import.meta.url).href
    const shared = {
      filename,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb, maxYoungGenerationSizeMb: 16 },
      recordTiming: false,
    }
    this.#scorers = new Piscina({ ...shared, minThreads: threads, maxThreads: threads, niceIncrement: YIELD_SCORING })
    this.#trainer = new Piscina({ ...shared, minThreads: 0, maxThreads: 1, idleTimeout: 1000, niceIncrement: YIELD_TRAINING })
    // A thread that ends between two tasks: the next one starts another.
    for (const pool of [this.#scorers, this.#trainer]) {
      pool.on('workerDestroy', () => setImmediate(() => this.#wake(pool)))
      pool.on('error', (error: Error) => log.warn({ reason: error.message }, 'a scoring thread ended; another takes its place'))
    }
  }

  /** Settles within `timeoutMs`, with the scores or with why there are none. Never rejects. `rows` is not changed. */
  score(forest: SharedArrayBuffer, bound: number, width: number, rows: Float32Array): Promise<Scored | Unscored> {
    if (this.#closed || this.#waitingNumbers + rows.length > MOST_WAITING) return Promise.resolve('busy')
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(this.#options.timeoutMs, () => job.settle('timeout'))
      const job: Job = {
        forest,
        bound,
        width,
        rows,
        failures: 0,
        isOver: false,
        settle: (result) => {
          if (job.isOver) return
          job.isOver = true
          timer.cancel()
          resolve(result)
        },
      }
      this.#wait(job)
      this.#dispatch()
    })
  }

  /**
   * Where a thread ends before it was ready, Piscina leaves what waits for it in its queue, and starts no other: another task makes it. So does
   * one that costs nothing.
   */
  #wake(pool: Piscina): void {
    if (!this.#closed && pool.queueSize > 0) pool.run(WAKE).catch(() => {})
  }

  #wait(job: Job): void {
    this.#waiting.push(job)
    this.#waitingNumbers += job.rows.length
  }

  /** As many tasks as there are threads: what else comes waits here, and goes together. */
  #dispatch(): void {
    while (this.#running < this.#options.threads) {
      const jobs = this.#next()
      if (jobs.length === 0) return
      this.#running++
      void this.#run(jobs)
    }
  }

  /** What goes as one task. A job that was in a task that failed goes alone: its neighbours shall not suffer with it a second time. */
  #next(): Job[] {
    const jobs: Job[] = []
    let numbers = 0
    while (this.#waiting.length > 0) {
      const job = this.#waiting[0]!
      const first = jobs[0]
      const fits =
        first === undefined ||
        (job.forest === first.forest && job.failures === 0 && first.failures === 0 && numbers + job.rows.length <= MOST_NUMBERS)
      if (!job.isOver && !fits) break
      this.#waiting.shift()
      this.#waitingNumbers -= job.rows.length
      if (job.isOver) continue
      jobs.push(job)
      numbers += job.rows.length
    }
    return jobs
  }

  /** Never rejects. */
  async #run(jobs: readonly Job[]): Promise<void> {
    const { clock, timeoutMs } = this.#options
    const { forest, bound } = jobs[0]!
    const rows = joined(jobs)
    const hung = new AbortController()
    const timer = clock.after(Math.max(timeoutMs, LEAST_HUNG_MS), () => hung.abort())
    try {
      const task: ScoreTask = { kind: 'score', forest, rows, bound }
      share(await this.#scorers.run(task, { transferList: transferred(rows), signal: hung.signal }), jobs)
    } catch (error) {
      this.#failed(jobs, hung.signal.aborted ? 'it did not end' : (error as Error).message)
    }
    timer.cancel()
    this.#running--
    this.#dispatch()
  }

  #failed(jobs: readonly Job[], reason: string): void {
    if (this.#closed) {
      for (const job of jobs) job.settle('busy')
      return
    }
    this.failures++
    this.#options.log.warn({ batches: jobs.length, reason }, 'a scoring thread failed')
    for (const job of jobs) {
      if (job.isOver) continue
      if (++job.failures < 2) this.#wait(job)
      else {
        this.setAside++
        this.#options.log.error(
          { rows: job.rows.length / job.width, reason },
          'a batch failed two scoring threads: it goes on without scores',
        )
        job.settle('set aside')
      }
    }
  }

  /** In a thread of its own, which gives way to those that score, one after the other. Rejects where it fails. */
  train(task: TrainTask): Promise<Trained> {
    const trained = this.#training.then(() => this.#train(task))
    this.#training = trained.catch(() => {})
    return trained
  }

  async #train(task: TrainTask): Promise<Trained> {
    if (this.#closed) throw new Error('the pool is closed')
    const hung = new AbortController()
    const timer = this.#options.clock.after(LONGEST_TRAINING_MS, () => hung.abort())
    try {
      return await this.#trainer.run(task, { transferList: transferred(task.rows), signal: hung.signal })
    } finally {
      timer.cancel()
    }
  }

  /** What waits goes on without scores. */
  async close(): Promise<void> {
    this.#closed = true
    for (const job of this.#waiting) job.settle('busy')
    await Promise.all([this.#scorers.destroy(), this.#trainer.destroy()])
  }
}

function joined(jobs: readonly Job[]): Float32Array {
  const rows = new Float32Array(jobs.reduce((sum, job) => sum + job.rows.length, 0))
  let at = 0
  for (const job of jobs) {
    rows.set(job.rows, at)
    at += job.rows.length
  }
  return rows
}

/** Gives each job its part. */
function share({ scores, above, shares }: Scored, jobs: readonly Job[]): void {
  let from = 0
  let next = 0
  for (const job of jobs) {
    const to = from + job.rows.length / job.width
    const first = next
    while (next < above.length && above[next]! < to) next++
    const before = from
    job.settle({
      scores: scores.slice(from, to),
      above: above.slice(first, next).map((row) => row - before),
      shares: shares.slice(first * job.width, next * job.width),
    })
    from = to
  }
}

/** Not copied: here the rows are gone then. Piscina takes a list, though its types, made for an older Node's, say otherwise. */
function transferred(rows: Float32Array): never {
  return [rows.buffer] as never
}
