// The order of ids, whatever they are: random, alike, alike in their beginning, alike in their end.

import fc from 'fast-check'
import t from 'tap'
import { inOrder } from './id-order.ts'

const STRIDE = 5
/** Few values, so that much is alike. */
const word = fc.oneof(fc.constantFrom(0, 1, 255, 256, 0xffff_ffff, 0x8000_0000), fc.integer({ min: 0, max: 0xffff_ffff }))
const alike = fc.constantFrom(0, 7)

t.test('is that of their bytes, and those of one id stay as they were', async () => {
  for (const words of [
    [word, word, word, word],
    [alike, word, alike, word],
    [alike, alike, alike, alike],
    [word, alike, alike, alike],
  ])
    fc.assert(
      fc.property(fc.array(fc.tuple(...words), { maxLength: 300, size: 'max' }), fc.nat(3), (ids, from) => {
        const table = new Uint32Array(ids.length * STRIDE)
        ids.forEach((id, i) => table.set(id, i * STRIDE))
        const hex = (i: number): string => ids[i]!.map((part) => part.toString(16).padStart(8, '0')).join('')
        const first = Math.min(from, ids.length)
        const wanted = ids.map((_, i) => i).slice(first).sort((a, b) => (hex(a) < hex(b) ? -1 : hex(a) > hex(b) ? 1 : a - b)) // prettier-ignore
        const found = [...inOrder(table, STRIDE, first, ids.length)]
        if (found.join() !== wanted.join()) throw new Error(`${found.join()} instead of ${wanted.join()}`)
      }),
      { numRuns: 100 },
    )
})
