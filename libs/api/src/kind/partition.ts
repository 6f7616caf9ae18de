/**
 * Partitions: which writer owns a stream (DESIGN 9.4). The hash is fixed for the life of a store.
 */

export const PARTITIONS = 64;

/** `#7` names partition 7 itself (streams that belong to a partition, not to a namespace); any other key is hashed. */
export function partitionOf(partitionKey: string): number {
  const named = /^#([0-9]{1,2})$/.exec(partitionKey)?.[1];
  if (named !== undefined && Number(named) < PARTITIONS) return Number(named);
  return hash32(partitionKey) % PARTITIONS;
}

/** FNV-1a with a final mix, 32 bits. */
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
