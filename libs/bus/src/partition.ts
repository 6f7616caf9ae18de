/** Which of a context's writers a key belongs to (DESIGN 9.4). */

/** Fixed for the life of a store: another number would move streams between writers. */
export const PARTITIONS = 64;

/** 0 to 63, stable for ever: FNV-1a over UTF-8, then mixed so that the low bits depend on all of them. */
export function partitionOf(key: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) & (PARTITIONS - 1);
}
