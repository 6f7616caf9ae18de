/** Ranges of addresses that may overlap, cut into pieces that do not: the kernel's sets of ranges take no others (linux-dataplane 10). */
import { type IpFamily, ipOfNumber, parsePrefix, rangeOf } from '@weft/api';

/** Both ends inclusive. */
export type AddressSpan = Readonly<{ first: bigint; last: bigint }>;
export type Piece<T> = AddressSpan & Readonly<{ of: readonly T[] }>;

export type FamilySpan = AddressSpan & Readonly<{ family: IpFamily }>;

/** What is in the prefix and in none of `except`; nothing where one of them is no prefix. */
export function spansWithout(cidr: string, except: readonly string[]): readonly FamilySpan[] {
  const [outer, ...holes] = [cidr, ...except].map((text) => {
    const prefix = parsePrefix(text);
    return prefix && rangeOf(prefix);
  });
  if (outer === undefined || holes.includes(undefined)) return [];
  const { family } = outer;
  const spans: FamilySpan[] = [];
  let { first } = outer;
  const inOrder = holes.flatMap((hole) => (hole?.family === family ? [hole] : [])).sort((a, b) => compare(a.first, b.first));
  for (const hole of inOrder) {
    if (hole.first > first) spans.push({ family, first, last: hole.first - 1n < outer.last ? hole.first - 1n : outer.last });
    if (hole.last >= first) first = hole.last + 1n;
    if (first > outer.last) return spans;
  }
  return [...spans, { family, first, last: outer.last }];
}

/** In order: who is in each piece, in the order given. Pieces that touch are one where `same` says so. O(n log n + n · how many overlap). */
export function piecesOf<T>(
  spans: readonly (AddressSpan & Readonly<{ of: T }>)[],
  same: (a: readonly T[], b: readonly T[]) => boolean,
): readonly Piece<T>[] {
  const starts = [...spans.keys()].sort((a, b) => compare(at(spans, a).first, at(spans, b).first));
  const ends = [...spans.keys()].sort((a, b) => compare(at(spans, a).last, at(spans, b).last));
  const open = new Set<number>();
  const pieces: Piece<T>[] = [];
  let from = 0n;
  const close = (last: bigint): void => {
    if (open.size === 0 || last < from) return;
    const of = [...open].sort((a, b) => a - b).map((index) => at(spans, index).of);
    const before = pieces.at(-1);
    if (before !== undefined && before.last + 1n === from && same(before.of, of)) pieces[pieces.length - 1] = { ...before, last };
    else pieces.push({ first: from, last, of });
  };
  let s = 0;
  for (const end of ends) {
    const { last } = at(spans, end);
    for (let index = starts[s]; index !== undefined && at(spans, index).first <= last; index = starts[++s]) {
      const { first } = at(spans, index);
      if (first > from) {
        close(first - 1n);
        from = first;
      }
      open.add(index);
    }
    close(last);
    open.delete(end);
    if (last >= from) from = last + 1n;
  }
  return pieces;
}

/** As nft writes it: an address, a prefix, or `first-last`. */
export function textOfSpan({ first, last }: AddressSpan, family: IpFamily): string {
  const start = ipOfNumber(first, family);
  if (first === last) return start;
  const size = last - first + 1n;
  const isPrefix = (size & (size - 1n)) === 0n && first % size === 0n;
  const bits = family === 'IPv4' ? 32 : 128;
  return isPrefix ? `${start}/${bits - (size.toString(2).length - 1)}` : `${start}-${ipOfNumber(last, family)}`;
}

function at<T>(list: readonly T[], index: number): T {
  return list[index] as T;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
