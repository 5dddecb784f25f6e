// A request's headers as authenticators read them: only those that came once, because two of one name are read differently by different
// readers. Exchanges call it.

/** `raw` has names and values in turn, in any case; `:path` and its like, which HTTP/2 counts among them, are left out. */
export function loneHeaders(raw: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  const twice = new Set<string>()
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    if (name.startsWith(':')) continue
    if (headers.has(name)) twice.add(name)
    headers.set(name, raw[i + 1]!)
  }
  for (const name of twice) headers.delete(name)
  return headers
}
