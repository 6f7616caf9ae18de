/** Compact sets of objects, since most have one member and few have many: a single object, a short list, or a Set. */
export type Few<T extends object | string> = T | readonly T[] | Set<T> | undefined;

const LIST_MAX = 8;

export function plus<T extends object | string>(set: Few<T>, each: T): Few<T> {
  if (set === undefined || set === each) return each;
  if (set instanceof Set) return set.add(each);
  if (!isList(set)) return [set, each];
  if (set.includes(each)) return set;
  return set.length < LIST_MAX ? [...set, each] : new Set(set).add(each);
}

export function minus<T extends object | string>(set: Few<T>, each: T): Few<T> {
  if (set === undefined || set === each) return undefined;
  if (set instanceof Set) return set.delete(each) && set.size === 0 ? undefined : set;
  if (!isList(set)) return set;
  const left = set.filter((other) => other !== each);
  return left.length === 1 ? left[0] : left;
}

export function each<T extends object | string>(set: Few<T>): Iterable<T> {
  if (set === undefined) return NOTHING;
  return set instanceof Set || isList(set) ? set : [set];
}

export function has<T extends object | string>(set: Few<T>, each: T): boolean {
  if (set === undefined || set === each) return set !== undefined;
  if (set instanceof Set) return set.has(each);
  return isList(set) && set.includes(each);
}

export function sizeOf<T extends object | string>(set: Few<T>): number {
  if (set === undefined) return 0;
  if (set instanceof Set) return set.size;
  return isList(set) ? set.length : 1;
}

const NOTHING: readonly never[] = [];

function isList<T extends object | string>(set: T | readonly T[]): set is readonly T[] {
  return Array.isArray(set);
}
