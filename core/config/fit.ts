// From a Tree to the plain value that a schema's validator reads; check.ts calls it. What the schema expects decides the few places
// where YAML leaves room: an empty section, text from the environment, sizes with a unit, paths beside the file.

import { dirname, resolve } from 'node:path'
import { bytesOf } from './bytes.ts'
import type { ConfigSchema } from './schema.ts'
import type { ScalarTree, Tree } from './tree.ts'

export function fit(tree: Tree, schema: ConfigSchema | undefined): unknown {
  if (tree.kind === 'list') return tree.items.map((item) => fit(item, schema?.items))
  if (tree.kind === 'scalar') return fitScalar(tree, schema)
  const value: Record<string, unknown> = {}
  // No key is `__proto__` (parse-yaml.ts refuses it), so assigning makes own properties only.
  for (const [key, entry] of tree.entries) value[key] = fit(entry.value, schemaOf(schema, key))
  return value
}

/** The schema of a map's entry. */
export function schemaOf(schema: ConfigSchema | undefined, key: string): ConfigSchema | undefined {
  if (schema?.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key]
  return typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined
}

function fitScalar({ value, fromEnv, place }: ScalarTree, schema: ConfigSchema | undefined): unknown {
  const type = schema?.type
  // `http:` with nothing after it is a section without settings.
  if (value === null && type === 'object') return {}
  // A password of digits is still text, as in the Collector.
  if (fromEnv !== undefined && typeof value !== 'string' && type === 'string') return fromEnv
  if (schema?.format === 'bytes' && type === 'integer' && typeof value === 'string') return bytesOf(value) ?? value
  if (schema?.format === 'duration' && value === 0) return '0s'
  if (schema?.format === 'path' && typeof value === 'string' && /^\.\.?\//.test(value)) return resolve(dirname(place.file), value)
  return value
}
