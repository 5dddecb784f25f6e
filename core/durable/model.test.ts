// Random histories of the durable log on a file system that forgets. SEQUENCES and SEED (environment) make it longer, or repeat a run.

import fc from 'fast-check'
import t from 'tap'
import { ForgetfulDisk } from './fixtures/forgetful-files.ts'
import { SegmentLog } from './segment-log.ts'

const SEQUENCES = Number(process.env.SEQUENCES ?? 1000)
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31)

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('append' as const), sizes: fc.array(fc.nat(3000), { minLength: 1, maxLength: 4 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('release' as const), chances: fc.array(fc.nat(), { maxLength: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), after: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('failedSync' as const), times: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('damage' as const), chance: fc.nat() }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** What the outside knows of a record. */
interface Known {
  readonly id: number
  acknowledged: boolean
  released: boolean
  /** Its release has settled, so it must not come again. */
  gone: boolean
  damaged: boolean
}

class History {
  readonly disk: ForgetfulDisk
  readonly #known = new Map<number, Known>()
  #log!: SegmentLog
  #positions = new Map<number, number>()

  constructor(seed: number) {
    let state = seed | 1
    this.disk = new ForgetfulDisk(() => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0
      return (state >>> 0) / 2 ** 32
    })
  }

  async open(): Promise<void> {
    this.#log = await SegmentLog.open('log', { maxBytes: 2 ** 30, segmentBytes: 8192 }, this.disk.mount())
  }

  async run(step: Step): Promise<void> {
    if (step.kind === 'append') await Promise.all(step.sizes.map((size) => this.#append(size)))
    else if (step.kind === 'release') await this.#releaseSome(step.chances)
    else if (step.kind === 'crash') await this.#crash(step.after)
    else if (step.kind === 'failedSync') this.disk.failSyncs = step.times
    else {
      this.disk.failSyncs = 0
      await this.#log.close()
      const damaged = step.kind === 'damage' && this.#damage(step.chance)
      await this.open()
      await this.#log.surveyed()
      if (damaged && this.#log.damaged === 0 && this.#log.tornBytes === 0) throw new Error('damage that nobody counted')
    }
  }

  async #append(size: number): Promise<void> {
    const known: Known = { id: this.#known.size, acknowledged: false, released: false, gone: false, damaged: false }
    this.#known.set(known.id, known)
    const head = Buffer.alloc(4)
    head.writeUInt32LE(known.id)
    try {
      this.#positions.set(await this.#log.append([head, Buffer.alloc(size, known.id + 1)]), known.id)
      known.acknowledged = true
    } catch {
      // Not acknowledged: it may be there or not.
    }
  }

  async #releaseSome(chances: readonly number[]): Promise<void> {
    const waiting = [...this.#positions]
    await Promise.all(chances.map((chance) => this.#release(waiting[chance % waiting.length])))
  }

  async #release(entry: [number, number] | undefined): Promise<void> {
    if (entry === undefined || !this.#positions.delete(entry[0])) return
    const known = this.#known.get(entry[1]) as Known
    known.released = true
    try {
      await this.#log.release(entry[0])
      known.gone = true
    } catch {
      // It may come again.
    }
  }

  async #crash(after: number): Promise<void> {
    this.disk.crashAfter = after
    await Promise.all([this.#append(700), this.#append(2000), this.#releaseSome([after, after + 1])])
    this.disk.crash()
    await this.open()
    await this.check()
  }

  /** One byte of one acknowledged record is flipped. */
  #damage(chance: number): boolean {
    const waiting = [...this.#positions]
    const entry = waiting[chance % waiting.length]
    const names = this.disk.paths.filter((path) => /^log\/\d+\.segment$/.test(path)).sort()
    const at = (path: string): number => Number(path.slice(4, 20))
    const path = names.findLast((path) => entry !== undefined && at(path) <= entry[0])
    if (entry === undefined || path === undefined) return false
    const bytes = this.disk.bytesOf(path)
    const offset = entry[0] - at(path) + (chance % 36)
    bytes[offset] = (bytes[offset] as number) ^ 0x10
    ;(this.#known.get(entry[1]) as Known).damaged = true
    this.#positions.delete(entry[0])
    return true
  }

  /** Reads everything there is, and compares. */
  async check(): Promise<void> {
    this.#positions = new Map()
    const seen: number[] = []
    for (let from = 0; ;) {
      const page = await this.#log.read(from, 5000)
      if (page.next === from) break
      from = page.next
      for (const { position, bytes } of page.records) seen.push(this.#seen(position, bytes))
    }
    for (const known of this.#known.values()) {
      if (known.acknowledged && !known.released && !known.damaged && !seen.includes(known.id)) throw new Error(`lost ${known.id}`)
    }
    if (seen.some((id, i) => i > 0 && id <= (seen[i - 1] as number))) throw new Error(`out of order: ${seen.join()}`)
    if (this.disk.syncedAfterFailure > 0) throw new Error('synced a descriptor again after a sync had failed')
  }

  #seen(position: number, bytes: Uint8Array): number {
    const id = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32LE()
    const known = this.#known.get(id)
    if (known === undefined || bytes.subarray(4).some((byte) => byte !== ((id + 1) & 255))) throw new Error(`never appended: ${id}`)
    if (known.gone) throw new Error(`came again: ${id}`)
    if (known.damaged) throw new Error(`damaged, and read: ${id}`)
    this.#positions.set(position, id)
    return id
  }
}

async function live(steps: readonly Step[], seed: number, ignoreSync: boolean): Promise<void> {
  const history = new History(seed)
  history.disk.ignoreSync = ignoreSync
  await history.open()
  for (const step of steps) await history.run(step)
  await history.run({ kind: 'reopen' })
  await history.check()
}

const histories = (ignoreSync: boolean): fc.IAsyncPropertyWithHooks<[Step[], number]> =>
  fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.nat(2 ** 31 - 1), (steps, seed) => live(steps, seed, ignoreSync))

t.test(`no history of ${SEQUENCES} loses a record, reorders or invents one (SEED=${SEED})`, async (t) => {
  await t.resolves(fc.assert(histories(false), { numRuns: SEQUENCES, seed: SEED }))
})

t.test('on a disk that ignores syncs the same histories lose records: the model notices', async (t) => {
  const { failed } = await fc.check(histories(true), { numRuns: 1000, seed: 1 })
  t.ok(failed)
})
