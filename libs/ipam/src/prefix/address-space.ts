/**
 * Which addresses of a range are free: a value that is never changed in place, so that states of a Prefix share what has not changed. Plain JSON.
 *
 * It is a binary tree over the bits of addresses below the range. A node is free, used, or two halves; two halves that are alike are one node. So free
 * nodes are exactly the aligned free blocks that are as large as can be, and each pair of halves notes which lengths of free blocks are below it.
 * Every function costs O(bits), however many ranges are given out.
 */
import { bytesOfIp, ipOfBytes, parsePrefix } from '@weft/api';

export const FREE = 0;
const USED = 1;
export type AddressSpace = typeof FREE | typeof USED | Halves;
type Halves = readonly [low: AddressSpace, high: AddressSpace, lengths: Lengths];

/** A set of prefix lengths: bit `n % 30` of word `n / 30`. */
type Lengths = readonly number[];
const WORD = 30;

/** Addresses that share their first `length` bits. Bits behind these do not count. */
export type AddressRange = Readonly<{ bytes: readonly number[]; length: number }>;

/** `prefix` must be one; its host bits do not count. */
export function rangeOf(prefix: string): AddressRange {
  const parsed = parsePrefix(prefix);
  if (parsed === undefined) throw new Error(`"${prefix}" is no prefix`);
  return { bytes: bytesOfIp(parsed.address), length: parsed.length };
}

export function rangeText({ bytes, length }: AddressRange): string {
  return `${ipOfBytes(bytes)}/${length}`;
}

/** Whether `inner` lies in `outer`, or is the same. */
export function holds(outer: AddressRange, inner: AddressRange): boolean {
  if (outer.bytes.length !== inner.bytes.length || outer.length > inner.length) return false;
  for (let at = 0; at < outer.length; at++) if (bitOf(outer, at) !== bitOf(inner, at)) return false;
  return true;
}

/**
 * The lowest block of this length in the smallest free block that is large enough, of several the one with the lowest address (resources 3.11).
 * Undefined when there is none. `space` is that of `pool`.
 */
export function bestFit(space: AddressSpace, pool: AddressRange, length: number): AddressRange | undefined {
  const found = longestUpTo(lengthsOf(space, pool.length), length);
  if (found === undefined) return undefined;
  const bytes = firstBytesOf(pool);
  let node = space;
  for (let depth = pool.length; typeof node !== 'number'; depth++) {
    const [low, high]: Halves = node;
    const isLow = has(lengthsOf(low, depth + 1), found);
    if (!isLow) bytes[depth >> 3] = (bytes[depth >> 3] as number) | (0x80 >> (depth & 7));
    node = isLow ? low : high;
  }
  return { bytes, length };
}

/** Whether all of `range`, which must lie in `pool`, is free. */
export function isFree(space: AddressSpace, pool: AddressRange, range: AddressRange): boolean {
  let node = space;
  for (let depth = pool.length; typeof node !== 'number'; depth++) {
    if (depth === range.length) return false;
    node = bitOf(range, depth) === 0 ? node[0] : node[1];
  }
  return node === FREE;
}

/** The space without `range`, which must be free. */
export function without(space: AddressSpace, pool: AddressRange, range: AddressRange): AddressSpace {
  return changed(space, pool.length, range, USED);
}

/** The space with `range` given back to it, which must have been taken as a whole. */
export function givenBack(space: AddressSpace, pool: AddressRange, range: AddressRange): AddressSpace {
  return changed(space, pool.length, range, FREE);
}

function changed(node: AddressSpace, depth: number, range: AddressRange, to: typeof FREE | typeof USED): AddressSpace {
  if (depth === range.length) return to;
  const [low, high] = typeof node === 'number' ? [node, node] : node;
  if (bitOf(range, depth) === 0) return joined(changed(low, depth + 1, range, to), high, depth);
  return joined(low, changed(high, depth + 1, range, to), depth);
}

function joined(low: AddressSpace, high: AddressSpace, depth: number): AddressSpace {
  if (low === high && typeof low === 'number') return low;
  return [low, high, union(lengthsOf(low, depth + 1), lengthsOf(high, depth + 1))];
}

function bitOf({ bytes }: AddressRange, at: number): number {
  return ((bytes[at >> 3] as number) >> (7 - (at & 7))) & 1;
}

/** The bytes of the first address. */
function firstBytesOf({ bytes, length }: AddressRange): number[] {
  return bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, length - i * 8))));
}

const NO_LENGTHS: Lengths = [];
const ONE_LENGTH: readonly Lengths[] = Array.from({ length: 129 }, (_, length) => {
  const words = new Array<number>(Math.floor(length / WORD)).fill(0);
  return [...words, 1 << (length % WORD)];
});

function lengthsOf(node: AddressSpace, depth: number): Lengths {
  if (node === USED) return NO_LENGTHS;
  return node === FREE ? (ONE_LENGTH[depth] as Lengths) : node[2];
}

function has(lengths: Lengths, length: number): boolean {
  return (((lengths[Math.floor(length / WORD)] ?? 0) >> (length % WORD)) & 1) === 1;
}

function union(a: Lengths, b: Lengths): Lengths {
  const [longer, shorter] = a.length >= b.length ? [a, b] : [b, a];
  return longer.map((word, i) => word | (shorter[i] ?? 0));
}

function longestUpTo(lengths: Lengths, max: number): number | undefined {
  for (let length = Math.min(max, lengths.length * WORD - 1); length >= 0; length--) if (has(lengths, length)) return length;
  return undefined;
}
