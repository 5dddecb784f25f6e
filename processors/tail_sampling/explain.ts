// Writes into spans that leave why they do: attributes for people, and the threshold by which `budget` chose for whoever counts.

import { otlp } from '../../core/index.ts'
import { putTraceState, traceStateOf } from '../../core/sampling/index.ts'
import type { Findings } from './findings.ts'
import { type Verdict, unpacked } from './verdict.ts'
import { withThreshold } from './trace-state.ts'

/** What the Collector writes, and what it does not say: whether it would have been kept, and whether the trace was decided too early. */
const POLICY = 'tailsampling.policy'
const PART = 'tailsampling.composite_policy'
const LATE = 'tailsampling.cached_decision'
const DECISION = 'tailsampling.decision'
const CAUSE = 'tailsampling.cause'

type Attribute = readonly [key: Buffer, field: Buffer]

export interface Naming {
  /** The name of a policy by its number, and of the composite that it is a part of. */
  nameOf(policy: number): string
  ownerOf(part: number): string | undefined
}

export class Explanations {
  readonly #names: Naming
  readonly #writesAttributes: boolean
  readonly #edits: otlp.RequestEdits = new otlp.RequestEdits()
  /** By what is in a verdict without its threshold: that is as many as there are policies, a few times. */
  readonly #known = new Map<number, readonly Attribute[]>()

  constructor(names: Naming, writesAttributes: boolean) {
    this.#names = names
    this.#writesAttributes = writesAttributes
  }

  /** The request with its spans' verdicts in it; itself where there is nothing to write. Synchronous, for the index is everybody's. */
  write(chunk: Uint8Array, verdicts: Int32Array, findings: Findings, origin: string): Uint8Array {
    if (findings.isEmpty && !this.#writesAttributes && verdicts.every((verdict) => verdict >>> 12 === 0)) return chunk
    const edits = this.#edits
    edits.begin(otlp.indexChunk('traces', chunk))
    for (let span = 0; span < verdicts.length; span++) {
      const verdict = verdicts[span]!
      const threshold = verdict >>> 12
      if (this.#writesAttributes) for (const [key, field] of this.#attributesOf(verdict)) put(edits, span, key, field)
      if (threshold > 0) putThreshold(edits, span, threshold)
    }
    if (!findings.isEmpty) findings.write(edits, origin)
    return edits.empty ? chunk : edits.build()
  }

  #attributesOf(verdict: number): readonly Attribute[] {
    const bare = verdict & 0xfff
    let known = this.#known.get(bare)
    if (known === undefined) this.#known.set(bare, (known = this.#encode(unpacked(bare))))
    return known
  }

  #encode({ policy, cause, decision, isLate }: Verdict): readonly Attribute[] {
    const owner = this.#names.ownerOf(policy)
    const pairs: [string, string | boolean][] = [[DECISION, decision]]
    if (policy !== 0) pairs.push([POLICY, owner ?? this.#names.nameOf(policy)])
    if (owner !== undefined) pairs.push([PART, this.#names.nameOf(policy)])
    if (cause !== 'due') pairs.push([CAUSE, cause])
    if (isLate) pairs.push([LATE, true])
    return pairs.map(([key, value]) => [Buffer.from(key), otlp.encodeAttribute(key, value)])
  }
}

/** Another sampler may have been here before. */
function put(edits: otlp.RequestEdits, span: number, key: Buffer, field: Buffer): void {
  const row = otlp.findItemAttribute(edits.index, span, key)
  if (row >= 0) otlp.replaceItemAttribute(edits, span, row, key, field)
  else otlp.addItemAttribute(edits, span, field)
}

function putThreshold(edits: otlp.RequestEdits, span: number, threshold: number): void {
  const before = traceStateOf(edits.index, span)
  const written = withThreshold(before, threshold)
  if (written !== before) putTraceState(edits, span, written)
}
