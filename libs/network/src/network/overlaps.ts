/**
 * What several networks expose to one network, and which of them is used where ranges overlap (provider 3.4 ). The longest range that holds
 * all of a destination decides; of equal ranges the one of the lower VNI; without a VNI the first name. So the outcome depends neither on who came first
 * nor on the order in which things are read.
 */
import { holdsRange, type IpRange, parsePrefix, rangeOf } from '@weft/api';

/** `peer`: `<namespace>/<name>` of the network that exposes `prefix`. */
export type Offer = Readonly<{ peer: string; vni?: number; prefix: string }>;

/** All of `prefix` belongs to `used`; `unused` exposes `wider`, which holds it. */
export type Overlap = Readonly<{ prefix: string; used: string; unused: string; wider: string }>;

type Ranged = Readonly<{ offer: Offer; range: IpRange; length: number }>;

/** Each range that lies in a range of another network, once, with the closest such range. O(n log n). */
export function overlapsOf(offers: readonly Offer[]): readonly Overlap[] {
  const overlaps: Overlap[] = [];
  // Prefixes lie in one another or apart, so those around the present one are a stack.
  const around: Ranged[] = [];
  for (const each of rangedOf(offers).sort(byPlace)) {
    while (around.length > 0 && !holdsRange((around.at(-1) as Ranged).range, each.range)) around.pop();
    const other = around.findLast(({ offer }) => offer.peer !== each.offer.peer);
    if (other !== undefined) overlaps.push(overlapOf(other, each));
    around.push(each);
  }
  return overlaps;
}

function rangedOf(offers: readonly Offer[]): Ranged[] {
  return offers.flatMap((offer) => {
    const prefix = parsePrefix(offer.prefix);
    return prefix === undefined ? [] : [{ offer, range: rangeOf(prefix), length: prefix.length }];
  });
}

/** `inner` comes after `outer` in `byPlace`: of equal ranges, `outer` is the one that is used. */
function overlapOf(outer: Ranged, inner: Ranged): Overlap {
  const [used, unused] = outer.length === inner.length ? [outer, inner] : [inner, outer];
  return { prefix: inner.offer.prefix, used: used.offer.peer, unused: unused.offer.peer, wider: outer.offer.prefix };
}

/** Wider ranges before those that lie in them. */
function byPlace(a: Ranged, b: Ranged): number {
  if (a.range.family !== b.range.family) return a.range.family < b.range.family ? -1 : 1;
  if (a.range.first !== b.range.first) return a.range.first < b.range.first ? -1 : 1;
  return a.length - b.length || comesFirst(a.offer, b.offer);
}

function comesFirst(a: Offer, b: Offer): number {
  const [vniA, vniB] = [a.vni ?? Number.POSITIVE_INFINITY, b.vni ?? Number.POSITIVE_INFINITY];
  if (vniA !== vniB) return vniA < vniB ? -1 : 1;
  return a.peer < b.peer ? -1 : a.peer === b.peer ? 0 : 1;
}

/** The blocks that a network uses, as far as another one sees them. `isFiltered`: it exposes ranges only. `isOwn`: the network that sees. */
export type Use = Readonly<{ network: string; vni?: number; isFiltered: boolean; isOwn?: true; blocks: readonly string[] }>;
/** Both networks use a block; addresses that both have are those of `used`. */
type Shared = Readonly<{ block: string; used: string; unused: string }>;

/** One block, the first, for each two networks that use the same. Two that are filtered are compared by their ranges. O(n log n) in the number of blocks. */
export function sharedBlocks(uses: readonly Use[]): readonly Shared[] {
  const byName = new Map(uses.map((use) => [use.network, use]));
  const found = new Map<string, Shared>();
  const offers = uses.flatMap(({ network, blocks }) => blocks.map((prefix): Offer => ({ peer: network, prefix })));
  for (const { wider, used, unused } of overlapsOf(offers)) {
    const [a, b] = [byName.get(used), byName.get(unused)].sort(byPrecedence);
    if (a === undefined || b === undefined || (a.isFiltered && b.isFiltered)) continue;
    const pair = `${a.network} ${b.network}`;
    if (!found.has(pair)) found.set(pair, { block: wider, used: a.network, unused: b.network });
  }
  return [...found.values()];
}

/** The network itself, then one that exposes a part only, then the lower VNI (provider R-26). */
function byPrecedence(a: Use | undefined, b: Use | undefined): number {
  const rank = (use: Use | undefined) => (use?.isOwn === true ? 0 : use?.isFiltered === true ? 1 : 2);
  const vniOf = (use: Use | undefined) => use?.vni ?? Number.POSITIVE_INFINITY;
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (vniOf(a) !== vniOf(b)) return vniOf(a) < vniOf(b) ? -1 : 1;
  return (a?.network ?? '') < (b?.network ?? '') ? -1 : 1;
}

/** Of blocks what lies in one of these ranges: prefixes lie in one another or apart. */
export function exposedParts(blocks: readonly string[], ranges: readonly string[]): readonly string[] {
  const exposing = ranges
    .flatMap((text) => parsePrefix(text) ?? [])
    .map((prefix) => ({ text: `${prefix.address}/${prefix.length}`, range: rangeOf(prefix) }));
  return blocks.flatMap((block) => {
    const prefix = parsePrefix(block);
    if (prefix === undefined) return [];
    const range = rangeOf(prefix);
    if (exposing.some((each) => holdsRange(each.range, range))) return [block];
    return exposing.filter((each) => holdsRange(range, each.range)).map(({ text }) => text);
  });
}
