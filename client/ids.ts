// Random ids of traces, spans and clients, in hexadecimal digits. `client.ts` and `execution.ts` ask for them.

const POOL_BYTES = 4096
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

const pool = new Uint8Array(POOL_BYTES)
let used = POOL_BYTES

/** Never all zeros, which OpenTelemetry takes for no id. */
export function randomHex(bytes: number): string {
  if (used + bytes > POOL_BYTES) {
    // Filled at once: asking for eight bytes at a time costs more than everything else that a call does.
    crypto.getRandomValues(pool)
    used = 0
  }
  let text = ''
  let any = 0
  for (let i = 0; i < bytes; i++) {
    const byte = pool[used++]!
    any |= byte
    text += HEX[byte]!
  }
  return any === 0 ? randomHex(bytes) : text
}
