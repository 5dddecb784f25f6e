// Memory for what is made of messages and does not stay: many pieces in one buffer, for a buffer of its own costs a small piece more than to write
// it. Whoever keeps a piece copies it, or it keeps its neighbours.

const ARENA_BYTES = 128 * 1024

let arena: Buffer = Buffer.allocUnsafeSlow(ARENA_BYTES)
let used = 0

/** Nobody else writes there, now or later. */
export function room(bytes: number): Buffer {
  if (bytes > ARENA_BYTES / 4) return Buffer.allocUnsafeSlow(bytes)
  if (used + bytes > ARENA_BYTES) {
    arena = Buffer.allocUnsafeSlow(ARENA_BYTES)
    used = 0
  }
  const start = used
  used += bytes
  return arena.subarray(start, used)
}
