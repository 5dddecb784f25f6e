import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { KeyTable } from './key-table.ts'

function write(table: KeyTable, parts: readonly (Uint8Array | number)[]): void {
  table.begin()
  for (const part of parts) {
    if (typeof part === 'number') table.int(part)
    else table.part(part, 0, part.length)
  }
}

t.test('keys find what was remembered for them, and nothing else', async () => {
  const part = fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.integer({ min: -1, max: 3 }))
  const keys = fc.uniqueArray(fc.array(part, { minLength: 1, maxLength: 4 }), {
    maxLength: 200,
    selector: (parts) => JSON.stringify(parts),
  })
  fc.assert(
    fc.property(keys, (all) => {
      const table = new KeyTable()
      // A number alone may be the length of an empty text: whoever writes keys writes the same parts in the same order.
      const shaped = all.map((parts) => [parts.length, ...parts.flatMap((one) => (typeof one === 'number' ? [0, one] : [1, one]))])
      for (const [i, parts] of shaped.entries()) {
        write(table, parts)
        assert.equal(table.find(), -1)
        table.set(i)
      }
      for (const [i, parts] of shaped.entries()) {
        write(table, parts)
        assert.equal(table.find(), i)
      }
      assert.equal(table.size, all.length)
    }),
    { numRuns: 50 },
  )
})

t.test('what is remembered anew takes the place of what was', async (t) => {
  const table = new KeyTable()
  for (const value of [1, 2, 3]) {
    write(table, [Buffer.from('key')])
    t.equal(table.find(), value === 1 ? -1 : value - 1)
    table.set(value)
  }
  t.equal(table.size, 1)
})

t.test('what is behind a text in its last word is not of the key', async (t) => {
  const table = new KeyTable()
  write(table, [Buffer.from('abcdefgh')])
  write(table, [Buffer.from('abcde')])
  t.equal(table.find(), -1)
  table.set(1)
  write(table, [Buffer.from('xxxxxxxx')])
  write(table, [Buffer.from('abcde')])
  t.equal(table.find(), 1)
})

t.test('a table that is full begins anew, and long keys are not remembered', async (t) => {
  const table = new KeyTable()
  const long = Buffer.alloc(4000)
  for (let i = 0; i < 20_000; i++) {
    long.writeUInt32LE(i)
    write(table, [long])
    if (table.find() < 0) assert.ok(table.set(i))
  }
  t.ok(table.size < 10_000)
  write(table, [Buffer.alloc(5000)])
  t.equal(table.find(), -1)
  t.notOk(table.set(7))
  t.equal(table.find(), -1)
})
