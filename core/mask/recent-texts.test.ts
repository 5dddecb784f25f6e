import t from 'tap'
import { ByteWriter } from '../otlp/byte-writer.ts'
import { RecentTexts } from './recent-texts.ts'
import type { Finding } from './rules.ts'

interface Named extends Finding {
  readonly name: string
}

/** Asks as `Masker` does: what is not known is kept. Says what was known, and what would be written. */
function ask(texts: RecentTexts<Named>, text: string, bits: number, name: string, instead?: string): readonly [string?, string?] {
  const bytes = Buffer.from(`<${text}>`)
  texts.begin(bytes)
  const known = texts.get(1, bytes.length - 1, bits)
  if (known === undefined) {
    texts.keep(1, bytes.length - 1, bits, { deletes: false, name }, instead)
    return []
  }
  const arena = new ByteWriter(1)
  texts.writeInstead(arena)
  return [known.name, String(arena.copy(1))]
}

t.test('knows a text that was kept, and what stands instead of it', async (t) => {
  const texts = new RecentTexts<Named>()
  t.same(ask(texts, 'ann@example.com', 1, 'email', '[EMAIL]'), [])
  t.same(ask(texts, 'bob@example.com', 1, 'email', '[BOB]'), [])
  t.same(ask(texts, 'ann@example.com', 1, 'x', 'x'), ['email', '[EMAIL]'])
  t.same(ask(texts, 'ann@example.com', 2, 'other bits', ''), [], 'what was seen in it is a part of what is asked')
  t.same(ask(texts, 'ann@example.co', 1, 'x'), [])
  t.same(ask(texts, 'Ann@example.com', 1, 'x'), [])
})

t.test('keeps nothing that is long or cannot be written as it is', async (t) => {
  const texts = new RecentTexts<Named>()
  for (const [text, instead] of [
    ['x'.repeat(1000), ''],
    ['x'.repeat(100), 'y'.repeat(100)],
    ['short', 'y'.repeat(128)],
    ['ascii', 'é'],
  ] as const) {
    t.same(ask(texts, text, 1, 'first', instead), [])
    t.same(ask(texts, text, 1, 'second', instead), [], `${text.length} bytes`)
  }
  t.same(ask(texts, 'é'.repeat(50), 1, 'first', 'y'.repeat(80)), [])
  t.same(ask(texts, 'é'.repeat(50), 1, 'second'), ['first', 'y'.repeat(80)], 'the text may be any')
})

t.test('never takes a text for another, however many there are', async (t) => {
  const texts = new RecentTexts<Named>()
  let known = 0
  for (let round = 0; round < 2; round++)
    for (let i = 0; i < 30_000; i++) {
      const text = `${i % 7 === 0 ? 'key' : 'customer-'}${i.toString(36)}`
      const [name, instead] = ask(texts, text, i % 3, text, `[${text}]`)
      if (name === undefined) continue
      known++
      if (name !== text || instead !== `[${text}]`) t.same([name, instead], [text, `[${text}]`])
      const [again] = ask(texts, text, i % 3, '')
      if (again !== text) t.equal(again, text)
    }
  t.ok(known < 30_000, 'most had to go')
  const few = Array.from({ length: 500 }, (_, i) => `203.0.113.${i}`)
  for (const text of few) ask(texts, text, 1, text)
  const kept = few.filter((text) => ask(texts, text, 1, '')[0] === text)
  t.ok(kept.length > 450, `of few texts most stay: ${kept.length} of 500`)
})
