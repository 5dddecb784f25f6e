// The secrets that a configuration holds, and text without them: whatever the program prints while it runs goes through this. load.ts
// collects them, `run` has them replaced.

import { schemaOf } from './fit.ts'
import type { ConfigSchema } from './schema.ts'
import type { Tree } from './tree.ts'

/** A shorter secret would turn half of every line into stars, and is none. */
const MIN_LENGTH = 6

/** What stands where the schema says `secret`, or anywhere below. */
export function* secretsIn(tree: Tree, schema: ConfigSchema | undefined, inherited: boolean = false): Iterable<string> {
  const secret = inherited || schema?.secret === true
  if (tree.kind === 'scalar') {
    if (secret && tree.value !== null && typeof tree.value !== 'boolean') yield tree.fromEnv ?? String(tree.value)
  } else if (tree.kind === 'list') for (const item of tree.items) yield* secretsIn(item, schema?.items, secret)
  else for (const [key, { value }] of tree.entries) yield* secretsIn(value, schemaOf(schema, key), secret)
}

/** Replaces secrets by `***` wherever they stand in a text: as they are, encoded for a URL, or inside of base64. */
export function redactor(secrets: Iterable<string>): (text: string) => string {
  const forms = new Set<string>()
  for (const secret of secrets) if (secret.length >= MIN_LENGTH) for (const form of formsOf(secret)) forms.add(form)
  if (forms.size === 0) return (text) => text
  // The longest first: one secret may be the beginning of another.
  const sorted = [...forms].sort((a, b) => b.length - a.length)
  return (text) => {
    for (const form of sorted) if (text.includes(form)) text = text.replaceAll(form, '***')
    return text
  }
}

function formsOf(secret: string): readonly string[] {
  const forms = [secret, encodeURIComponent(secret.toWellFormed()), JSON.stringify(secret).slice(1, -1)]
  const bytes = Buffer.from(secret)
  // In `Basic` credentials it stands behind a name, so at any of three places within a group of base64.
  for (let before = 0; before < 3; before++) {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    // Only the digits that depend on the secret alone.
    const whole = encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
    forms.push(whole, whole.replaceAll('+', '-').replaceAll('/', '_'))
  }
  return forms
}
