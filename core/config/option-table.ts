// A schema as the table of options that a component's page shows. docs/write-options.ts writes it into the pages.

import type { ConfigSchema } from './schema.ts'

export const BEGIN = '<!-- options -->'
export const END = '<!-- /options -->'

interface Row {
  readonly key: string
  readonly schema: ConfigSchema
  readonly isRequired: boolean
}

/** The text that belongs between the marks. */
export function optionTable(schema: ConfigSchema): string {
  const rows = rowsOf(schema, '')
  if (rows.length === 0) return 'It has no options.\n'
  const lines = rows.map(({ key, schema, isRequired }) => {
    const cells = [`\`${key}\``, typeOf(schema), defaultOf(schema, isRequired), schema.description ?? '']
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |\n`
  })
  return `| option | type | default | meaning |\n|---|---|---|---|\n${lines.join('')}`
}

/** `page` with the table between its marks, or undefined if it has no marks. */
export function withOptions(page: string, schema: ConfigSchema): string | undefined {
  const [begin, end] = [page.indexOf(`${BEGIN}\n`), page.indexOf(END)]
  if (begin === -1 || end < begin) return undefined
  return `${page.slice(0, begin)}${BEGIN}\n${optionTable(schema)}${page.slice(end)}`
}

/** Only what can be written: a section that only holds options has no row of its own unless there is something to say about it. */
function rowsOf(schema: ConfigSchema, prefix: string): readonly Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const key = `${prefix}${name}`
    const values = typeof child.additionalProperties === 'object' ? child.additionalProperties : {}
    const inner =
      child.folded === true ? [] : [...rowsOf(child, `${key}.`), ...rowsOf(values, `${key}.*.`), ...rowsOf(child.items ?? {}, `${key}[].`)]
    const own = { key, schema: child, isRequired: schema.required?.includes(name) ?? false }
    return inner.length > 0 && child.description === undefined ? inner : [own, ...inner]
  })
}

function typeOf(schema: ConfigSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  const choices = (schema['anyOf'] ?? schema['oneOf']) as readonly ConfigSchema[] | undefined
  if (choices !== undefined) return choices.map(typeOf).join(' or ')
  const name = nameOf(schema)
  return schema.secret === true ? `${name}, secret` : name
}

function nameOf(schema: ConfigSchema): string {
  if (schema.format === 'duration') return 'duration'
  if (schema.format === 'bytes') return 'size'
  switch (schema.type) {
    case 'string':
      return 'text'
    case 'integer':
      return 'whole number'
    case 'number':
      return 'number'
    case 'boolean':
      return 'true or false'
    case 'array':
      return schema.items === undefined ? 'list' : `list of ${nameOf(schema.items)}`
    case 'object':
      return typeof schema.additionalProperties === 'object' ? `map of ${nameOf(schema.additionalProperties)}` : 'section'
    default:
      return (
        typesOf(schema)
          .map((type) => nameOf({ type }))
          .join(' or ') || 'any value'
      )
  }
}

/** JSON Schema also has lists of types. */
function typesOf({ type }: { readonly type?: unknown }): readonly NonNullable<ConfigSchema['type']>[] {
  return Array.isArray(type) ? type : []
}

function defaultOf(schema: ConfigSchema, isRequired: boolean): string {
  if (schema.default !== undefined) return `\`${shown(schema.default, schema.format === 'bytes')}\``
  return isRequired ? 'required' : ''
}

function shown(value: unknown, isSize: boolean): string {
  if (typeof value !== 'number' || !isSize) return typeof value === 'string' ? value : JSON.stringify(value)
  for (const [unit, bytes] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (value >= bytes && value % bytes === 0) return `${value / bytes}${unit}`
  }
  return String(value)
}
