// A small JSON object from outside: answers of other servers are read through it. Requests have a reader of their own.

/** The object, or undefined for anything else. Its members come from outside: read single ones, assign none of them onwards. */
export function parseObject(body: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
