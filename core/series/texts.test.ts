import t from 'tap'
import { writeAnyValue } from '../otlp/any-value.ts'
import { ByteWriter } from '../otlp/byte-writer.ts'
import { Texts } from './texts.ts'

/** The body of an AnyValue. */
function valueOf(value: string | number): Buffer {
  const out = new ByteWriter(16)
  writeAnyValue(out, value)
  return out.copy()
}

t.test('each value is its text, the first time and ever after', async (t) => {
  const texts = new Texts()
  const values = ['', 'a', 'ab', 'ünïcode', 7, 0.5, 'x'.repeat(100)]
  for (let round = 0; round < 2; round++)
    for (const value of values) {
      const bytes = valueOf(value)
      t.equal(texts.ofValue(bytes, 0, bytes.length), String(value))
    }
})

t.test('more texts than are remembered are right all the same', async (t) => {
  const texts = new Texts()
  let wrong = 0
  for (let i = 0; i < 30_000; i++) {
    const bytes = valueOf(`${i} ${'x'.repeat(i % 2 === 0 ? 2000 : 5000)}`)
    if (!texts.ofValue(bytes, 0, bytes.length).startsWith(`${i} `)) wrong++
  }
  t.equal(wrong, 0)
})
