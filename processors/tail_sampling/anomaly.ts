// The policy `anomaly`: holds for a trace that is not like the others. Scoring takes a moment, so the trace is brought to the model shortly before
// it is due, and its score is there when it is; where it is not, the policy has no vote, and nobody waits.

import { anomalyAttributes, type AnomalyModel, type AnomalyScorer, type Attribute, type Judgement } from '../../core/anomaly/index.ts'
import type { otlp } from '../../core/index.ts'
import { type Cells, FAILED, NOT_SAMPLED, type Policy, SAMPLED, type TraceView, type Vote } from './policy.ts'

/** The processor looks that often who is due, in milliseconds: a trace must have been asked for once before. */
const TICK_MS = 100

/** So many traces are judged in one turn of the event loop: some milliseconds. */
const AT_ONCE = 256

/** Offsets from the policy's first cell: what stands for the spans that came, and for the question that was asked, both from 1 on; and how many spans that is. */
const NOTED = 0
const ASKED = 1
const COUNT = 2

/** One trace whose score was asked for. */
interface Question {
  vote: Vote
  /** Why it holds. */
  attributes: readonly Attribute[] | undefined
  /** The trace is gone: nobody reads the answer. */
  isOver: boolean
}

export class Anomaly implements Policy {
  readonly aheadMs: number
  readonly #cell: number
  readonly #scorer: AnomalyScorer
  readonly #minScore: number
  readonly #questions: (Question | undefined)[] = []
  readonly #free: number[] = []
  #traces: number[] = []
  #asked: Question[] = []
  readonly #underWay = new Set<Promise<void>>()
  /** Spans of which the model holds a note. */
  #notes = 0

  constructor(cells: Cells, model: AnomalyModel, minScore: number) {
    this.#cell = cells.take(3)
    this.#scorer = model.scorer('traces')
    this.#minScore = minScore
    this.aheadMs = model.timeoutMs + 2 * TICK_MS
  }

  observe(index: otlp.RequestIndex, span: number, cells: Int32Array, at: number): void {
    const noted = at + this.#cell + NOTED
    cells[noted] = this.#scorer.note(index, span, cells[noted]! - 1) + 1
    cells[at + this.#cell + COUNT]!++
    this.#notes++
  }

  get bytes(): number {
    return this.#notes * this.#scorer.noteBytes
  }

  foresee({ cells, at }: TraceView): void {
    const first = at + this.#cell
    if (cells[first + ASKED] !== 0) return
    const question: Question = { vote: FAILED, attributes: undefined, isOver: false }
    const place = this.#free.pop() ?? this.#questions.length
    this.#questions[place] = question
    cells[first + ASKED] = place + 1
    this.#traces.push(cells[first + NOTED]! - 1)
    this.#asked.push(question)
    // The model forgets them once it has judged them; what comes late is noted anew, and forgotten with the trace.
    this.#notes -= cells[first + COUNT]!
    cells[first + NOTED] = cells[first + COUNT] = 0
  }

  /** Settles once the answers to this and to all earlier questions are there, or will not come. */
  async ask(): Promise<void> {
    const [traces, asked] = [this.#traces, this.#asked]
    if (traces.length > 0) {
      this.#traces = []
      this.#asked = []
      const answered = this.#judge(traces, asked).finally(() => this.#underWay.delete(answered))
      this.#underWay.add(answered)
    }
    await Promise.all(this.#underWay)
  }

  /** A few at a time: what comes in shall not wait until thousands have their features. */
  async #judge(traces: readonly number[], asked: readonly Question[]): Promise<void> {
    const answers: Promise<void>[] = []
    for (let from = 0; from < traces.length; from += AT_ONCE) {
      if (from > 0) await new Promise((resolve) => setImmediate(resolve))
      answers.push(this.#judgeSome(traces.slice(from, from + AT_ONCE), asked.slice(from, from + AT_ONCE)))
    }
    await Promise.all(answers)
  }

  async #judgeSome(traces: readonly number[], asked: readonly Question[]): Promise<void> {
    const judgement = await this.#scorer.judge(traces, traces.length)
    for (let i = 0; i < asked.length; i++) if (!asked[i]!.isOver) this.#answer(asked[i]!, judgement, i)
  }

  #answer(question: Question, judgement: Judgement, i: number): void {
    const score = judgement.scores[i]!
    if (Number.isNaN(score)) return
    const holds = score > judgement.bound && score >= this.#minScore
    question.vote = holds ? SAMPLED : NOT_SAMPLED
    if (holds) question.attributes = anomalyAttributes(judgement, i)
  }

  evaluate(trace: TraceView): Vote {
    return this.#questionOf(trace)?.vote ?? FAILED
  }

  attributesOf(trace: TraceView): readonly Attribute[] | undefined {
    return this.#questionOf(trace)?.attributes
  }

  #questionOf({ cells, at }: TraceView): Question | undefined {
    return this.#questions[cells[at + this.#cell + ASKED]! - 1]
  }

  forget({ cells, at }: TraceView): void {
    const first = at + this.#cell
    const noted = cells[first + NOTED]!
    if (noted > 0) this.#scorer.forget(noted - 1)
    const place = cells[first + ASKED]! - 1
    this.#notes -= cells[first + COUNT]!
    cells[first + NOTED] = cells[first + ASKED] = cells[first + COUNT] = 0
    const question = this.#questions[place]
    if (question === undefined) return
    question.isOver = true
    this.#questions[place] = undefined
    this.#free.push(place)
  }
}
