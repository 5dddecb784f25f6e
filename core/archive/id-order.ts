// Puts entries that begin with a trace id, four words, in the order of their ids: an index of a large object has a million, and nothing else runs meanwhile.

/** Entries that are so few are sorted by comparing them. */
const FEW = 24
/** How many keys have each value in each of their four bytes: of one call after the other. */
const counts = new Uint32Array(4 * 256)

interface Sorting {
  readonly words: Uint32Array
  readonly stride: number
  readonly order: Uint32Array
  readonly keys: Uint32Array
  readonly otherOrder: Uint32Array
  readonly otherKeys: Uint32Array
}

/**
 * The numbers of the entries `[from, to)` in the order of their ids; those of one id stay as they were. It is sorted by the first word, and where that is the same by the next one:
 * each in four passes, byte for byte, so that no choice of ids makes it slow.
 */
export function inOrder(words: Uint32Array, stride: number, from: number, to: number): Uint32Array {
  const [order, keys, otherOrder, otherKeys] = Array.from({ length: 4 }, () => new Uint32Array(to - from)) as Four
  for (let i = 0; i < order.length; i++) order[i] = from + i
  sortBy({ words, stride, order, keys, otherOrder, otherKeys }, 0, order.length, 0)
  return order
}

type Four = [Uint32Array<ArrayBuffer>, Uint32Array<ArrayBuffer>, Uint32Array<ArrayBuffer>, Uint32Array<ArrayBuffer>]

function sortBy(sorting: Sorting, from: number, to: number, word: number): void {
  if (to - from <= FEW) return insert(sorting, from, to, word)
  const { words, stride, order, keys } = sorting
  for (let i = from; i < to; i++) keys[i] = words[order[i]! * stride + word]!
  pass(sorting, from, to)
  if (word === 3) return
  for (let start = from, end: number; start < to; start = end) {
    for (end = start + 1; end < to && keys[end] === keys[start];) end++
    if (end > start + 1) sortBy(sorting, start, end, word + 1)
  }
}

/** Sorts the keys of a range, and what belongs to them. */
function pass({ order, keys, otherOrder, otherKeys }: Sorting, from: number, to: number): void {
  counts.fill(0)
  for (let i = from; i < to; i++) for (let byte = 0; byte < 4; byte++) counts[byte * 256 + ((keys[i]! >>> (8 * byte)) & 255)]!++
  let [order0, keys0, order1, keys1] = [order, keys, otherOrder, otherKeys]
  for (let byte = 0; byte < 4; byte++) {
    const [first, shift] = [byte * 256, 8 * byte]
    // All are alike: nothing moves.
    if (counts[first + ((keys0[from]! >>> shift) & 255)] === to - from) continue
    let place = from
    for (let value = first; value < first + 256; value++) [counts[value], place] = [place, place + counts[value]!]
    for (let i = from; i < to; i++) {
      const key = keys0[i]!
      const at = counts[first + ((key >>> shift) & 255)]!++
      keys1[at] = key
      order1[at] = order0[i]!
    }
    ;[order0, keys0, order1, keys1] = [order1, keys1, order0, keys0]
  }
  if (order0 === order) return
  order.set(order0.subarray(from, to), from)
  keys.set(keys0.subarray(from, to), from)
}

function insert({ words, stride, order }: Sorting, from: number, to: number, word: number): void {
  for (let i = from + 1; i < to; i++) {
    const entry = order[i]!
    let at = i
    for (; at > from && isBehind(words, order[at - 1]! * stride, entry * stride, word); at--) order[at] = order[at - 1]!
    order[at] = entry
  }
}

function isBehind(words: Uint32Array, a: number, b: number, word: number): boolean {
  for (let i = word; i < 4; i++) if (words[a + i] !== words[b + i]) return words[a + i]! > words[b + i]!
  return false
}
