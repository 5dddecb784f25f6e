// Names of attributes as users write them: in any case, with `*` for any characters. rules.ts asks them.

/** Whether one of the names fits. Linear in the key: each part between stars is looked for once, from the left. */
export function fitting(names: readonly string[]): (key: string) => boolean {
  const exact = new Set<string>()
  const globs: (readonly string[])[] = []
  for (const name of names) {
    const lower = name.toLowerCase()
    if (lower.includes('*')) globs.push(lower.split('*'))
    else exact.add(lower)
  }
  return (key) => {
    const lower = key.toLowerCase()
    return exact.has(lower) || globs.some((parts) => fits(lower, parts))
  }
}

function fits(key: string, parts: readonly string[]): boolean {
  const first = parts[0]!
  const last = parts.at(-1)!
  if (key.length < first.length + last.length || !key.startsWith(first) || !key.endsWith(last)) return false
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = key.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return at <= key.length - last.length
}
