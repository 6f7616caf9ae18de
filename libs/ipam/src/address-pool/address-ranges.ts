/** The addresses that a pool may give: its prefixes without what it excludes. Nothing is enumerated: a prefix may hold 2^64 addresses. */
import { familyOfIp, type IpRange, numberOfIp, parsePrefix, rangeOf, rangesOverlap } from '@weft/api';

export type AddressRanges = Readonly<{
  /** In the order of the spec. */
  prefixes: readonly (readonly [text: string, range: IpRange])[];
  /** Sorted by family and first address. */
  excludes: readonly IpRange[];
}>;

export function rangesOfPool({
  prefixes,
  excludes,
}: Readonly<{ prefixes: readonly string[]; excludes: readonly string[] }>): AddressRanges {
  const excluded = excludes.map(rangeOfText).sort((a, b) => (a.first < b.first ? -1 : 1));
  return { prefixes: prefixes.map((text) => [text, rangeOfText(text)]), excludes: excluded };
}

/** `text` must be a prefix, as the rules of the kind have checked. */
export function rangeOfText(text: string): IpRange {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`"${text}" is no prefix`);
  return rangeOf(prefix);
}

/** The lowest number from `from` on that is not excluded; undefined when the range has none. */
export function firstFrom(from: bigint, range: IpRange, excludes: readonly IpRange[]): bigint | undefined {
  let number = from;
  for (const { family, first, last } of excludes) if (family === range.family && first <= number && number <= last) number = last + 1n;
  return number <= range.last ? number : undefined;
}

/** What two ranges share. */
export function commonOf(a: IpRange, b: IpRange): IpRange | undefined {
  const [low, high] = a.first < b.first ? [a, b] : [b, a];
  if (a.family !== b.family || high.first > low.last || high.first > high.last || low.first > low.last) return undefined;
  const earlier = low.last < high.last ? low : high;
  return { ...earlier, first: high.first };
}

/** Ranges of one family, sorted, none of which touches another. */
export function united(ranges: readonly IpRange[]): readonly IpRange[] {
  const joined: IpRange[] = [];
  for (const range of [...ranges].sort((a, b) => (a.first < b.first ? -1 : 1))) {
    const before = joined.at(-1);
    if (before === undefined || before.last + 1n < range.first) joined.push(range);
    else if (before.last < range.last) joined.splice(-1, 1, { ...before, last: range.last });
  }
  return joined;
}

/** The ranges without one number. */
export function without(number: bigint, ranges: readonly IpRange[]): readonly IpRange[] {
  return ranges.flatMap((range) => {
    if (number < range.first || range.last < number) return [range];
    const parts = [
      { ...range, last: number - 1n },
      { ...range, first: number + 1n },
    ];
    return parts.filter(({ first, last }) => first <= last);
  });
}

export function mayGive(ranges: AddressRanges, ip: string): boolean {
  return isOfPrefix(ranges, ip) && !ranges.excludes.some((range) => isIn(range, ip));
}

/** Whether it is an address of one of the prefixes, excluded or not. */
export function isOfPrefix({ prefixes }: AddressRanges, ip: string): boolean {
  return prefixes.some(([, range]) => isIn(range, ip));
}

function isIn({ family, first, last }: IpRange, ip: string): boolean {
  if (familyOfIp(ip) !== family) return false;
  const number = numberOfIp(ip);
  return first <= number && number <= last;
}

/** How many addresses of a family there are. */
export function capacityOf({ prefixes, excludes }: AddressRanges, family: IpRange['family']): bigint {
  let count = 0n;
  for (const [, range] of prefixes) {
    if (range.family !== family) continue;
    for (let from = firstFrom(range.first, range, excludes); from !== undefined; ) {
      const stop = excludes.find((each) => each.family === family && each.first > (from as bigint) && each.first <= range.last);
      const last = stop === undefined ? range.last : stop.first - 1n;
      count += last - from + 1n;
      from = stop === undefined ? undefined : firstFrom(stop.first, range, excludes);
    }
  }
  return count;
}

/** The first pair of texts that overlap, the later one first. */
export function overlapAmong(prefixes: readonly string[]): readonly [later: number, earlier: number] | undefined {
  const ranges = prefixes.map(rangeOfText);
  for (const [later, range] of ranges.entries()) {
    const earlier = ranges.slice(0, later).findIndex((other) => rangesOverlap(range, other));
    if (earlier >= 0) return [later, earlier];
  }
  return undefined;
}
