/** Rendezvous hashing: every replica computes the same owner of a slot from the same list of replicas, and few slots move when one comes or goes. */

/** FNV-1a with a final mix, 32 bits. Fixed for the life of a store: partitions are numbered by it. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Weight of each slot for one replica; the highest wins, the smaller name where two are equal. */
export function weightsOf(replica: string, slots: number): Float64Array {
  const weights = new Float64Array(slots);
  for (let slot = 0; slot < slots; slot++) weights[slot] = hash32(`${slot}/${replica}`);
  return weights;
}
