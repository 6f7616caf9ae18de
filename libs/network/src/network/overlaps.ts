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
