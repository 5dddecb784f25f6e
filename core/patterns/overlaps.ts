// Which characters and sets of a pattern have a character in common. The engine itself is asked, so that flags and Unicode are its own.

import type { AST } from '@eslint-community/regexpp'

/** One letter of the scripts and classes that patterns tell apart. Two sets that share none of these and no character of the pattern count as disjoint. */
const FURTHER = 'Ωωжבعकกあア漢한ღაԱա𝒳😀€№“”–…\u00a0\u2003\u2028\ufeff٣３Ⅷ'

export class Overlaps {
  /** By state, the classes of characters that it takes, as bits. */
  readonly #taken: readonly bigint[]

  constructor(nodes: readonly AST.Node[], flags: string) {
    const alphabet = alphabetOf(nodes)
    const byRaw = new Map<string, bigint>()
    for (const { raw } of nodes) if (!byRaw.has(raw)) byRaw.set(raw, takenBy(raw, flags, alphabet))
    this.#taken = nodes.map(({ raw }) => byRaw.get(raw)!)
  }

  have(one: number, other: number): boolean {
    return (this.#taken[one]! & this.#taken[other]!) !== 0n
  }

  haveAll(one: number, other: number, third: number): boolean {
    return (this.#taken[one]! & this.#taken[other]! & this.#taken[third]!) !== 0n
  }
}

function alphabetOf(nodes: readonly AST.Node[]): readonly string[] {
  const characters = new Set(FURTHER)
  for (let code = 0; code < 0x180; code++) characters.add(String.fromCodePoint(code))
  for (const node of nodes) {
    for (const character of node.raw) characters.add(character)
    const escaped = node.type === 'CharacterClass' ? node.elements : [node]
    for (const one of escaped) {
      const codes = one.type === 'Character' ? [one.value] : one.type === 'CharacterClassRange' ? [one.min.value, one.max.value] : []
      for (const code of codes) characters.add(String.fromCodePoint(code))
    }
  }
  return [...characters]
}

function takenBy(raw: string, flags: string, alphabet: readonly string[]): bigint {
  const pattern = new RegExp(`^(?:${raw})$`, flags.replaceAll(/[gy]/g, ''))
  let bits = ''
  for (const character of alphabet) bits += pattern.test(character) ? '1' : '0'
  return BigInt(`0b${bits}`)
}
