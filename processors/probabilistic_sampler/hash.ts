// The Collector's hash of a trace id or an attribute, as randomness: FNV-1a of 32 bits over the seed and the bytes. The sampler calls it.

const OFFSET = 0x811c_9dc5
const PRIME = 0x0100_0193
/** Only so many bits of the hash decide. */
const BUCKET_BITS = 14
export const BUCKETS: number = 2 ** BUCKET_BITS

/** What the hash of everything with that seed begins with: the seed's bytes, the least first. */
export function hashOfSeed(seed: number): number {
  let hash = OFFSET
  for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((seed >>> shift) & 0xff), PRIME)
  return hash
}

export function hashOf(bytes: Uint8Array, from: number, to: number, begun: number): number {
  let hash = begun
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, PRIME)
  return hash >>> 0
}

// The 56 bits of randomness that a hash becomes: the fourteen that decide, turned round because the Collector used to keep what lay below a
// limit; 28 made of the upper ones; the fourteen again.

export function upperOfHash(hash: number): number {
  return ((BUCKETS - 1 - (hash & (BUCKETS - 1))) << BUCKET_BITS) | (mixed(hash) >>> BUCKET_BITS)
}
export function lowerOfHash(hash: number): number {
  return ((mixed(hash) & (BUCKETS - 1)) << BUCKET_BITS) | (hash & (BUCKETS - 1))
}
function mixed(hash: number): number {
  const unused = hash >>> (32 - BUCKET_BITS)
  return unused ^ (unused << 10)
}
