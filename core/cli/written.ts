// Waits until what was said is written: whoever reads it through a pipe may be slower than we are, and what is not written when the process exits is
// lost. main.ts asks for it at the end.

import type { Writable } from 'node:stream'

/** Settles once nothing waits, once nobody reads any more, or once `patienceMs` is over. */
export async function written(streams: readonly Writable[], patienceMs: number): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = patienceMs === Infinity ? undefined : setTimeout(resolve, patienceMs)
  // Its callback comes after everything that was written before, and with an error where nobody reads.
  const all = streams.map((stream) => new Promise<void>((done) => void stream.write('', () => done())))
  await Promise.race([Promise.all(all), over])
  clearTimeout(timer)
}
