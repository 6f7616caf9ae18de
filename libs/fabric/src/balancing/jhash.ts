/**
 * `jhash` of the Linux kernel (include/linux/jhash.h; Bob Jenkins, lookup3.c, 2006, public domain), and how nftables makes a number below `modulus` of it
 * (`reciprocal_scale`, include/linux/kernel.h). As on a little-endian machine: a big-endian one reads words of the key in its own order, and gives other hashes.
 */

const INITIAL = 0xdeadbeef;

/** `seed` and result: 32 bits, unsigned. */
export function jhash(key: Uint8Array, seed: number): number {
  let a = (INITIAL + key.length + seed) | 0;
  let b = a;
  let c = a;
  let at = 0;
  for (; key.length - at > 12; at += 12) {
    a = (a + wordAt(key, at)) | 0;
    b = (b + wordAt(key, at + 4)) | 0;
    c = (c + wordAt(key, at + 8)) | 0;
    // __jhash_mix
    a = ((a - c) ^ turn(c, 4)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ turn(a, 6)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ turn(b, 8)) | 0;
    b = (b + a) | 0;
    a = ((a - c) ^ turn(c, 16)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ turn(a, 19)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ turn(b, 4)) | 0;
    b = (b + a) | 0;
  }
  if (at === key.length) return c >>> 0;
  a = (a + wordAt(key, at)) | 0;
  b = (b + wordAt(key, at + 4)) | 0;
  c = (c + wordAt(key, at + 8)) | 0;
  // __jhash_final
  c = ((c ^ b) - turn(b, 14)) | 0;
  a = ((a ^ c) - turn(c, 11)) | 0;
  b = ((b ^ a) - turn(a, 25)) | 0;
  c = ((c ^ b) - turn(b, 16)) | 0;
  a = ((a ^ c) - turn(c, 4)) | 0;
  b = ((b ^ a) - turn(a, 14)) | 0;
  return ((c ^ b) - turn(b, 24)) >>> 0;
}

/** From a hash to a number below `modulus`: the high half of their product. */
export function scaled(hash: number, modulus: number): number {
  return Math.floor((hash * modulus) / 2 ** 32);
}

/** Four bytes from `at`; what lies behind the end counts as zero. */
function wordAt(key: Uint8Array, at: number): number {
  const byte = (i: number): number => key[at + i] ?? 0;
  return byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24);
}

function turn(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
